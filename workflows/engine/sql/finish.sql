-- Applies outcomes of tasks that p_session runs (NULL: a person's hand): each only if its task still
-- runs for that session under that fence. Moves tokens on, ends executions, writes the audit.
-- Returns what was not plain: "stale" (routed on variables that have changed: route again and call
-- again), "refused" (the lease has passed on), "ended" (its execution has ended, with the state).
CREATE OR REPLACE FUNCTION workflows_finish(p_session bigint, p_outcomes jsonb)
RETURNS TABLE (what text, task_id bigint, execution_id bigint, state text, variables jsonb,
    variables_version integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := workflows_now();
    v_given workflows_outcome[];
    v_ids bigint[];
    v_executions bigint[];
    v_stale bigint[] := '{}';
    v_done bigint[];
    v_entries workflows_audit_entry[];
    v_more workflows_audit_entry[];
BEGIN
    SELECT array_agg(g), array_agg(g.id), array_agg(DISTINCT g.id >> 20)
    INTO v_given, v_ids, v_executions
    FROM jsonb_populate_recordset(NULL::workflows_outcome, p_outcomes) AS g;
    IF v_given IS NULL THEN
        RETURN;
    END IF;
    PERFORM 1 FROM workflows_audithead h
    WHERE h.execution_id = ANY (v_executions) ORDER BY h.execution_id FOR UPDATE;

    IF EXISTS (SELECT FROM unnest(v_given) g WHERE g.routed_on IS NOT NULL) THEN
        SELECT coalesce(array_agg(a.id), '{}') INTO v_stale
        FROM (
            SELECT g.id, g.routed_on,
                row_number() OVER (PARTITION BY g.id >> 20 ORDER BY g.id) AS place,
                bool_or(g.assigned <> '{}') OVER (PARTITION BY g.id >> 20) AS writes
            FROM unnest(v_given) g WHERE g.routed_on IS NOT NULL
        ) a JOIN workflows_execution x ON x.id = a.id >> 20
        WHERE x.variables_version <> a.routed_on OR (a.writes AND a.place > 1);
    END IF;

    WITH done AS (
        UPDATE workflows_task t SET
            state = CASE WHEN g."to" IN ('retry', 'released') THEN 'failed' ELSE g."to" END,
            output = CASE WHEN g."to" = 'completed' THEN g.output ELSE t.output END,
            error = coalesce(g.error, ''), error_kind = coalesce(g.error_kind, ''),
            input = coalesce(g.input, t.input), session = NULL,
            attempt = t.attempt - (g."to" = 'released')::integer,
            finished_at = CASE WHEN g."to" <> 'paused' THEN v_now END
        FROM unnest(v_given) AS g
        WHERE t.id = g.id AND t.id = ANY (v_ids) AND t.state = 'running'
            AND t.session IS NOT DISTINCT FROM p_session AND t.fence = g.fence
            AND NOT t.id = ANY (v_stale)
        RETURNING t.id, t.execution_id, t.key, t.state, t.attempt, t.fence, t.agent_key,
            t.timeout_seconds, g."to" AS went, g.actor, g.error, g.error_kind, g.assigned, g.data
    ),
    freed AS (
        UPDATE workflows_agentslot s SET task = NULL, session = NULL
        WHERE s.task = ANY (ARRAY(SELECT d.id FROM done d))
    ),
    unset AS (
        DELETE FROM workflows_timer m USING done d
        WHERE m.task_id = d.id AND m.kind = 'task_timeout' AND d.timeout_seconds IS NOT NULL
    )
    SELECT array_agg(d.id), array_agg(ROW(
        d.execution_id, 'task.' || d.state, 'task', d.id::text, d.id, 'running', d.state,
        coalesce(d.actor, CASE WHEN d.agent_key = '' THEN 'system' ELSE 'agent:' || d.agent_key END),
        d.attempt, nullif(d.agent_key, ''), d.fence,
        jsonb_strip_nulls(jsonb_build_object('key', d.key, 'error', d.error, 'error_kind',
            d.error_kind, 'set', nullif(d.assigned, '{}'))) || coalesce(d.data, '{}')
        )::workflows_audit_entry ORDER BY array_position(v_ids, d.id))
    INTO v_done, v_entries FROM done d;
    v_done := coalesce(v_done, '{}');

    RETURN QUERY
    SELECT CASE WHEN g.id = ANY (v_stale) THEN 'stale' ELSE 'refused' END, g.id, g.id >> 20,
        NULL::text, x.variables, x.variables_version
    FROM unnest(v_given) g LEFT JOIN workflows_execution x ON x.id = g.id >> 20
    WHERE NOT g.id = ANY (v_done);
    IF cardinality(v_done) = 0 THEN
        RETURN;
    END IF;

    IF EXISTS (SELECT FROM unnest(v_given) g WHERE g."to" IN ('retry', 'released')) THEN
        WITH again AS (
            UPDATE workflows_task t SET state = 'pending', finished_at = NULL,
                waits_on = (g."to" = 'retry')::integer,
                is_ready = g."to" = 'released' AND x.state IN ('pending', 'running')
            FROM unnest(v_given) AS g, workflows_execution x
            WHERE t.id = g.id AND t.id = ANY (v_done) AND g."to" IN ('retry', 'released')
                AND x.id = t.execution_id
            RETURNING t.id, t.execution_id, t.key, t.attempt, t.fence, g."to" AS went, g.delay,
                x.state = 'paused' AS is_held
        ),
        due AS (
            INSERT INTO workflows_timer(kind, execution_id, task_id, fence, due_at, is_held)
            SELECT 'retry', a.execution_id, a.id, a.fence, v_now + a.delay * interval '1 second',
                a.is_held
            FROM again a WHERE a.went = 'retry'
        )
        SELECT array_agg(ROW(
            a.execution_id, 'task.' || a.went, 'task', a.id::text, a.id, 'failed', 'pending', 'system',
            a.attempt, NULL, a.fence, jsonb_strip_nulls(jsonb_build_object(
                'key', a.key, 'delay_seconds', round(a.delay::numeric, 3))))::workflows_audit_entry)
        INTO v_more FROM again a;
        v_entries := v_entries || v_more;
    END IF;

    WITH arrive AS MATERIALIZED (
        SELECT target, count(*)::integer AS tokens
        FROM unnest(v_given) AS g CROSS JOIN LATERAL unnest(g.targets) AS target
        WHERE g.id = ANY (v_done) AND g."to" = 'completed' GROUP BY target
    ),
    moved AS (
        UPDATE workflows_task t SET waits_on = greatest(t.waits_on - a.tokens, 0),
            is_ready = t.waits_on <= a.tokens AND x.state IN ('pending', 'running')
        FROM arrive a, workflows_execution x
        WHERE t.id = a.target AND t.id = ANY (ARRAY(SELECT target FROM arrive))
            AND x.id = t.execution_id AND t.state = 'pending' AND t.waits_on > 0
        RETURNING t.execution_id, t.waits_on
    ),
    delta AS (
        SELECT c.execution_id, sum(c.n) AS n FROM (
            SELECT m.execution_id, 1 AS n FROM moved m WHERE m.waits_on = 0
            UNION ALL
            SELECT g.id >> 20, -1 FROM unnest(v_given) g
            WHERE g.id = ANY (v_done) AND g."to" IN ('completed', 'failed')
        ) AS c GROUP BY c.execution_id
    ),
    news AS (
        SELECT g.id >> 20 AS execution_id, g.assigned FROM unnest(v_given) g
        WHERE g.id = ANY (v_done) AND g.assigned <> '{}'
    )
    UPDATE workflows_execution x SET open_tasks = x.open_tasks + coalesce(d.n, 0),
        variables = x.variables || coalesce(n.assigned, '{}'),
        variables_version = x.variables_version + (n.assigned IS NOT NULL)::integer
    FROM delta d FULL JOIN news n ON n.execution_id = d.execution_id
    WHERE x.id = coalesce(d.execution_id, n.execution_id) AND x.id = ANY (v_executions)
        AND (d.n <> 0 OR n.assigned IS NOT NULL);

    PERFORM workflows_append_audit(v_entries);
    RETURN QUERY SELECT 'ended', NULL::bigint, e.execution_id, e.state, NULL::jsonb, NULL::integer
    FROM workflows_end(v_executions, ARRAY(
        SELECT g.id >> 20 FROM unnest(v_given) g WHERE g.id = ANY (v_done) AND g."to" = 'failed'
    )) AS e;
END $$;

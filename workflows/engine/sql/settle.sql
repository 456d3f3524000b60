-- Applies outcomes of tasks that p_session runs (NULL: a person's hand): each only if its task still
-- runs for that session under that fence. Locks the audit heads of their executions, in id order.
CREATE OR REPLACE FUNCTION workflows_settle(p_session bigint, p_outcomes jsonb)
RETURNS workflows_settled LANGUAGE plpgsql
-- What is given meets the tables by hashing: a loop in a loop would compare all with all.
SET enable_nestloop = off AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_old text := 'running';  -- a constant would send the planner through the index of all that runs
    v_ids bigint[];
    v_is_routed_on_variables boolean;
    v_is_tried_again boolean;
    v_timed bigint[];
    v_more workflows_audit_entry[];
    s workflows_settled;
BEGIN
    SELECT array_agg(g), array_agg(g.id), array_agg(DISTINCT g.id >> 20),
        bool_or(g.routed_on IS NOT NULL), bool_or(g."to" = 'failed'),
        bool_or(g."to" IN ('retry', 'released'))
    INTO s.given, v_ids, s.executions, v_is_routed_on_variables, s.has_failed, v_is_tried_again
    FROM jsonb_populate_recordset(NULL::workflows_outcome, p_outcomes) AS g;
    PERFORM 1 FROM workflows_audithead h
    WHERE h.execution_id = ANY (s.executions) ORDER BY h.execution_id FOR NO KEY UPDATE;
    s.stale := '{}';
    IF v_is_routed_on_variables THEN
        s.stale := workflows_stale(s.given, s.executions);
    END IF;

    WITH done AS (
        UPDATE workflows_task t SET
            state = CASE WHEN g."to" IN ('retry', 'released') THEN 'failed' ELSE g."to" END,
            output = CASE WHEN g."to" = 'completed' THEN g.output ELSE t.output END,
            error = coalesce(g.error, ''), error_kind = coalesce(g.error_kind, ''),
            input = coalesce(g.input, t.input), session = NULL,
            attempt = t.attempt - (g."to" = 'released')::integer,
            finished_at = CASE WHEN g."to" <> 'paused' THEN v_now END
        FROM ROWS FROM (unnest(s.given)) WITH ORDINALITY AS g(id, fence, "to", output, error,
            error_kind, input, assigned, routed_on, delay, targets, actor, data, place)
        WHERE t.id = g.id AND t.id = ANY (v_ids) AND t.state = v_old
            AND t.session IS NOT DISTINCT FROM p_session AND t.fence = g.fence
            AND NOT t.id = ANY (s.stale)
        RETURNING t.id, t.execution_id, t.key, t.state, t.attempt, t.fence, t.agent_key,
            t.timeout_seconds, g.actor, g.error, g.error_kind, g.assigned, g.data, g.place
    )
    SELECT array_agg(d.id) FILTER (WHERE d.timeout_seconds IS NOT NULL),
        coalesce(array_agg(d.id), '{}'), coalesce(array_agg(d.agent_key), '{}'), array_agg(ROW(
        d.execution_id, 'task.' || d.state, 'task', d.id::text, d.id, 'running', d.state,
        coalesce(d.actor, CASE WHEN d.agent_key = '' THEN 'system' ELSE 'agent:' || d.agent_key END),
        d.attempt, nullif(d.agent_key, ''), d.fence,
        CASE WHEN d.error IS NULL THEN jsonb_build_object('key', d.key)
            ELSE jsonb_strip_nulls(jsonb_build_object('key', d.key, 'error', d.error, 'error_kind',
                d.error_kind)) END
            || CASE WHEN d.assigned <> '{}' THEN jsonb_build_object('set', d.assigned) ELSE '{}' END
            || coalesce(d.data, '{}')
        )::workflows_audit_entry ORDER BY d.place)
    INTO v_timed, s.done, s.freed, s.entries FROM done d;

    IF v_timed IS NOT NULL THEN
        DELETE FROM workflows_timer m WHERE m.task_id = ANY (v_timed) AND m.kind = 'task_timeout';
    END IF;

    IF p_session IS NULL THEN
        UPDATE workflows_agentslot a SET task = NULL WHERE a.task = ANY (s.done);
        s.freed := '{}';
    END IF;
    IF v_is_tried_again THEN
        WITH again AS (
            UPDATE workflows_task t SET state = 'pending', finished_at = NULL,
                waits_on = (g."to" = 'retry')::integer,
                is_ready = g."to" = 'released' AND x.state IN ('pending', 'running'),
                waits_since = v_now
            FROM unnest(s.given) AS g, workflows_execution x
            WHERE t.id = g.id AND t.id = ANY (s.done) AND g."to" IN ('retry', 'released')
                AND x.id = t.execution_id AND x.id = ANY (s.executions)
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
        s.entries := s.entries || v_more;
    END IF;
    IF cardinality(s.freed) > 0 AND (p_outcomes @> '[{"answered": false}]'
            OR EXISTS (SELECT FROM workflows_breaker b WHERE b.failures > 0)) THEN
        s.entries := s.entries || workflows_judge(p_outcomes, s.done, s.freed);
    END IF;
    RETURN s;
END $$;

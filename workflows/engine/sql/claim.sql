-- Lends up to p_want ready tasks to a session: highest priority first, oldest execution first, each
-- to the agent of its lane with the least load/cap. A claim must lock a free slot, so a cap cannot be
-- exceeded; it locks the execution's audit head too and skips what others hold, so it never waits.
CREATE OR REPLACE FUNCTION workflows_claim(p_session bigint, p_want integer)
RETURNS TABLE (
    task_id bigint, execution_id bigint, version_id bigint, node integer, key text, lane integer,
    attempt smallint, max_attempts smallint, fence integer, agent_key text, input jsonb,
    variables jsonb, variables_version integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := workflows_now();
    v_tasks bigint[]; v_lanes integer[];
    s_lanes integer[]; s_ids bigint[]; s_agents text[];
    v_taken bigint[] := '{}'; v_slots bigint[] := '{}'; v_agents text[] := '{}';
    v_candidates jsonb;
    v_entries workflows_audit_entry[];
    i integer; j integer;
BEGIN
    WITH RECURSIVE lanes AS (
        (SELECT t.lane FROM workflows_task t WHERE t.is_ready ORDER BY t.lane LIMIT 1)
        UNION ALL
        SELECT (SELECT t.lane FROM workflows_task t WHERE t.is_ready AND t.lane > lanes.lane
                ORDER BY t.lane LIMIT 1)
        FROM lanes WHERE lanes.lane IS NOT NULL
    ),
    found AS MATERIALIZED (
        SELECT c.* FROM lanes CROSS JOIN LATERAL (
            SELECT t.id, t.priority, t.lane
            FROM workflows_task t JOIN workflows_audithead h ON h.execution_id = t.execution_id
            WHERE t.is_ready AND t.lane = lanes.lane
            ORDER BY t.priority DESC, t.id LIMIT p_want
            FOR UPDATE OF t, h SKIP LOCKED) AS c
        WHERE lanes.lane IS NOT NULL
    )
    SELECT array_agg(f.id ORDER BY f.priority DESC, f.id),
        array_agg(f.lane ORDER BY f.priority DESC, f.id)
    INTO v_tasks, v_lanes FROM found f;
    IF v_tasks IS NULL THEN
        RETURN;
    END IF;

    WITH wanted AS (
        SELECT w.lane, count(*) AS n FROM unnest(v_lanes) AS w(lane) WHERE w.lane > 0 GROUP BY w.lane
    ),
    loads AS MATERIALIZED (
        SELECT w.lane, w.n, m.agent_key, m.capacity, (
            SELECT count(*) FROM workflows_agentslot b
            WHERE b.agent_key = m.agent_key AND b.task IS NOT NULL) AS busy
        FROM wanted w JOIN workflows_lanemember m ON m.lane_id = w.lane
    ),
    free AS MATERIALIZED (
        SELECT l.lane, l.agent_key, s.id,
            (l.busy + row_number() OVER (PARTITION BY l.lane, l.agent_key ORDER BY s.id))::float
                / l.capacity AS ratio
        FROM loads l CROSS JOIN LATERAL (
            SELECT f.id FROM workflows_agentslot f
            WHERE f.agent_key = l.agent_key AND f.task IS NULL AND NOT f.is_retired
            ORDER BY f.id LIMIT l.n FOR UPDATE SKIP LOCKED) AS s
    ),
    known AS (
        SELECT l.lane, jsonb_agg(jsonb_build_object(
            'agent', l.agent_key, 'load', l.busy, 'cap', l.capacity) ORDER BY l.agent_key) AS list
        FROM loads l GROUP BY l.lane
    )
    SELECT (SELECT jsonb_object_agg(k.lane, k.list || n.rejected)
            FROM known k JOIN workflows_lane n ON n.id = k.lane),
        array_agg(f.lane ORDER BY f.lane, f.ratio, f.agent_key),
        array_agg(f.id ORDER BY f.lane, f.ratio, f.agent_key),
        array_agg(f.agent_key ORDER BY f.lane, f.ratio, f.agent_key)
    INTO v_candidates, s_lanes, s_ids, s_agents FROM free f;

    FOR i IN 1 .. cardinality(v_tasks) LOOP
        EXIT WHEN cardinality(v_taken) >= p_want;
        IF v_lanes[i] = 0 THEN
            v_taken := v_taken || v_tasks[i]; v_slots := v_slots || NULL::bigint;
            v_agents := v_agents || ''::text;
            CONTINUE;
        END IF;
        j := array_position(s_lanes, v_lanes[i]);
        WHILE j IS NOT NULL LOOP
            s_lanes[j] := -1;
            EXIT WHEN NOT s_ids[j] = ANY (v_slots) OR cardinality(v_slots) = 0;
            j := array_position(s_lanes, v_lanes[i]);
        END LOOP;
        CONTINUE WHEN j IS NULL;
        v_taken := v_taken || v_tasks[i]; v_slots := v_slots || s_ids[j];
        v_agents := v_agents || s_agents[j];
    END LOOP;
    IF cardinality(v_taken) = 0 THEN
        RETURN;
    END IF;

    WITH took AS (
        UPDATE workflows_task t SET state = 'running', is_ready = false, session = p_session,
            agent_key = c.agent, attempt = t.attempt + 1, fence = t.fence + 1, started_at = v_now,
            finished_at = NULL
        FROM unnest(v_taken, v_agents) AS c(id, agent)
        WHERE t.id = c.id AND t.id = ANY (v_taken)
        RETURNING t.id, t.execution_id, t.key, t.lane, t.attempt, t.fence, t.agent_key, t.timeout_seconds
    ),
    held AS (
        UPDATE workflows_agentslot s SET task = c.id, session = p_session,
            assigned_total = s.assigned_total + 1
        FROM unnest(v_taken, v_slots) AS c(id, slot)
        WHERE s.id = c.slot AND s.id = ANY (v_slots)
    ),
    begun AS (
        UPDATE workflows_execution x SET state = 'running', started_at = coalesce(x.started_at, v_now)
        WHERE x.id = ANY (ARRAY(SELECT DISTINCT took.execution_id FROM took)) AND x.state = 'pending'
        RETURNING x.id
    ),
    timed AS (
        INSERT INTO workflows_timer(kind, execution_id, task_id, fence, due_at)
        SELECT 'task_timeout', took.execution_id, took.id, took.fence,
            v_now + took.timeout_seconds * interval '1 second'
        FROM took WHERE took.timeout_seconds IS NOT NULL
    ),
    entries AS (
        SELECT 0 AS rank, 0 AS place, ROW(
            b.id, 'execution.running', 'execution', b.id::text, NULL, 'pending', 'running', 'system',
            NULL, NULL, NULL, '{}')::workflows_audit_entry AS entry
        FROM begun b
        UNION ALL
        SELECT 1, array_position(v_taken, k.id), ROW(
            k.execution_id, 'task.assigned', 'task', k.id::text, k.id, 'pending', 'running',
            CASE WHEN k.agent_key = '' THEN 'system' ELSE 'agent:' || k.agent_key END,
            k.attempt, nullif(k.agent_key, ''), k.fence,
            jsonb_build_object('key', k.key, 'session', p_session, 'candidates',
                coalesce(v_candidates -> k.lane::text, '[]')))::workflows_audit_entry
        FROM took k
    )
    SELECT array_agg(e.entry ORDER BY e.rank, e.place) INTO v_entries FROM entries e;
    PERFORM workflows_append_audit(v_entries);

    RETURN QUERY
    SELECT t.id, t.execution_id, x.version_id, t.node, t.key::text, t.lane, t.attempt,
        t.max_attempts, t.fence, t.agent_key::text, t.input, x.variables, x.variables_version
    FROM workflows_task t JOIN workflows_execution x ON x.id = t.execution_id
    WHERE t.id = ANY (v_taken)
    ORDER BY array_position(v_taken, t.id);
END $$;

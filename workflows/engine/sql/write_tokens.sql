-- Writes what token games did: new tasks as they are by now, and per execution its marking, the change
-- of its count of open tasks and the variables that were set. The caller holds the audit heads and
-- appends the audit rows.
CREATE OR REPLACE FUNCTION workflows_write_tokens(p_tasks jsonb, p_runs jsonb)
RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_ids bigint[];
BEGIN
    INSERT INTO workflows_task(
        id, execution_id, node, scope, iteration, loop_index, key, name, kind, lane, state, priority,
        rank, needs, waits_on, is_ready, waits_since, attempt, max_attempts, timeout_seconds, fence,
        input, output, error, error_kind, created_at, started_at, finished_at)
    SELECT n.id, n.id >> 20, n.node, n.scope, n.iteration, n.loop_index, n.key, n.name, n.kind, n.lane,
        n.state, n.priority, n.priority, 0, 0, n.is_ready, CASE WHEN n.is_ready THEN v_now END, 0,
        n.max_attempts, n.timeout_seconds, 0, n.input, n.output, n.error, n.error_kind, v_now, CASE WHEN n.state <> 'pending' THEN v_now END,
        CASE WHEN n.state IN ('completed', 'failed', 'cancelled') THEN v_now END
    FROM jsonb_to_recordset(p_tasks) AS n(
        id bigint, node integer, scope bigint, iteration integer, loop_index integer, key text,
        name text, kind text, lane integer, state text, priority smallint, is_ready boolean,
        max_attempts smallint, timeout_seconds integer, input jsonb, output jsonb, error text,
        error_kind text)
    ORDER BY n.id;

    SELECT array_agg((r ->> 'id')::bigint) INTO v_ids FROM jsonb_array_elements(p_runs) AS r;
    UPDATE workflows_execution x SET marking = r.marking, open_tasks = x.open_tasks + r.opened,
        variables = x.variables || coalesce(r.assigned, '{}'),
        variables_version = x.variables_version + (r.assigned IS NOT NULL)::integer
    FROM jsonb_to_recordset(p_runs) AS r(id bigint, marking jsonb, opened integer, assigned jsonb)
    WHERE x.id = r.id AND x.id = ANY (v_ids);
END $$;

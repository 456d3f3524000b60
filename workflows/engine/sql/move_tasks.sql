-- One legal move each for tasks of executions that the caller holds; how many were where they were
-- said to be. What is over is held by no session and is not ready.
CREATE OR REPLACE FUNCTION workflows_move_tasks(p_moves jsonb) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_ids bigint[];
    v_count integer;
BEGIN
    SELECT array_agg((m ->> 'id')::bigint) INTO v_ids FROM jsonb_array_elements(p_moves) AS m;
    UPDATE workflows_task t SET state = m.new, is_ready = false, session = NULL, waits_on = 0,
        output = coalesce(m.output, t.output), error = coalesce(m.error, t.error),
        error_kind = coalesce(m.error_kind, t.error_kind),
        started_at = CASE WHEN m.new = 'running' THEN coalesce(t.started_at, v_now)
            ELSE t.started_at END,
        finished_at = CASE WHEN m.new IN ('completed', 'failed', 'cancelled') THEN v_now END
    FROM jsonb_to_recordset(p_moves) AS m(
        id bigint, old text, new text, output jsonb, error text, error_kind text)
    WHERE t.id = m.id AND t.id = ANY (v_ids) AND t.state = m.old;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- Takes the executions of tasks in hand: locks them in the order of their ids and returns what routing
-- a token graph reads of them, with those of the tasks (and their fences) that still run for the
-- session.
CREATE OR REPLACE FUNCTION workflows_take_up(p_session bigint, p_tasks bigint[])
RETURNS TABLE (
    id bigint, workflow_id bigint, version_id bigint, state text, parent_task bigint,
    variables jsonb, marking jsonb, held jsonb)
LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[] := ARRAY(SELECT DISTINCT t >> 20 FROM unnest(p_tasks) AS t);
BEGIN
    PERFORM 1 FROM workflows_audithead h
    WHERE h.execution_id = ANY (v_ids) ORDER BY h.execution_id FOR NO KEY UPDATE;
    RETURN QUERY
    SELECT x.id, x.workflow_id, x.version_id, x.state::text, x.parent_task, x.variables, x.marking, (
            SELECT jsonb_object_agg(t.id, t.fence) FROM workflows_task t
            WHERE t.id = ANY (p_tasks) AND t.id >= x.id << 20 AND t.id < (x.id + 1) << 20
                AND t.state = 'running' AND t.session IS NOT DISTINCT FROM p_session)
    FROM workflows_execution x WHERE x.id = ANY (v_ids) ORDER BY x.id;
END $$;

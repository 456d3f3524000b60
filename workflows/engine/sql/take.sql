-- Writes that p_session runs p_tasks from now on, each for the agent at its place in p_agents, and
-- which executions begin with that, if p_may_begin; returns the audit rows, still to append.
-- p_candidates: by lane, the agents that were considered.
CREATE OR REPLACE FUNCTION workflows_take(
    p_session bigint, p_tasks bigint[], p_agents text[], p_repeatable boolean[], p_candidates jsonb,
    p_may_begin boolean)
RETURNS workflows_audit_entry[] LANGUAGE plpgsql
-- What is given meets the tables by hashing: a loop in a loop would compare all with all.
SET enable_nestloop = off AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_executions bigint[]; v_timed bigint[];
    v_begun workflows_audit_entry[]; v_entries workflows_audit_entry[];
BEGIN
    WITH took AS (
        UPDATE workflows_task t SET state = 'running', is_ready = false, waits_on = 0,
            session = p_session, agent_key = c.agent, is_repeatable = c.repeatable,
            rank = t.priority, attempt = t.attempt + 1, fence = t.fence + 1, started_at = v_now,
            finished_at = NULL
        FROM unnest(p_tasks, p_agents, p_repeatable) WITH ORDINALITY
            AS c(id, agent, repeatable, place)
        WHERE t.id = c.id AND t.id = ANY (p_tasks)
        RETURNING t.id, t.execution_id, t.key, t.lane, t.attempt, t.fence, t.agent_key,
            t.timeout_seconds, c.place
    )
    SELECT array_agg(DISTINCT k.execution_id),
        array_agg(k.id) FILTER (WHERE k.timeout_seconds IS NOT NULL),
        array_agg(ROW(
            k.execution_id, 'task.assigned', 'task', k.id::text, k.id, 'pending', 'running',
            CASE WHEN k.agent_key = '' THEN 'system' ELSE 'agent:' || k.agent_key END,
            k.attempt, nullif(k.agent_key, ''), k.fence,
            jsonb_build_object('key', k.key, 'session', p_session, 'candidates',
                coalesce(p_candidates -> k.lane::text, '[]')))::workflows_audit_entry
            ORDER BY k.place)
    INTO v_executions, v_timed, v_entries FROM took k;

    -- Few steps begin an execution or have a time limit, and a write of no rows costs something too.
    IF p_may_begin AND EXISTS (
        SELECT FROM workflows_execution x WHERE x.id = ANY (v_executions) AND x.state = 'pending'
    ) THEN
        WITH begun AS (
            UPDATE workflows_execution x SET state = 'running',
                started_at = coalesce(x.started_at, v_now)
            WHERE x.id = ANY (v_executions) AND x.state = 'pending'
            RETURNING x.id
        )
        SELECT array_agg(ROW(
            b.id, 'execution.running', 'execution', b.id::text, NULL, 'pending', 'running',
            'system', NULL, NULL, NULL, '{}')::workflows_audit_entry)
        INTO v_begun FROM begun b;
    END IF;
    IF v_timed IS NOT NULL THEN
        INSERT INTO workflows_timer(kind, execution_id, task_id, fence, due_at)
        SELECT 'task_timeout', t.execution_id, t.id, t.fence,
            v_now + t.timeout_seconds * interval '1 second'
        FROM workflows_task t WHERE t.id = ANY (v_timed);
    END IF;
    RETURN v_begun || v_entries;
END $$;

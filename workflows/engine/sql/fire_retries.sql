-- Makes tasks whose retry is due ready again; returns their executions. Skips what others hold.
CREATE OR REPLACE FUNCTION workflows_fire_retries(p_limit integer)
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH due AS (
        DELETE FROM workflows_timer WHERE id = ANY (ARRAY(
            SELECT m.id FROM workflows_timer m
            JOIN workflows_audithead h ON h.execution_id = m.execution_id
            WHERE m.kind = 'retry' AND NOT m.is_held AND m.due_at <= workflows_now()
            ORDER BY m.due_at LIMIT p_limit FOR UPDATE OF m, h SKIP LOCKED))
        RETURNING task_id
    )
    UPDATE workflows_task t SET waits_on = 0, waits_since = workflows_now(),
        is_ready = x.state IN ('pending', 'running')
            AND NOT EXISTS (SELECT FROM workflows_agentslot s WHERE s.task = t.id)
    FROM due, workflows_execution x
    WHERE t.id = due.task_id AND t.id = ANY (ARRAY(SELECT task_id FROM due))
        AND x.id = t.execution_id AND t.state = 'pending'
    RETURNING t.execution_id;
END $$;

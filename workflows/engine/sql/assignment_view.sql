-- An attempt is the audit row that recorded it, and its end is the next row of the same fence.
CREATE OR REPLACE VIEW workflows_assignment AS
SELECT a.id, a.execution_id, a.task_id, a.agent_id AS agent_key, a.attempt, a.lease_token AS fence,
    (a.data ->> 'session')::bigint AS session, a.data -> 'candidates' AS candidates,
    a.at AS assigned_at, e.at AS ended_at, coalesce(e.new_state, '') AS outcome
FROM workflows_auditevent a
LEFT JOIN LATERAL (
    SELECT n.at, n.new_state FROM workflows_auditevent n
    WHERE n.execution_id = a.execution_id AND n.seq > a.seq AND n.task_id = a.task_id
        AND n.lease_token = a.lease_token AND n.old_state = 'running'
    ORDER BY n.seq LIMIT 1
) AS e ON true
WHERE a.kind = 'task.assigned' AND a.agent_id IS NOT NULL;

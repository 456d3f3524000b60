-- Groups of tasks that are failed now, by fingerprint and workflow, the latest first; of each at
-- most p_most are counted. Walks from fingerprint to fingerprint: completed work costs nothing.
CREATE OR REPLACE FUNCTION workflows_incidents(p_groups integer, p_most integer)
RETURNS TABLE (
    fingerprint text, workflow_id bigint, failures bigint, first_at timestamptz,
    last_at timestamptz, task_id bigint)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    WITH RECURSIVE prints AS (
        (SELECT workflows_fingerprint(t.key, t.error_kind, t.error) AS print
         FROM workflows_task t WHERE t.state = 'failed' ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT workflows_fingerprint(t.key, t.error_kind, t.error)
                FROM workflows_task t
                WHERE t.state = 'failed'
                    AND workflows_fingerprint(t.key, t.error_kind, t.error) > p.print
                ORDER BY 1 LIMIT 1)
        FROM prints p WHERE p.print IS NOT NULL
    )
    SELECT p.print, g.workflow_id, g.failures, g.first_at, g.last_at, g.task_id
    FROM (SELECT print FROM prints WHERE print IS NOT NULL LIMIT 10000) AS p
    CROSS JOIN LATERAL (
        SELECT x.workflow_id, count(*) AS failures, min(f.finished_at) AS first_at,
            max(f.finished_at) AS last_at, max(f.id) AS task_id
        FROM (
            SELECT t.id, t.execution_id, t.finished_at FROM workflows_task t
            WHERE t.state = 'failed'
                AND workflows_fingerprint(t.key, t.error_kind, t.error) = p.print
            ORDER BY t.id DESC LIMIT p_most
        ) AS f JOIN workflows_execution x ON x.id = f.execution_id
        WHERE x.state NOT IN ('completed', 'cancelled')
        GROUP BY x.workflow_id
    ) AS g
    ORDER BY g.last_at DESC, p.print LIMIT p_groups
$$;

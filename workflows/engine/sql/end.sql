-- Ends the executions among p_executions that have come to their end: failed when a task has failed
-- for good or when tokens wait at joins that nothing can reach any more, else completed when nothing
-- is open. Only p_suspects are searched for failed tasks, so an ordinary step costs the same in a
-- large execution. A paused execution ends when it is resumed. The caller holds the audit heads and
-- appends the rows returned.
CREATE OR REPLACE FUNCTION workflows_end(
    p_executions bigint[], p_suspects bigint[],
    OUT ended bigint[], OUT states text[], OUT entries workflows_audit_entry[])
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := workflows_now();
BEGIN
    -- Most steps end nothing, and only to set up what follows costs them more than this look does.
    IF NOT EXISTS (
        SELECT FROM workflows_execution x
        WHERE x.id = ANY (p_executions) AND x.state = 'running'
            AND (x.open_tasks = 0 OR x.id = ANY (p_suspects))
    ) THEN
        RETURN;
    END IF;
    WITH live AS MATERIALIZED (
        SELECT x.id, x.open_tasks FROM workflows_execution x
        WHERE x.id = ANY (p_executions) AND x.state = 'running'
            AND x.marking IS NULL  -- a token graph ends when its marking says so
            AND (x.open_tasks = 0 OR x.id = ANY (p_suspects))
    ),
    troubled AS MATERIALIZED (
        SELECT l.id, l.open_tasks, f.reason FROM live l LEFT JOIN LATERAL (
            SELECT t.name || ': ' || t.error AS reason FROM workflows_task t
            WHERE t.id >= l.id << 20 AND t.id < (l.id + 1) << 20 AND t.state = 'failed'
            ORDER BY t.finished_at LIMIT 1
        ) AS f ON true
        WHERE l.open_tasks = 0 OR f.reason IS NOT NULL
    ),
    judged AS MATERIALIZED (
        SELECT r.id, coalesce(r.reason, s.reason) AS reason FROM troubled r LEFT JOIN LATERAL (
            SELECT 'Nothing can move on: ' || string_agg(t.name, ', ' ORDER BY t.id)
                || ' waits for paths that were not taken.' AS reason
            FROM workflows_task t
            WHERE r.open_tasks = 0 AND t.id >= r.id << 20 AND t.id < (r.id + 1) << 20
                AND t.state = 'pending' AND t.waits_on BETWEEN 1 AND t.needs - 1
        ) AS s ON true
    ),
    over AS (
        UPDATE workflows_execution x SET finished_at = v_now, error = coalesce(j.reason, ''),
            state = CASE WHEN j.reason IS NULL THEN 'completed' ELSE 'failed' END
        FROM judged j WHERE x.id = j.id AND x.id = ANY (p_executions)
        RETURNING x.id, x.state, x.error
    ),
    unreached AS (
        UPDATE workflows_task t SET state = 'cancelled', finished_at = v_now
        FROM judged j
        WHERE j.reason IS NULL AND t.id >= j.id << 20 AND t.id < (j.id + 1) << 20
            AND t.state = 'pending'
        RETURNING t.id, t.execution_id, t.key
    ),
    stopped AS (
        UPDATE workflows_task t SET is_ready = false
        FROM judged j
        WHERE j.reason IS NOT NULL AND t.id >= j.id << 20 AND t.id < (j.id + 1) << 20 AND t.is_ready
    ),
    unset AS (
        DELETE FROM workflows_timer m USING over e
        WHERE m.execution_id = e.id AND m.kind = 'execution_timeout'
    ),
    rows AS (
        SELECT 0 AS rank, u.id, ROW(
            u.execution_id, 'task.cancelled', 'task', u.id::text, u.id, 'pending', 'cancelled',
            'system', NULL, NULL, NULL, jsonb_build_object(
                'key', u.key, 'reason', 'path_not_taken'))::workflows_audit_entry AS entry
        FROM unreached u
        UNION ALL
        SELECT 1, e.id, ROW(
            e.id, 'execution.' || e.state, 'execution', e.id::text, NULL, 'running', e.state,
            'system', NULL, NULL, NULL, CASE WHEN e.error = '' THEN '{}'::jsonb
                ELSE jsonb_build_object('error', e.error) END)::workflows_audit_entry
        FROM over e
    )
    SELECT (SELECT array_agg(r.entry ORDER BY r.rank, r.id) FROM rows r),
        array_agg(o.id), array_agg(o.state)
    INTO entries, ended, states FROM over o;

    IF ended IS NOT NULL THEN  -- apart from the statement above, which runs with every step
        INSERT INTO workflows_delivery(kind, execution_id, data, created_at)
        SELECT 'answer', x.id, jsonb_build_object('task', x.parent_task, 'error', x.error,
            'code', CASE WHEN x.state = 'failed' THEN coalesce((
                SELECT t.error_kind FROM workflows_task t
                WHERE t.id >= x.id << 20 AND t.id < (x.id + 1) << 20 AND t.state = 'failed'
                ORDER BY t.finished_at LIMIT 1), 'error') ELSE '' END), v_now
        FROM workflows_execution x WHERE x.id = ANY (ended) AND x.parent_task IS NOT NULL;
    END IF;
END $$;

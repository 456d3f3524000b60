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
    v_over bigint[]; v_errors text[]; v_open bigint[]; v_troubled bigint[]; v_called bigint[];
    v_timed bigint[];
    v_unreached workflows_audit_entry[];
BEGIN
    -- Most steps end nothing, and only to set up what follows costs them more than this look does.
    IF NOT EXISTS (
        SELECT FROM workflows_execution x
        WHERE x.id = ANY (p_executions) AND x.state = 'running'
            AND (x.open_tasks = 0 OR x.id = ANY (p_suspects))
    ) THEN
        RETURN;
    END IF;
    -- One look at all tasks of each: is one failed, does one wait, and some tokens with it?
    SELECT array_agg(x.id) FILTER (WHERE x.open_tasks = 0 OR k.is_failed),
        array_agg(x.id) FILTER (WHERE x.open_tasks = 0 AND k.is_open),
        array_agg(x.id) FILTER (WHERE k.is_failed OR x.open_tasks = 0 AND k.is_stuck)
    INTO v_over, v_open, v_troubled
    FROM workflows_execution x CROSS JOIN LATERAL (
        SELECT bool_or(t.state = 'failed') AS is_failed, bool_or(t.state = 'pending') AS is_open,
            bool_or(t.state = 'pending' AND t.waits_on BETWEEN 1 AND t.needs - 1) AS is_stuck
        FROM workflows_task t WHERE t.id >= x.id << 20 AND t.id < (x.id + 1) << 20
    ) AS k
    WHERE x.id = ANY (p_executions) AND x.state = 'running'
        AND x.marking IS NULL  -- a token graph ends when its marking says so
        AND (x.open_tasks = 0 OR x.id = ANY (p_suspects));
    IF v_over IS NULL THEN
        RETURN;
    END IF;
    IF v_troubled IS NOT NULL THEN
        SELECT array_agg(x.id), array_agg(coalesce(f.reason, s.reason)) INTO v_troubled, v_errors
        FROM workflows_execution x LEFT JOIN LATERAL (
            SELECT t.name || ': ' || t.error AS reason FROM workflows_task t
            WHERE t.id >= x.id << 20 AND t.id < (x.id + 1) << 20 AND t.state = 'failed'
            ORDER BY t.finished_at LIMIT 1
        ) AS f ON true LEFT JOIN LATERAL (
            SELECT 'Nothing can move on: ' || string_agg(t.name, ', ' ORDER BY t.id)
                || ' waits for paths that were not taken.' AS reason
            FROM workflows_task t
            WHERE t.id >= x.id << 20 AND t.id < (x.id + 1) << 20
                AND t.state = 'pending' AND t.waits_on BETWEEN 1 AND t.needs - 1
        ) AS s ON true
        WHERE x.id = ANY (v_troubled);
        UPDATE workflows_task t SET is_ready = false FROM unnest(v_troubled) AS n
        WHERE t.id >= n << 20 AND t.id < (n + 1) << 20 AND t.is_ready;
    END IF;
    IF v_open IS NOT NULL THEN
        WITH unreached AS (
            UPDATE workflows_task t SET state = 'cancelled', finished_at = v_now
            FROM unnest(v_open) AS n
            WHERE t.id >= n << 20 AND t.id < (n + 1) << 20 AND t.state = 'pending'
                AND NOT n = ANY (coalesce(v_troubled, '{}'))
            RETURNING t.id, t.execution_id, t.key
        )
        SELECT array_agg(ROW(
            u.execution_id, 'task.cancelled', 'task', u.id::text, u.id, 'pending', 'cancelled',
            'system', NULL, NULL, NULL, jsonb_build_object(
                'key', u.key, 'reason', 'path_not_taken'))::workflows_audit_entry ORDER BY u.id)
        INTO v_unreached FROM unreached u;
    END IF;
    WITH over AS (
        UPDATE workflows_execution x SET finished_at = v_now,
            error = coalesce(v_errors[array_position(v_troubled, x.id)], ''),
            state = CASE WHEN x.id = ANY (v_troubled) THEN 'failed' ELSE 'completed' END
        WHERE x.id = ANY (v_over)
        RETURNING x.id, x.state, x.error, x.deadline_at, x.parent_task
    )
    SELECT array_agg(o.id), array_agg(o.state),
        array_agg(o.id) FILTER (WHERE o.deadline_at IS NOT NULL),
        array_agg(o.id) FILTER (WHERE o.parent_task IS NOT NULL),
        v_unreached || array_agg(ROW(
            o.id, 'execution.' || o.state, 'execution', o.id::text, NULL, 'running', o.state,
            'system', NULL, NULL, NULL, CASE WHEN o.error = '' THEN '{}'::jsonb
                ELSE jsonb_build_object('error', o.error) END)::workflows_audit_entry ORDER BY o.id)
    INTO ended, states, v_timed, v_called, entries FROM over o;

    IF v_timed IS NOT NULL THEN
        DELETE FROM workflows_timer m
        WHERE m.execution_id = ANY (v_timed) AND m.kind = 'execution_timeout';
    END IF;
    IF v_called IS NOT NULL THEN
        INSERT INTO workflows_delivery(kind, execution_id, data, created_at)
        SELECT 'answer', x.id, jsonb_build_object('task', x.parent_task, 'error', x.error,
            'code', CASE WHEN x.state = 'failed' THEN coalesce((
                SELECT t.error_kind FROM workflows_task t
                WHERE t.id >= x.id << 20 AND t.id < (x.id + 1) << 20 AND t.state = 'failed'
                ORDER BY t.finished_at LIMIT 1), 'error') ELSE '' END), v_now
        FROM workflows_execution x WHERE x.id = ANY (v_called);
    END IF;
END $$;

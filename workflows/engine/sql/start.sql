-- Starts executions of one version: rows, tasks, deadline timers, audit. Returns ids in the order of
-- p_runs: [{input, variables, idempotency_key, requested_by, priority, explicit, actor, data}].
CREATE OR REPLACE FUNCTION workflows_start(p_version bigint, p_runs jsonb)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_ids bigint[];
    v_workflow bigint;
    v_template jsonb;
    v_minutes integer;
    v_entries workflows_audit_entry[];
BEGIN
    SELECT workflow_id, template, (graph ->> 'timeout_minutes')::integer
    INTO STRICT v_workflow, v_template, v_minutes FROM workflows_version WHERE id = p_version;

    SELECT array_agg(nextval(pg_get_serial_sequence('workflows_execution', 'id')) ORDER BY n)
    INTO v_ids FROM generate_series(1, jsonb_array_length(p_runs)) AS n;

    INSERT INTO workflows_execution(
        id, workflow_id, version_id, state, priority, input, variables, variables_version,
        open_tasks, requested_by_id, idempotency_key, created_at, deadline_at)
    SELECT v_ids[r.n], v_workflow, p_version, 'pending', (r.run ->> 'priority')::smallint,
        r.run -> 'input', r.run -> 'variables', 0,
        (SELECT count(*) FROM jsonb_array_elements(v_template) t WHERE (t ->> 'waits_on')::int = 0),
        (r.run ->> 'requested_by')::bigint, r.run ->> 'idempotency_key', v_now,
        v_now + v_minutes * interval '1 minute'
    FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS r(run, n);

    INSERT INTO workflows_audithead(execution_id, seq, hash)
    SELECT id, 0, '' FROM unnest(v_ids) AS id;

    INSERT INTO workflows_task(
        id, execution_id, node, key, name, kind, lane, state, priority, rank, needs, waits_on,
        is_ready, waits_since, attempt, max_attempts, timeout_seconds, fence, created_at)
    SELECT v_ids[r.n] << 20 | t.node, v_ids[r.n], t.node, t.key, t.name, t.kind, t.lane, 'pending',
        p.priority, p.priority, t.waits_on, t.waits_on, t.waits_on = 0,
        CASE WHEN t.waits_on = 0 THEN v_now END, 0, t.max_attempts, t.timeout_seconds, 0, v_now
    FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS r(run, n)
    CROSS JOIN jsonb_to_recordset(v_template) AS t(
        node integer, key text, name text, kind text, lane integer, priority smallint,
        waits_on integer, max_attempts smallint, timeout_seconds integer)
    CROSS JOIN LATERAL (SELECT coalesce((r.run ->> 'explicit')::smallint, t.priority)) AS p(priority)
    ORDER BY r.n, t.node;

    IF v_minutes IS NOT NULL THEN
        INSERT INTO workflows_timer(kind, execution_id, fence, due_at)
        SELECT 'execution_timeout', id, 0, v_now + v_minutes * interval '1 minute'
        FROM unnest(v_ids) AS id;
    END IF;

    SELECT array_agg(ROW(
        v_ids[r.n], 'execution.created', 'execution', v_ids[r.n]::text, NULL, NULL, 'pending',
        r.run ->> 'actor', NULL, NULL, NULL, r.run -> 'data')::workflows_audit_entry ORDER BY r.n)
    INTO v_entries FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS r(run, n);
    PERFORM workflows_append_audit(v_entries);
    RETURN v_ids;
END $$;

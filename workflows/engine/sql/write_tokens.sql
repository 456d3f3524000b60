-- Writes what token games did: new tasks as they are by now, and per execution its marking, the change
-- of its count of open tasks, the variables that were set and the states that it comes to, one after
-- the other (`was` -> `first` -> `then`). The caller holds the audit heads and appends the audit rows.
CREATE OR REPLACE FUNCTION workflows_write_tokens(p_tasks jsonb, p_runs jsonb)
RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_ids bigint[];
    v_later bigint[];
    v_failed bigint[];
    v_ended bigint[];
    v_count integer;
BEGIN
    IF p_tasks <> '[]' THEN  -- an INSERT of no rows would still open every index of the table
        INSERT INTO workflows_task(
            id, execution_id, node, scope, iteration, loop_index, key, name, kind, lane, state,
            priority, rank, needs, waits_on, is_ready, waits_since, attempt, max_attempts,
            timeout_seconds, fence, input, output, error, error_kind, created_at, started_at,
            finished_at)
        SELECT n.id, n.id >> 20, n.node, n.scope, n.iteration, n.loop_index, n.key, n.name, n.kind,
            n.lane, n.state, n.priority, n.priority, 0, 0, n.is_ready,
            CASE WHEN n.is_ready THEN v_now END, 0, n.max_attempts, n.timeout_seconds, 0, n.input,
            n.output, n.error, n.error_kind, v_now,
            CASE WHEN n.state <> 'pending' THEN v_now END,
            CASE WHEN n.state IN ('completed', 'failed', 'cancelled') THEN v_now END
        FROM jsonb_to_recordset(p_tasks) AS n(
            id bigint, node integer, scope bigint, iteration integer, loop_index integer, key text,
            name text, kind text, lane integer, state text, priority smallint, is_ready boolean,
            max_attempts smallint, timeout_seconds integer, input jsonb, output jsonb, error text,
            error_kind text)
        ORDER BY n.id;
    END IF;

    SELECT array_agg(r.id), array_agg(r.id) FILTER (WHERE r."then" IS NOT NULL),
        array_agg(r.id) FILTER (WHERE 'failed' IN (r.first, r."then")),
        array_agg(r.id) FILTER (WHERE r.first IN ('completed', 'failed')
            OR r."then" IN ('completed', 'failed'))
    INTO v_ids, v_later, v_failed, v_ended
    FROM jsonb_to_recordset(p_runs) AS r(id bigint, first text, "then" text);

    UPDATE workflows_execution x SET marking = r.marking, open_tasks = x.open_tasks + r.opened,
        variables = x.variables || coalesce(r.assigned, '{}'),
        variables_version = x.variables_version + (r.assigned IS NOT NULL)::integer,
        state = coalesce(r.first, x.state),
        started_at = CASE WHEN r.first = 'running' THEN v_now ELSE x.started_at END,
        finished_at = CASE WHEN r.first IN ('completed', 'failed') THEN v_now
            ELSE x.finished_at END,
        error = CASE WHEN r.first = 'failed' THEN r.error ELSE x.error END
    FROM jsonb_to_recordset(p_runs) AS r(
        id bigint, marking jsonb, opened integer, assigned jsonb, was text, first text, error text)
    WHERE x.id = r.id AND x.id = ANY (v_ids) AND (r.first IS NULL OR x.state = r.was);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count <> cardinality(v_ids) THEN
        RAISE EXCEPTION 'an execution is not in the state that its tokens were moved in';
    END IF;
    IF v_later IS NOT NULL THEN
        UPDATE workflows_execution x SET state = r."then", finished_at = v_now,
            error = CASE WHEN r."then" = 'failed' THEN r.error ELSE x.error END
        FROM jsonb_to_recordset(p_runs) AS r(id bigint, "then" text, error text)
        WHERE x.id = r.id AND x.id = ANY (v_later);
    END IF;
    IF v_failed IS NOT NULL THEN
        UPDATE workflows_task t SET is_ready = false
        FROM unnest(v_failed) AS f(id)
        WHERE t.id >= f.id << 20 AND t.id < (f.id + 1) << 20 AND t.is_ready;
    END IF;
    IF v_ended IS NOT NULL THEN
        DELETE FROM workflows_timer m
        WHERE m.execution_id = ANY (v_ended) AND m.kind = 'execution_timeout';
    END IF;
END $$;

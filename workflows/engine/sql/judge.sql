-- What the outcomes that an exchange has settled say of the agents that gave them: an answer (the work
-- is done, or refused for good: `answered`) ends a row of failures and a trial, a failure (`answered`
-- is false) counts and opens a breaker. p_done are the tasks settled, p_agents the agent of each.
-- Only steps that began in the present state of the breaker say something about it: what was under way
-- when it opened does not end its trial. Locks breakers in the order of their keys; returns the audit
-- rows, still to append. Called only when something failed or a row of failures has begun.
CREATE OR REPLACE FUNCTION workflows_judge(p_outcomes jsonb, p_done bigint[], p_agents text[])
RETURNS workflows_audit_entry[] LANGUAGE plpgsql
-- Called where loops are off: here each task is looked up by its id, or all would be read.
SET enable_nestloop = on AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_old workflows_breaker;
    b workflows_breaker;
    g record;
    v_failed text[];
    v_entries workflows_audit_entry[] := '{}';
BEGIN
    SELECT array_agg(d.agent) INTO v_failed
    FROM jsonb_to_recordset(p_outcomes) AS o(id bigint, answered boolean)
    JOIN unnest(p_done, p_agents) AS d(id, agent) ON d.id = o.id
    WHERE NOT o.answered;
    FOR b IN
        SELECT * FROM workflows_breaker k
        WHERE k.agent_key = ANY (p_agents) AND k.threshold > 0
            AND (k.failures > 0 OR k.agent_key = ANY (v_failed))
        ORDER BY k.agent_key FOR NO KEY UPDATE
    LOOP
        v_old := b;
        FOR g IN
            SELECT t.id, o."to" = 'completed' OR o.answered AS has_answered, o.error
            FROM ROWS FROM (
                jsonb_to_recordset(p_outcomes)
                    AS (id bigint, "to" text, answered boolean, error text)
            ) WITH ORDINALITY AS o(id, "to", answered, error, place)
            JOIN unnest(p_done, p_agents) AS d(id, agent) ON d.id = o.id
            JOIN workflows_task t ON t.id = o.id
            WHERE d.agent = b.agent_key AND (o."to" = 'completed' OR o.answered IS NOT NULL)
                AND (b.changed_at IS NULL OR t.started_at >= b.changed_at)
            ORDER BY o.place
        LOOP
            IF g.has_answered THEN
                b.failures := 0;
                b.openings := 0;
                b.state := 'closed';
            ELSE
                b.failures := b.failures + 1;
                b.last_error := left(g.error, 1000);
                b.failed_at := v_now;
                IF b.state = 'half_open' OR b.failures >= b.threshold THEN
                    b.state := 'open';
                    b.openings := b.openings + 1;
                END IF;
            END IF;
            EXIT WHEN b.state <> v_old.state;
        END LOOP;
        CONTINUE WHEN b IS NOT DISTINCT FROM v_old;
        IF b.state <> v_old.state THEN
            b.changed_at := v_now;
            -- Each opening without an answer in between waits twice as long, up to ten minutes.
            b.trial_at := CASE WHEN b.state = 'open' THEN v_now + interval '1 second' * greatest(
                b.cooldown_seconds, least(600, b.cooldown_seconds * 2 ^ least(b.openings - 1, 20))) END;
            UPDATE workflows_lanemember m SET breaker = b.state WHERE m.agent_key = b.agent_key;
            v_entries := v_entries || ROW(
                NULL, 'agent.breaker_' || b.state, 'agent', b.agent_key, NULL, v_old.state, b.state,
                'system', NULL, b.agent_key, NULL, jsonb_strip_nulls(jsonb_build_object(
                    'task', g.id, 'execution', g.id >> 20,
                    'failures', nullif(b.failures, 0), 'error', nullif(g.error, ''),
                    'trial_at', b.trial_at)))::workflows_audit_entry;
            PERFORM pg_notify('signalbox_work', ''), pg_notify('signalbox_live', 'agents,breakers');
        END IF;
        UPDATE workflows_breaker k SET state = b.state, failures = b.failures, openings = b.openings,
            changed_at = b.changed_at, trial_at = b.trial_at, last_error = b.last_error,
            failed_at = b.failed_at
        WHERE k.agent_key = b.agent_key;
    END LOOP;
    RETURN v_entries;
END $$;

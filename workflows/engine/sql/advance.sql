-- One exchange between a session and the engine, in one transaction: apply what it has done, move
-- tokens on, end executions, lend it what is next, append the audit.
-- Rows: "work" lent; "stale": route again on these variables and call again; "refused": the lease had
-- passed on; "ended": an execution has come to its end, with its state and the task that has called
-- it; "gone": the session itself has been taken for dead, so it is lent nothing.
CREATE OR REPLACE FUNCTION workflows_advance(p_session bigint, p_outcomes jsonb, p_want integer)
RETURNS TABLE (
    what text, task_id bigint, execution_id bigint, version_id bigint, node integer, key text,
    lane integer, attempt smallint, max_attempts smallint, fence integer, agent_key text,
    state text, input jsonb, variables jsonb, variables_version integer)
LANGUAGE plpgsql
-- A statement planned while a table was empty must not go on reading all of it when it is large.
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_ended bigint[]; v_states text[];
    v_taken bigint[];
    v_entries workflows_audit_entry[];
    v_more workflows_audit_entry[];
    s workflows_settled;
    o record;
BEGIN
    IF p_want > 0 THEN
        -- Nobody takes this session's work back while it is lent more; once taken back, it gets none.
        PERFORM 1 FROM workflows_session l WHERE l.id = p_session FOR KEY SHARE;
        IF NOT FOUND THEN
            p_want := 0;
            RETURN QUERY SELECT 'gone', NULL::bigint, NULL::bigint, NULL::bigint, NULL::integer,
                NULL::text, NULL::integer, NULL::smallint, NULL::smallint, NULL::integer,
                NULL::text, NULL::text, NULL::jsonb, NULL::jsonb, NULL::integer;
        END IF;
    END IF;
    IF p_outcomes <> '[]' THEN
        s := workflows_settle(p_session, p_outcomes);
        v_entries := s.entries;
    END IF;
    IF cardinality(s.done) > 0 THEN
        SELECT * INTO o FROM workflows_open(s.given, s.done);
        IF o.lessened IS NOT NULL OR s.has_failed THEN  -- only they may have come to their end
            SELECT e.ended, e.states, e.entries INTO v_ended, v_states, v_more
            FROM workflows_end(s.executions, ARRAY(
                SELECT g.id >> 20 FROM unnest(s.given) g
                WHERE s.has_failed AND g.id = ANY (s.done) AND g."to" = 'failed')) AS e;
            v_entries := v_entries || v_more;
        END IF;
        SELECT l.taken, l.entries INTO v_taken, v_more
        FROM workflows_lend(p_session, p_want, o.opened, o.live, o.ranks, o.lanes, s.freed) AS l;
    ELSIF p_want > 0 THEN
        SELECT l.taken, l.entries INTO v_taken, v_more
        FROM workflows_lend(p_session, p_want, '{}', NULL, NULL, NULL, '{}') AS l;
    END IF;
    v_entries := v_entries || v_more;
    PERFORM workflows_append_audit(v_entries);

    IF cardinality(s.done) < cardinality(s.given) THEN
        RETURN QUERY
        SELECT CASE WHEN g.id = ANY (s.stale) THEN 'stale' ELSE 'refused' END, g.id, g.id >> 20,
            NULL::bigint, NULL::integer, NULL::text, NULL::integer, NULL::smallint, NULL::smallint,
            NULL::integer, NULL::text, NULL::text, NULL::jsonb, x.variables, x.variables_version
        FROM unnest(s.given) g LEFT JOIN workflows_execution x ON x.id = g.id >> 20
        WHERE NOT g.id = ANY (s.done);
    END IF;
    IF v_ended IS NOT NULL THEN
        RETURN QUERY
        SELECT 'ended', x.parent_task, e.id, NULL::bigint, NULL::integer, NULL::text, NULL::integer,
            NULL::smallint, NULL::smallint, NULL::integer, NULL::text, e.state, NULL::jsonb,
            NULL::jsonb, NULL::integer
        FROM unnest(v_ended, v_states) AS e(id, state)
        JOIN workflows_execution x ON x.id = e.id;
    END IF;
    IF cardinality(v_taken) > 0 THEN
        RETURN QUERY
        SELECT 'work', t.id, t.execution_id, x.version_id, t.node, t.key::text, t.lane, t.attempt,
            t.max_attempts, t.fence, t.agent_key::text, t.state::text, t.input, x.variables,
            x.variables_version
        FROM unnest(v_taken) WITH ORDINALITY AS k(id, place)
        JOIN workflows_task t ON t.id = k.id JOIN workflows_execution x ON x.id = t.execution_id
        ORDER BY k.place;
    END IF;
END $$;

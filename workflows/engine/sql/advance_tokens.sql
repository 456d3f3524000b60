-- `workflows_advance` for token graphs, whose routing was done under the lock of their executions:
-- settles what the session has done, writes what moved (see write_tokens.sql), appends the audit and
-- lends what is next, in one stroke. Rows as there; an outcome that is "refused" was not to be: the
-- caller has checked it under the same lock.
CREATE OR REPLACE FUNCTION workflows_advance_tokens(
    p_session bigint, p_outcomes jsonb, p_tasks jsonb, p_runs jsonb, p_entries jsonb, p_want integer)
RETURNS TABLE (
    what text, task_id bigint, execution_id bigint, version_id bigint, node integer, key text,
    lane integer, attempt smallint, max_attempts smallint, fence integer, agent_key text,
    state text, input jsonb, variables jsonb, variables_version integer)
LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_taken bigint[];
    v_entries workflows_audit_entry[];
    v_more workflows_audit_entry[];
    s workflows_settled;
BEGIN
    s.freed := '{}';
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
        IF cardinality(s.done) < cardinality(s.given) THEN
            RETURN QUERY SELECT 'refused', g.id, g.id >> 20, NULL::bigint, NULL::integer, NULL::text,
                NULL::integer, NULL::smallint, NULL::smallint, NULL::integer, NULL::text,
                NULL::text, NULL::jsonb, NULL::jsonb, NULL::integer
            FROM unnest(s.given) g WHERE NOT g.id = ANY (s.done);
        END IF;
    END IF;
    IF p_runs <> '[]' THEN
        PERFORM workflows_write_tokens(p_tasks, p_runs);
    END IF;
    IF p_entries <> '[]' THEN
        SELECT array_agg(e) INTO v_more
        FROM jsonb_populate_recordset(NULL::workflows_audit_entry, p_entries) AS e;
        v_entries := v_entries || v_more;
    END IF;
    IF p_want > 0 OR cardinality(s.freed) > 0 THEN
        SELECT l.taken, l.entries INTO v_taken, v_more
        FROM workflows_lend(p_session, p_want, '{}', NULL, NULL, NULL, s.freed) AS l;
        v_entries := v_entries || v_more;
    END IF;
    PERFORM workflows_append_audit(v_entries);
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

-- The only writer of audit rows. Numbers and chains them per execution (execution NULL: the desk's
-- own chain, head 0) in the order given. Owned by the schema's owner: the run-time role may call it
-- but may not insert, so nobody can choose a number, a time or a hash. docs/audit.md has the format.
CREATE OR REPLACE FUNCTION workflows_append_audit(p_entries workflows_audit_entry[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_text text := to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    v_head bigint := NULL;
    v_seq bigint;
    v_hash text;
    v_digest text;
    v_digests text[] := '{}';
    v_places bigint[] := '{}';
    v_numbers bigint[] := '{}';
    v_previous text[] := '{}';
    v_hashes text[] := '{}';
    e record;
BEGIN
    FOR e IN
        SELECT ordinality AS place, coalesce(n.execution_id, 0) AS head, n.*
        FROM unnest(p_entries) WITH ORDINALITY AS n
        ORDER BY 2, 1
    LOOP
        IF v_head IS DISTINCT FROM e.head THEN
            IF v_head IS NOT NULL THEN
                UPDATE workflows_audithead SET seq = v_seq, hash = v_hash WHERE execution_id = v_head;
            END IF;
            v_head := e.head;
            SELECT seq, hash INTO v_seq, v_hash
            FROM workflows_audithead WHERE execution_id = v_head FOR UPDATE;
            IF NOT FOUND THEN
                INSERT INTO workflows_audithead(execution_id, seq, hash) VALUES (v_head, 0, '')
                ON CONFLICT DO NOTHING;
                SELECT seq, hash INTO v_seq, v_hash
                FROM workflows_audithead WHERE execution_id = v_head FOR UPDATE;
            END IF;
        END IF;
        v_seq := v_seq + 1;
        v_digest := encode(sha256(convert_to(
            e.kind || E'\n' || coalesce(e.task_id::text, '') || E'\n' || coalesce(e.data, '{}')::text,
            'UTF8')), 'hex');
        v_digests := v_digests || v_digest;
        v_places := v_places || e.place;
        v_numbers := v_numbers || v_seq;
        v_previous := v_previous || v_hash;
        v_hash := encode(sha256(convert_to(
            '["' || v_hash || '",' || coalesce(e.execution_id::text, 'null') || ',' || v_seq || ',"'
            || e.entity_type || '",' || to_json(e.entity_id) || ','
            || coalesce('"' || e.old_state || '"', 'null') || ','
            || coalesce('"' || e.new_state || '"', 'null') || ',' || to_json(e.actor) || ','
            || coalesce(e.attempt::text, 'null') || ','
            || coalesce(to_json(e.agent_id)::text, 'null') || ','
            || coalesce(e.lease_token::text, 'null') || ',"' || v_text || '","' || v_digest || '"]',
            'UTF8')), 'hex');
        v_hashes := v_hashes || v_hash;
    END LOOP;
    IF v_head IS NULL THEN
        RETURN;
    END IF;
    UPDATE workflows_audithead SET seq = v_seq, hash = v_hash WHERE execution_id = v_head;
    INSERT INTO workflows_auditevent(
        execution_id, seq, at, at_text, kind, entity_type, entity_id, task_id, old_state, new_state,
        actor, attempt, agent_id, lease_token, data, data_digest, previous_hash, hash)
    SELECT n.execution_id, c.seq, v_at, v_text, n.kind, n.entity_type, n.entity_id, n.task_id,
        n.old_state, n.new_state, n.actor, n.attempt, n.agent_id, n.lease_token,
        coalesce(n.data, '{}'), c.digest, c.previous, c.hash
    FROM unnest(v_places, v_numbers, v_digests, v_previous, v_hashes)
        AS c(place, seq, digest, previous, hash)
    JOIN unnest(p_entries) WITH ORDINALITY AS n ON n.ordinality = c.place
    ORDER BY c.place;
END $$;

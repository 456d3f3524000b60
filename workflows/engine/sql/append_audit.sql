-- The only writer of audit rows. Numbers and chains them per execution (execution NULL: the desk's
-- own chain, head 0) in the order given. Owned by the schema's owner: the run-time role may call it
-- but may not insert, so nobody can choose a number, a time or a hash. docs/audit.md has the format.
CREATE OR REPLACE FUNCTION workflows_append_audit(p_entries workflows_audit_entry[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
    SET enable_seqscan = off AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_text text := to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    v_heads bigint[]; v_seqs bigint[]; v_lasts text[];
    v_digest text; v_previous text; v_hash text;
    v_digests text[] := '{}'; v_numbers bigint[] := '{}';
    v_chain text[] := '{}'; v_hashes text[] := '{}';
    h integer := 0;
    e workflows_audit_entry;
BEGIN
    IF p_entries IS NULL OR cardinality(p_entries) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO workflows_audithead(execution_id, seq, hash)
    SELECT DISTINCT coalesce(n.execution_id, 0), 0, '' FROM unnest(p_entries) AS n
    WHERE NOT EXISTS (
        SELECT FROM workflows_audithead a WHERE a.execution_id = coalesce(n.execution_id, 0))
    ON CONFLICT DO NOTHING;
    SELECT array_agg(l.execution_id), array_agg(l.seq), array_agg(l.hash)
    INTO v_heads, v_seqs, v_lasts
    FROM (
        SELECT a.execution_id, a.seq, a.hash FROM workflows_audithead a
        WHERE a.execution_id = ANY (
            ARRAY(SELECT DISTINCT coalesce(n.execution_id, 0) FROM unnest(p_entries) AS n))
        ORDER BY a.execution_id FOR NO KEY UPDATE
    ) AS l;

    FOREACH e IN ARRAY p_entries LOOP
        IF h = 0 OR v_heads[h] <> coalesce(e.execution_id, 0) THEN
            h := array_position(v_heads, coalesce(e.execution_id, 0));
        END IF;
        v_previous := v_lasts[h];
        v_seqs[h] := v_seqs[h] + 1;
        v_digest := encode(sha256(convert_to(
            e.kind || E'\n' || coalesce(e.task_id::text, '') || E'\n' || coalesce(e.data, '{}')::text,
            'UTF8')), 'hex');
        v_hash := encode(sha256(convert_to(
            '["' || v_previous || '",' || coalesce(e.execution_id::text, 'null') || ','
            || v_seqs[h] || ',"' || e.entity_type || '",' || to_json(e.entity_id) || ','
            || coalesce('"' || e.old_state || '"', 'null') || ','
            || coalesce('"' || e.new_state || '"', 'null') || ',' || to_json(e.actor) || ','
            || coalesce(e.attempt::text, 'null') || ','
            || coalesce(to_json(e.agent_id)::text, 'null') || ','
            || coalesce(e.lease_token::text, 'null') || ',"' || v_text || '","' || v_digest || '"]',
            'UTF8')), 'hex');
        v_lasts[h] := v_hash;
        v_numbers := v_numbers || v_seqs[h];
        v_digests := v_digests || v_digest;
        v_chain := v_chain || v_previous;
        v_hashes := v_hashes || v_hash;
    END LOOP;

    UPDATE workflows_audithead a SET seq = c.seq, hash = c.hash
    FROM unnest(v_heads, v_seqs, v_lasts) AS c(execution_id, seq, hash)
    WHERE a.execution_id = c.execution_id AND a.execution_id = ANY (v_heads);
    INSERT INTO workflows_auditevent(
        execution_id, seq, at, at_text, kind, entity_type, entity_id, task_id, old_state, new_state,
        actor, attempt, agent_id, lease_token, data, data_digest, previous_hash, hash)
    SELECT n.execution_id, c.seq, v_at, v_text, n.kind, n.entity_type, n.entity_id, n.task_id,
        n.old_state, n.new_state, n.actor, n.attempt, n.agent_id, n.lease_token,
        coalesce(n.data, '{}'), c.digest, c.previous, c.hash
    FROM ROWS FROM (
        unnest(p_entries), unnest(v_numbers), unnest(v_digests), unnest(v_chain), unnest(v_hashes)
    ) AS c(execution_id, kind, entity_type, entity_id, task_id, old_state, new_state, actor,
        attempt, agent_id, lease_token, data, seq, digest, previous, hash),
    LATERAL (SELECT c.*) AS n;
END $$;

-- The only writer of audit rows. Numbers and chains them per execution (execution NULL: the desk's
-- own chain, head 0) in the order given. Owned by the schema's owner: the run-time role may call it
-- but may not insert, so nobody can choose a number, a time or a hash. docs/audit.md has the format.
CREATE OR REPLACE FUNCTION workflows_append_audit(p_entries workflows_audit_entry[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
    -- What is given meets the tables by hashing: a loop in a loop would compare all with all.
    SET enable_seqscan = off SET enable_nestloop = off AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_text text := to_char(v_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    v_heads bigint[]; v_ends bigint[]; v_lasts text[];  -- a place for each head
    v_owners bigint[]; v_digests text[]; v_befores text[]; v_afters text[];  -- and for each row
    v_seqs bigint[]; v_previous text[]; v_hashes text[];
    h integer; i integer;
BEGIN
    IF p_entries IS NULL OR cardinality(p_entries) = 0 THEN
        RETURN;
    END IF;
    -- All of a row that does not hang on the row before it.
    SELECT array_agg(e.owner), array_agg(e.digest),
        array_agg('",' || coalesce(e.execution_id::text, 'null') || ','),
        array_agg(',"' || e.entity_type || '",' || to_json(e.entity_id) || ','
            || coalesce('"' || e.old_state || '"', 'null') || ','
            || coalesce('"' || e.new_state || '"', 'null') || ',' || to_json(e.actor) || ','
            || coalesce(e.attempt::text, 'null') || ','
            || coalesce(to_json(e.agent_id)::text, 'null') || ','
            || coalesce(e.lease_token::text, 'null') || ',"' || v_text || '","' || e.digest || '"]')
    INTO v_owners, v_digests, v_befores, v_afters
    FROM (
        SELECT n.*, coalesce(n.execution_id, 0) AS owner,
            encode(sha256(convert_to(n.kind || E'\n' || coalesce(n.task_id::text, '')
                || E'\n' || coalesce(n.data, '{}')::text, 'UTF8')), 'hex') AS digest
        FROM unnest(p_entries) AS n OFFSET 0
    ) AS e;
    v_seqs := v_owners;
    v_previous := v_digests;
    v_hashes := v_digests;
    LOOP
        SELECT array_agg(l.execution_id), array_agg(l.seq), array_agg(l.hash)
        INTO v_heads, v_ends, v_lasts
        FROM (
            SELECT a.execution_id, a.seq, a.hash FROM workflows_audithead a
            WHERE a.execution_id = ANY (v_owners) ORDER BY a.execution_id FOR NO KEY UPDATE
        ) AS l;
        h := 1;
        FOR i IN 1 .. cardinality(v_owners) LOOP
            IF v_heads[h] IS DISTINCT FROM v_owners[i] THEN  -- most often it is the next one's turn
                h := CASE WHEN v_heads[h + 1] = v_owners[i] THEN h + 1
                    ELSE array_position(v_heads, v_owners[i]) END;
                EXIT WHEN h IS NULL;
            END IF;
            v_ends[h] := v_ends[h] + 1;
            v_seqs[i] := v_ends[h];
            v_previous[i] := v_lasts[h];
            v_lasts[h] := encode(sha256(convert_to(
                '["' || v_previous[i] || v_befores[i] || v_seqs[i] || v_afters[i], 'UTF8')), 'hex');
            v_hashes[i] := v_lasts[h];
        END LOOP;
        EXIT WHEN h IS NOT NULL;
        INSERT INTO workflows_audithead(execution_id, seq, hash)
        SELECT DISTINCT n, 0, '' FROM unnest(v_owners) AS n ON CONFLICT DO NOTHING;
    END LOOP;

    UPDATE workflows_audithead a SET seq = c.seq, hash = c.hash
    FROM unnest(v_heads, v_ends, v_lasts) AS c(execution_id, seq, hash)
    WHERE a.execution_id = c.execution_id AND a.execution_id = ANY (v_heads);
    INSERT INTO workflows_auditevent(
        execution_id, seq, at, at_text, kind, entity_type, entity_id, task_id, old_state, new_state,
        actor, attempt, agent_id, lease_token, data, data_digest, previous_hash, hash)
    SELECT c.execution_id, c.seq, v_at, v_text, c.kind, c.entity_type, c.entity_id, c.task_id,
        c.old_state, c.new_state, c.actor, c.attempt, c.agent_id, c.lease_token,
        coalesce(c.data, '{}'), c.digest, c.previous, c.hash
    FROM ROWS FROM (
        unnest(p_entries), unnest(v_seqs), unnest(v_digests), unnest(v_previous), unnest(v_hashes)
    ) AS c(execution_id, kind, entity_type, entity_id, task_id, old_state, new_state, actor,
        attempt, agent_id, lease_token, data, seq, digest, previous, hash);
END $$;

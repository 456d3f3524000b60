-- Appends audit rows given as JSON, for everything that is not on the hot path.
CREATE OR REPLACE FUNCTION workflows_record(p_entries jsonb) RETURNS void LANGUAGE sql AS $$
    SELECT workflows_append_audit(array_agg(e))
    FROM jsonb_populate_recordset(NULL::workflows_audit_entry, p_entries) AS e
$$;

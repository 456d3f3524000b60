-- Raises by one the rank of ready tasks that have waited at theirs for p_minutes, up to high (3):
-- critical (4) is never overtaken. Skips what others hold and locks nothing else, so it never waits.
CREATE OR REPLACE FUNCTION workflows_age(p_minutes double precision, p_limit integer)
RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_raised integer;
BEGIN
    UPDATE workflows_task t SET rank = t.rank + 1, waits_since = v_now WHERE t.id = ANY (ARRAY(
        SELECT w.id FROM workflows_task w
        WHERE w.is_ready AND w.rank < 3 AND w.waits_since <= v_now - p_minutes * interval '1 minute'
        ORDER BY w.waits_since LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_raised = ROW_COUNT;
    RETURN v_raised;
END $$;

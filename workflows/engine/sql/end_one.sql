-- Ends one locked, running execution if nothing is left of it to do; its state, or NULL.
CREATE OR REPLACE FUNCTION workflows_end_one(p_execution bigint) RETURNS text LANGUAGE plpgsql
-- A statement planned while a table was empty must not go on reading all of it when it is large.
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    e record;
BEGIN
    SELECT * INTO e FROM workflows_end(ARRAY[p_execution], ARRAY[p_execution]);
    PERFORM workflows_append_audit(e.entries);
    RETURN e.states[1];
END $$;

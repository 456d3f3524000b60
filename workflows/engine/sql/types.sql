DO $$ BEGIN
    CREATE TYPE workflows_audit_entry AS (
        execution_id bigint, kind text, entity_type text, entity_id text, task_id bigint,
        old_state text, new_state text, actor text, attempt integer, agent_id text,
        lease_token bigint, data jsonb);
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- One step's outcome. "to": completed | failed | paused, or retry (failed, and pending again after
-- `delay` seconds) or released (handed back unstarted). `routed_on` is the version of the variables
-- that routing read, NULL when it read none.
DO $$ BEGIN
    CREATE TYPE workflows_outcome AS (
        id bigint, fence integer, "to" text, output jsonb, error text, error_kind text, input jsonb,
        assigned jsonb, routed_on integer, delay double precision, targets bigint[], actor text,
        data jsonb);
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

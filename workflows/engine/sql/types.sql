DROP TYPE IF EXISTS workflows_audit_entry, workflows_outcome, workflows_settled CASCADE;

CREATE TYPE workflows_audit_entry AS (
    execution_id bigint, kind text, entity_type text, entity_id text, task_id bigint,
    old_state text, new_state text, actor text, attempt integer, agent_id text,
    lease_token bigint, data jsonb);

-- One step's outcome. "to": completed | failed | paused, or retry (failed, and pending again after
-- `delay` seconds) or released (handed back unstarted). `routed_on` is the version of the variables
-- that routing read, NULL when it read none.
CREATE TYPE workflows_outcome AS (
    id bigint, fence integer, "to" text, output jsonb, error text, error_kind text, input jsonb,
    assigned jsonb, routed_on integer, delay double precision, targets bigint[], actor text,
    data jsonb);

-- What settling found and did: the outcomes given and their executions, the tasks whose outcome it
-- applied and those to route again, the agents whose units came free (one entry per task), whether
-- an outcome is a failure, and the audit rows, still to append.
CREATE TYPE workflows_settled AS (
    given workflows_outcome[], executions bigint[], done bigint[], stale bigint[], freed text[],
    has_failed boolean, entries workflows_audit_entry[]);

-- What the database itself refuses, whoever asks.
CREATE OR REPLACE FUNCTION workflows_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION workflows_refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % cannot go from % to %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'only_allowed_transitions';
END $$;

DROP TRIGGER IF EXISTS audit_is_append_only ON workflows_auditevent;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON workflows_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS audit_is_never_truncated ON workflows_auditevent;
CREATE TRIGGER audit_is_never_truncated BEFORE TRUNCATE ON workflows_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS versions_are_frozen ON workflows_version;
CREATE TRIGGER versions_are_frozen BEFORE UPDATE ON workflows_version
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

-- The table of states/ALLOWED, tested in the WHEN clause: a legal move calls no function. After the
-- row, not before it, for which PostgreSQL would lock each row with a record of its own.
DROP TRIGGER IF EXISTS only_allowed_transitions ON workflows_task;
CREATE TRIGGER only_allowed_transitions AFTER UPDATE OF state ON workflows_task
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND (OLD.state || ' to ' || NEW.state) <> ALL (
        '{running to completed,running to failed,running to paused,pending to running,
        pending to cancelled,paused to running,paused to cancelled,failed to pending}'::text[]))
    EXECUTE FUNCTION workflows_refuse_transition();

DROP TRIGGER IF EXISTS only_allowed_transitions ON workflows_execution;
CREATE TRIGGER only_allowed_transitions AFTER UPDATE OF state ON workflows_execution
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND (OLD.state || ' to ' || NEW.state) <> ALL (
        '{running to completed,running to failed,running to paused,pending to running,
        pending to cancelled,paused to running,paused to cancelled,failed to pending}'::text[]))
    EXECUTE FUNCTION workflows_refuse_transition();

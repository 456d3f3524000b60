-- What the database itself refuses, whoever asks.
CREATE OR REPLACE FUNCTION workflows_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION workflows_check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (CASE OLD.state
        WHEN 'pending' THEN NEW.state IN ('running', 'cancelled')
        WHEN 'running' THEN NEW.state IN ('completed', 'failed', 'paused')
        WHEN 'paused' THEN NEW.state IN ('running', 'cancelled')
        WHEN 'failed' THEN NEW.state = 'pending'
        ELSE false
    END) THEN
        RAISE EXCEPTION '% % cannot go from % to %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'only_allowed_transitions';
    END IF;
    RETURN NEW;
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

DROP TRIGGER IF EXISTS only_allowed_transitions ON workflows_task;
CREATE TRIGGER only_allowed_transitions BEFORE UPDATE OF state ON workflows_task
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION workflows_check_transition();

DROP TRIGGER IF EXISTS only_allowed_transitions ON workflows_execution;
CREATE TRIGGER only_allowed_transitions BEFORE UPDATE OF state ON workflows_execution
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION workflows_check_transition();

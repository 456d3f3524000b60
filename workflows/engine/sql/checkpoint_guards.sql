DROP TRIGGER IF EXISTS checkpoints_are_append_only ON workflows_auditcheckpoint;
CREATE TRIGGER checkpoints_are_append_only BEFORE UPDATE OR DELETE ON workflows_auditcheckpoint
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS checkpoints_are_never_truncated ON workflows_auditcheckpoint;
CREATE TRIGGER checkpoints_are_never_truncated BEFORE TRUNCATE ON workflows_auditcheckpoint
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

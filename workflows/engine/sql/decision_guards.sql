DROP TRIGGER IF EXISTS decision_files_are_frozen ON workflows_decisionfile;
CREATE TRIGGER decision_files_are_frozen BEFORE UPDATE OR DELETE ON workflows_decisionfile
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS decision_versions_are_frozen ON workflows_decisionversion;
CREATE TRIGGER decision_versions_are_frozen BEFORE UPDATE OR DELETE ON workflows_decisionversion
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS form_versions_are_frozen ON workflows_formversion;
CREATE TRIGGER form_versions_are_frozen BEFORE UPDATE OR DELETE ON workflows_formversion
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS diagrams_of_versions_are_frozen ON workflows_versiondiagram;
CREATE TRIGGER diagrams_of_versions_are_frozen BEFORE UPDATE OR DELETE ON workflows_versiondiagram
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

DROP TRIGGER IF EXISTS diagrams_of_versions_are_never_truncated ON workflows_versiondiagram;
CREATE TRIGGER diagrams_of_versions_are_never_truncated BEFORE TRUNCATE ON workflows_versiondiagram
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_refuse_change();

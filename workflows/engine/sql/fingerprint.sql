-- What failures have in common: step, kind of error, and the message without numbers and ids.
CREATE OR REPLACE FUNCTION workflows_fingerprint(p_key text, p_kind text, p_error text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5(p_key || E'\n' || p_kind || E'\n' || left(regexp_replace(regexp_replace(regexp_replace(
        lower(p_error),
        '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '#', 'g'),
        '\m(?=[a-f]*[0-9])[0-9a-f]{8,}\M', '#', 'g'),
        '[0-9]+', '#', 'g'), 400))
$$;

DROP INDEX IF EXISTS failed_tasks_by_fingerprint;
CREATE INDEX failed_tasks_by_fingerprint ON workflows_task (
    workflows_fingerprint(key, error_kind, error), id) WHERE state = 'failed';

-- The clock of SQL. Tests move it; leases, audit times and sessions never use a moved clock.
CREATE OR REPLACE FUNCTION workflows_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('signalbox.now', true), '')::timestamptz, clock_timestamp())
$$;

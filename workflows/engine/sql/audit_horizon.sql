-- Up to which id all audit rows that will ever be there are there: the highest id, once every
-- transaction that was writing audit rows when it was read has ended. NULL when one of them takes
-- longer than p_patience. A writer holds the table's ROW EXCLUSIVE lock from before it draws an id
-- until its rows can be seen, so looking at the locks is enough; taking one would queue in front of
-- all later writers, and behind a vacuum.
CREATE OR REPLACE FUNCTION workflows_audit_horizon(p_patience interval DEFAULT '5 s')
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    v_until timestamptz := clock_timestamp() + p_patience;
    v_upto bigint;
    v_writers text[];
BEGIN
    SELECT coalesce(max(e.id), 0) INTO v_upto FROM public.workflows_auditevent e;
    SELECT array_agg(DISTINCT l.virtualtransaction) INTO v_writers FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'public.workflows_auditevent'::regclass
        AND l.mode = 'RowExclusiveLock' AND l.granted
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
    WHILE EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'relation' AND l.relation = 'public.workflows_auditevent'::regclass
            AND l.mode = 'RowExclusiveLock' AND l.granted
            AND l.virtualtransaction = ANY (v_writers)
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    ) LOOP
        IF clock_timestamp() >= v_until THEN
            RETURN NULL;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN v_upto;
END $$;

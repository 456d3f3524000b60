-- What an idle session has to know, in one statement, and without writing anything: whether it is the
-- sweeper (one of all sessions is, by a lock that dies with its connection), whether a session is dead
-- (its lease ran out, or the lock that it holds while it lives, p_sessions + id, is free), whether work
-- is ready, whether some has waited for p_ageing minutes (0: never) and may rise, whether deliveries are
-- left over, whether an open batch has not gone on for p_stalled seconds, and in how many seconds
-- something is due (NULL: nothing is).
CREATE OR REPLACE FUNCTION workflows_look(
    p_session bigint, p_is_sweeper boolean, p_sweeper bigint, p_sessions bigint,
    p_ageing double precision, p_stalled double precision,
    OUT is_sweeper boolean, OUT has_dead boolean, OUT has_ready boolean, OUT may_rise boolean,
    OUT has_mail boolean, OUT has_stalled boolean, OUT seconds_until_due double precision)
LANGUAGE plpgsql VOLATILE
-- A statement planned while a table was empty must not go on reading all of it when it is large.
SET enable_seqscan = off AS $$
BEGIN
    is_sweeper := p_is_sweeper OR pg_try_advisory_lock(p_sweeper);
    has_dead := EXISTS (
        SELECT FROM workflows_session s WHERE s.id IS DISTINCT FROM p_session
            AND (s.expires_at < now() OR pg_try_advisory_xact_lock(p_sessions + s.id)));
    has_ready := EXISTS (SELECT FROM workflows_task t WHERE t.is_ready);
    may_rise := p_ageing > 0 AND EXISTS (
        SELECT FROM workflows_task t WHERE t.is_ready AND t.rank < 3
            AND t.waits_since <= workflows_now() - p_ageing * interval '1 minute');
    has_mail := EXISTS (SELECT FROM workflows_delivery d WHERE d.held_for IS NULL);
    has_stalled := EXISTS (
        SELECT FROM workflows_batch b WHERE b.finished_at IS NULL
            AND b.touched_at < workflows_now() - p_stalled * interval '1 second');
    seconds_until_due := workflows_seconds_until_due();
END $$;

-- In how many seconds the next timer, schedule, waiting firing, end of a buffered message or trial of
-- an agent whose breaker is open is due: negative when it is overdue, NULL when there is none.
CREATE OR REPLACE FUNCTION workflows_seconds_until_due() RETURNS double precision
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN extract(epoch FROM least(
        (SELECT min(m.due_at) FROM workflows_timer m WHERE NOT m.is_held),
        (SELECT min(t.next_due_at) FROM workflows_trigger t WHERE t.next_due_at IS NOT NULL),
        (SELECT workflows_now() WHERE EXISTS (
            SELECT FROM workflows_firing f WHERE f.outcome = 'waiting')),
        (SELECT min(b.expires_at) FROM workflows_bufferedmessage b),
        (SELECT min(k.trial_at) FROM workflows_breaker k WHERE k.trial_at IS NOT NULL)
    ) - workflows_now())::float;
END $$;

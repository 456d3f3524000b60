-- Makes the slots that a session holds match its running tasks after an exchange: p_freed agents gave
-- a unit back, p_lent agents lend one (an entry per task), p_slots are free slots newly taken. A trial
-- slot is given back last: what else the agent still runs must not end before it on its unit.
CREATE OR REPLACE FUNCTION workflows_hold(
    p_session bigint, p_freed text[], p_lent text[], p_slots bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_surplus bigint[];
BEGIN
    IF cardinality(p_slots) > 0 THEN
        UPDATE workflows_agentslot s SET session = p_session WHERE s.id = ANY (p_slots);
    END IF;
    IF cardinality(p_freed) > 0 AND (p_freed <> p_lent OR cardinality(p_slots) > 0) THEN
        SELECT array_agg(r.id) INTO v_surplus
        FROM (
            SELECT f.agent, count(*) - coalesce((
                SELECT count(*) FROM unnest(p_lent) AS l(agent) WHERE l.agent = f.agent), 0)
                + coalesce((
                SELECT count(*) FROM workflows_agentslot n
                WHERE n.id = ANY (p_slots) AND n.agent_key = f.agent), 0) AS n
            FROM unnest(p_freed) AS f(agent) WHERE f.agent <> '' GROUP BY f.agent
        ) AS surplus CROSS JOIN LATERAL (
            SELECT a.id FROM workflows_agentslot a
            WHERE a.agent_key = surplus.agent AND a.session = p_session
            ORDER BY a.is_retired DESC, a.is_trial, a.id LIMIT greatest(surplus.n, 0) FOR NO KEY UPDATE
        ) AS r;
        IF v_surplus IS NOT NULL THEN
            UPDATE workflows_agentslot s SET session = NULL WHERE s.id = ANY (v_surplus);
        END IF;
    END IF;
    IF cardinality(p_lent) > 0 THEN
        UPDATE workflows_agentslot s SET assigned_total = s.assigned_total + c.n
        FROM (
            SELECT l.agent, count(*) AS n, (
                SELECT a.id FROM workflows_agentslot a
                WHERE a.agent_key = l.agent AND a.session = p_session ORDER BY a.id LIMIT 1) AS slot
            FROM unnest(p_lent) AS l(agent) WHERE l.agent <> '' GROUP BY l.agent
        ) AS c WHERE s.id = c.slot;
    END IF;
END $$;

-- Makes the slots that a session holds match its running tasks after an exchange: for each of
-- p_holders, p_surplus units that it gave back are released and p_lent that it lends are counted;
-- p_slots are free slots newly taken. A trial slot is given back last: what else the agent still runs
-- must not end before it on its unit.
CREATE OR REPLACE FUNCTION workflows_hold(
    p_session bigint, p_holders text[], p_surplus integer[], p_lent integer[], p_slots bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_surplus bigint[];
BEGIN
    IF cardinality(p_slots) > 0 THEN
        UPDATE workflows_agentslot s SET session = p_session WHERE s.id = ANY (p_slots);
    END IF;
    IF 0 < ANY (p_surplus) THEN
        SELECT array_agg(r.id) INTO v_surplus
        FROM unnest(p_holders, p_surplus) AS h(agent, n) CROSS JOIN LATERAL (
            SELECT a.id FROM workflows_agentslot a
            WHERE a.agent_key = h.agent AND a.session = p_session
            ORDER BY a.is_retired DESC, a.is_trial, a.id LIMIT greatest(h.n, 0) FOR NO KEY UPDATE
        ) AS r WHERE h.n > 0;
        UPDATE workflows_agentslot s SET session = NULL WHERE s.id = ANY (v_surplus);
    END IF;
    IF 0 < ANY (p_lent) THEN
        UPDATE workflows_agentslot s SET assigned_total = s.assigned_total + h.n
        FROM unnest(p_holders, p_lent) AS h(agent, n)
        WHERE h.n > 0 AND s.id = (
            SELECT a.id FROM workflows_agentslot a
            WHERE a.agent_key = h.agent AND a.session = p_session ORDER BY a.id LIMIT 1);
    END IF;
END $$;

-- Which of p_tasks, in their order and p_want at most, a session may run now, and by whom: of the
-- agents of a task's lane that have a unit left, the one with the least load/cap. p_freed are the
-- agents whose units the session has just given back, one entry per unit: these are handed on first,
-- then free slots, which it locks. An agent whose breaker is open is lent nothing; while it is
-- half-open, only its trial slot is. `candidates`: by lane, the agents that were considered. For each of
-- `holders`, the agents concerned: how many units it lent and how many freed ones are left over.
CREATE OR REPLACE FUNCTION workflows_choose(
    p_session bigint, p_want integer, p_tasks bigint[], p_lanes integer[], p_freed text[],
    p_has_reserved boolean,
    OUT taken bigint[], OUT agents text[], OUT repeatable boolean[], OUT candidates jsonb,
    OUT slots bigint[], OUT holders text[], OUT lent integer[], OUT surplus integer[])
LANGUAGE plpgsql AS $$
DECLARE
    -- One place a member of the lanes wanted; v_holders is its agent's place among the holders.
    v_lanes integer[]; v_members text[]; v_caps integer[]; v_repeatable boolean[];
    v_rejected jsonb[]; v_breakers text[]; v_wanted integer[]; v_holders integer[] := '{}';
    -- One place a holder: its load, how many units it may hand on, how many slots it may need more.
    v_loads integer[]; v_spare integer[]; v_needs integer[]; v_on_trial boolean[];
    v_slots bigint[]; v_owners text[];  -- locked
    v_lane integer := 0; v_from integer; v_best integer; v_list jsonb;
    v_ratio double precision; v_least double precision;
    i integer; j integer; k integer;
BEGIN
    taken := '{}'; agents := '{}'; repeatable := '{}'; candidates := '{}'; slots := '{}';
    IF p_want > 0 AND cardinality(p_tasks) > 0 THEN
        SELECT array_agg(m.lane_id), array_agg(m.agent_key), array_agg(m.capacity),
            array_agg(m.is_repeatable), array_agg(m.rejected), array_agg(m.breaker),
            array_agg(m.n)
        INTO v_lanes, v_members, v_caps, v_repeatable, v_rejected, v_breakers, v_wanted
        FROM (
            SELECT m.lane_id, m.agent_key, m.capacity, m.is_repeatable, n.rejected, m.breaker,
                w.n
            FROM (
                SELECT w.lane, count(*)::integer AS n FROM unnest(p_lanes) AS w(lane) GROUP BY w.lane
            ) AS w JOIN workflows_lane n ON n.id = w.lane
            JOIN workflows_lanemember m ON m.lane_id = n.id
            ORDER BY m.lane_id, m.agent_key
        ) AS m;
    END IF;
    IF cardinality(p_freed) > 0 OR v_lanes IS NOT NULL THEN
        SELECT array_agg(h.agent), array_agg(h.freed), array_agg(h.busy), array_agg(h.spare),
            array_agg(CASE WHEN h.breaker = 'open' THEN 0
                ELSE least(h.wanted, p_want) - h.spare END),
            array_agg(h.breaker = 'half_open'), array_agg(0)
        INTO holders, surplus, v_loads, v_spare, v_needs, v_on_trial, lent
        FROM (
            SELECT a.*, (s.busy - a.freed)::integer AS busy, CASE WHEN a.breaker = 'closed'
                THEN greatest(a.freed - s.retired, 0) ELSE 0 END::integer AS spare
            FROM (
                SELECT g.agent, sum(g.freed)::integer AS freed, sum(g.wanted)::integer AS wanted,
                    coalesce(max(g.breaker), 'closed') AS breaker
                FROM (
                    SELECT f.agent, 1 AS freed, 0 AS wanted, NULL AS breaker
                    FROM unnest(p_freed) AS f(agent) WHERE f.agent <> ''
                    UNION ALL
                    SELECT m.agent, 0, m.wanted, m.breaker
                    FROM unnest(v_members, v_wanted, v_breakers) AS m(agent, wanted, breaker)
                ) AS g GROUP BY g.agent
            ) AS a CROSS JOIN LATERAL (
                SELECT count(*) + CASE WHEN p_has_reserved THEN (
                        SELECT count(*) FROM workflows_agentslot r
                        WHERE r.agent_key = a.agent AND r.session IS NULL AND r.task IS NOT NULL)
                    ELSE 0 END AS busy,
                    count(*) FILTER (WHERE s.is_retired AND s.session = p_session) AS retired
                FROM workflows_agentslot s WHERE s.agent_key = a.agent AND s.session IS NOT NULL
            ) AS s
        ) AS h;
    END IF;
    IF 0 < ANY (v_needs) THEN
        SELECT array_agg(f.id), array_agg(h.agent) INTO v_slots, v_owners
        FROM unnest(holders, v_needs, v_on_trial) AS h(agent, needs, is_on_trial)
        CROSS JOIN LATERAL (
            SELECT s.id FROM workflows_agentslot s
            WHERE s.agent_key = h.agent AND s.session IS NULL AND s.task IS NULL
                AND NOT s.is_retired AND (s.is_trial OR NOT h.is_on_trial)
            ORDER BY s.id LIMIT greatest(h.needs, 0) FOR NO KEY UPDATE SKIP LOCKED
        ) AS f WHERE h.needs > 0;
    END IF;

    FOR j IN 1 .. coalesce(cardinality(v_lanes), 0) LOOP
        k := array_position(holders, v_members[j]);
        v_holders[j] := k;
        v_list := coalesce(v_list, '[]') || CASE v_breakers[j]
            WHEN 'closed' THEN jsonb_build_object(
                'agent', v_members[j], 'load', v_loads[k], 'cap', v_caps[j])
            WHEN 'open' THEN jsonb_build_object('agent', v_members[j], 'reason', 'breaker open')
            ELSE jsonb_build_object('agent', v_members[j], 'load', v_loads[k], 'cap', v_caps[j],
                'reason', 'breaker half-open: one trial at a time') END;
        IF v_lanes[j] IS DISTINCT FROM v_lanes[j + 1] THEN
            candidates := candidates || jsonb_build_object(v_lanes[j], v_list || v_rejected[j]);
            v_list := NULL;
        END IF;
    END LOOP;
    FOR i IN 1 .. coalesce(cardinality(p_tasks), 0) LOOP
        EXIT WHEN cardinality(taken) >= p_want;
        IF p_lanes[i] = 0 THEN  -- the engine's own work needs no agent
            taken := taken || p_tasks[i]; agents := agents || ''::text;
            repeatable := repeatable || true;
            CONTINUE;
        END IF;
        IF p_lanes[i] <> v_lane THEN
            v_lane := p_lanes[i];
            v_from := array_position(v_lanes, v_lane);
        END IF;
        v_best := NULL;
        j := v_from;
        WHILE v_lanes[j] = v_lane LOOP
            k := v_holders[j];
            v_ratio := (v_loads[k] + 1)::float / nullif(v_caps[j], 0);
            IF (v_best IS NULL OR v_ratio < v_least)
                    AND (v_spare[k] > 0 OR array_position(v_owners, v_members[j]) IS NOT NULL) THEN
                v_best := j; v_least := v_ratio;
            END IF;
            j := j + 1;
        END LOOP;
        CONTINUE WHEN v_best IS NULL;
        taken := taken || p_tasks[i]; agents := agents || v_members[v_best];
        repeatable := repeatable || v_repeatable[v_best];
        k := v_holders[v_best];
        v_loads[k] := v_loads[k] + 1;
        lent[k] := lent[k] + 1;
        IF v_spare[k] > 0 THEN
            v_spare[k] := v_spare[k] - 1; surplus[k] := surplus[k] - 1;
        ELSE
            j := array_position(v_owners, v_members[v_best]);
            slots := slots || v_slots[j]; v_owners[j] := NULL;
        END IF;
    END LOOP;
END $$;

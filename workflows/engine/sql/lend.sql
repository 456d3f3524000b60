-- Lends up to p_want tasks to a session: highest rank first (the priority, raised by waiting: age.sql),
-- oldest execution first, each to the agent of its lane with the least load/cap. p_opened are tasks
-- that have just become free to start; those it does not lend it makes ready for others. p_freed names
-- the agents whose units the session has given back in this call, one entry per unit: they are handed
-- on or released.
--
-- A running task of a session stands on one slot of its agent that the session holds, so a cap cannot
-- be exceeded; while work flows, units pass from step to step and no slot is written. It skips what
-- others hold (slots, tasks, audit heads) and therefore never waits. An agent whose breaker is open is
-- lent nothing; while it is half-open, only its trial slot is lent.
CREATE OR REPLACE FUNCTION workflows_lend(
    p_session bigint, p_want integer, p_opened bigint[], p_freed text[],
    OUT taken bigint[], OUT entries workflows_audit_entry[])
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := workflows_now();
    v_has_reserved boolean := EXISTS (
        SELECT FROM workflows_agentslot s WHERE s.task IS NOT NULL);  -- for a task, by hand
    v_live bigint[]; v_ranks integer[]; v_floor integer; v_room integer;
    v_tasks bigint[]; v_lanes integer[];
    u_lanes integer[]; u_ids integer[]; u_agents text[]; u_slots bigint[];
    u_repeatable boolean[]; v_repeatable boolean[] := '{}';
    v_agents text[] := '{}'; v_slots bigint[] := '{}'; v_used integer[] := '{}';
    v_candidates jsonb;
    i integer; j integer;
BEGIN
    taken := '{}';
    IF cardinality(p_opened) > 0 THEN
        SELECT array_agg(t.id ORDER BY t.rank DESC, t.id),
            array_agg(t.rank ORDER BY t.rank DESC, t.id),
            array_agg(t.lane ORDER BY t.rank DESC, t.id)
        INTO v_live, v_ranks, v_lanes
        FROM (
            SELECT t.id, t.rank, t.lane, t.execution_id FROM workflows_task t
            WHERE t.id = ANY (p_opened) AND (NOT v_has_reserved
                OR NOT EXISTS (SELECT FROM workflows_agentslot s WHERE s.task = t.id))
        ) AS t JOIN LATERAL (  -- one probe each: a join would compare all with all
            SELECT x.state FROM workflows_execution x WHERE x.id = t.execution_id OFFSET 0
        ) AS x ON x.state IN ('pending', 'running');
        v_floor := v_ranks[cardinality(v_ranks)];
    END IF;
    v_live := coalesce(v_live, '{}');
    v_tasks := v_live;
    v_room := p_want - cardinality(v_live);

    IF p_want > 0 AND (v_room <= 0 OR EXISTS (SELECT FROM workflows_task t WHERE t.is_ready)) THEN
        WITH RECURSIVE lanes AS (
            (SELECT t.lane FROM workflows_task t WHERE t.is_ready ORDER BY t.lane LIMIT 1)
            UNION ALL
            SELECT (SELECT t.lane FROM workflows_task t WHERE t.is_ready AND t.lane > lanes.lane
                    ORDER BY t.lane LIMIT 1)
            FROM lanes WHERE lanes.lane IS NOT NULL
        ),
        urgent AS MATERIALIZED (
            SELECT c.* FROM lanes CROSS JOIN LATERAL (
                SELECT t.id, t.rank, t.lane
                FROM workflows_task t JOIN workflows_audithead h ON h.execution_id = t.execution_id
                WHERE t.is_ready AND t.lane = lanes.lane AND t.rank > v_floor
                ORDER BY t.rank DESC, t.id LIMIT p_want
                FOR NO KEY UPDATE OF t, h SKIP LOCKED) AS c
            WHERE lanes.lane IS NOT NULL AND v_floor < 4
        ),
        others AS MATERIALIZED (
            SELECT c.* FROM lanes CROSS JOIN LATERAL (
                SELECT t.id, t.rank, t.lane
                FROM workflows_task t JOIN workflows_audithead h ON h.execution_id = t.execution_id
                WHERE t.is_ready AND t.lane = lanes.lane AND t.rank <= coalesce(v_floor, 4)
                ORDER BY t.rank DESC, t.id LIMIT v_room
                FOR NO KEY UPDATE OF t, h SKIP LOCKED) AS c
            WHERE lanes.lane IS NOT NULL AND v_room > 0
        ),
        found AS (
            SELECT * FROM urgent UNION ALL SELECT * FROM others UNION ALL
            SELECT * FROM unnest(v_live, v_ranks, v_lanes)
        )
        SELECT array_agg(f.id ORDER BY f.rank DESC, f.id),
            array_agg(f.lane ORDER BY f.rank DESC, f.id)
        INTO v_tasks, v_lanes FROM found f;
    END IF;

    IF p_want > 0 AND cardinality(v_tasks) > 0 THEN
        WITH wanted AS (
            SELECT w.lane, count(*) AS n FROM unnest(v_lanes) AS w(lane) WHERE w.lane > 0
            GROUP BY w.lane
        ),
        members AS MATERIALIZED (
            SELECT m.lane_id AS lane, m.agent_key, m.capacity, m.is_repeatable, m.breaker, w.n
            FROM wanted w JOIN workflows_lanemember m ON m.lane_id = w.lane
        ),
        loads AS MATERIALIZED (
            SELECT a.agent_key, a.breaker, a.n, s.busy - f.n AS busy,
                CASE WHEN a.breaker = 'closed' THEN greatest(f.n - s.retired, 0) ELSE 0 END AS spare
            FROM (
                SELECT m.agent_key, m.breaker, sum(m.n) AS n FROM members m
                GROUP BY m.agent_key, m.breaker
            ) AS a
            CROSS JOIN LATERAL (
                SELECT count(*) FROM unnest(p_freed) AS f(agent) WHERE f.agent = a.agent_key
            ) AS f(n)
            CROSS JOIN LATERAL (
                SELECT count(*) + CASE WHEN v_has_reserved THEN (
                        SELECT count(*) FROM workflows_agentslot r
                        WHERE r.agent_key = a.agent_key AND r.session IS NULL
                            AND r.task IS NOT NULL) ELSE 0 END,
                    count(*) FILTER (WHERE s.is_retired AND s.session = p_session)
                FROM workflows_agentslot s
                WHERE s.agent_key = a.agent_key AND s.session IS NOT NULL
            ) AS s(busy, retired)
        ),
        units AS MATERIALIZED (
            SELECT l.agent_key, NULL::bigint AS slot, k AS nth
            FROM loads l CROSS JOIN LATERAL generate_series(1, least(l.spare, l.n)) AS k
            UNION ALL
            SELECT l.agent_key, s.id, l.spare + s.nth
            FROM loads l CROSS JOIN LATERAL (
                SELECT f.id, row_number() OVER () AS nth FROM (
                    SELECT f.id FROM workflows_agentslot f
                    WHERE f.agent_key = l.agent_key AND f.session IS NULL AND f.task IS NULL
                        AND NOT f.is_retired
                        AND (l.breaker = 'closed' OR l.breaker = 'half_open' AND f.is_trial)
                    ORDER BY f.id LIMIT greatest(l.n - l.spare, 0) FOR NO KEY UPDATE SKIP LOCKED
                ) AS f
            ) AS s
        ),
        offers AS (
            SELECT m.lane, u.agent_key, u.slot, u.id, m.is_repeatable,
                (l.busy + u.nth)::float / m.capacity AS ratio
            FROM (SELECT u.*, (row_number() OVER ())::integer AS id FROM units u) AS u
            JOIN loads l ON l.agent_key = u.agent_key
            JOIN members m ON m.agent_key = u.agent_key
        )
        SELECT array_agg(o.lane ORDER BY o.lane, o.ratio, o.agent_key),
            array_agg(o.id ORDER BY o.lane, o.ratio, o.agent_key),
            array_agg(o.agent_key ORDER BY o.lane, o.ratio, o.agent_key),
            array_agg(o.slot ORDER BY o.lane, o.ratio, o.agent_key),
            array_agg(o.is_repeatable ORDER BY o.lane, o.ratio, o.agent_key),
            (SELECT jsonb_object_agg(k.lane, k.list || n.rejected) FROM (
                SELECT m.lane, jsonb_agg(CASE m.breaker
                    WHEN 'closed' THEN jsonb_build_object('agent', m.agent_key, 'load', l.busy,
                        'cap', m.capacity)
                    WHEN 'open' THEN jsonb_build_object('agent', m.agent_key, 'reason',
                        'breaker open')
                    ELSE jsonb_build_object('agent', m.agent_key, 'load', l.busy, 'cap', m.capacity,
                        'reason', 'breaker half-open: one trial at a time')
                    END ORDER BY m.agent_key) AS list
                FROM members m JOIN loads l ON l.agent_key = m.agent_key GROUP BY m.lane
            ) AS k JOIN workflows_lane n ON n.id = k.lane)
        INTO u_lanes, u_ids, u_agents, u_slots, u_repeatable, v_candidates FROM offers o;

        FOR i IN 1 .. cardinality(v_tasks) LOOP
            EXIT WHEN cardinality(taken) >= p_want;
            IF v_lanes[i] = 0 THEN
                taken := taken || v_tasks[i]; v_agents := v_agents || ''::text;
                v_repeatable := v_repeatable || true;
                CONTINUE;
            END IF;
            LOOP
                j := array_position(u_lanes, v_lanes[i]);
                EXIT WHEN j IS NULL;
                u_lanes[j] := -1;
                EXIT WHEN NOT u_ids[j] = ANY (v_used);
            END LOOP;
            CONTINUE WHEN j IS NULL;
            taken := taken || v_tasks[i]; v_agents := v_agents || u_agents[j];
            v_used := v_used || u_ids[j]; v_repeatable := v_repeatable || u_repeatable[j];
            IF u_slots[j] IS NOT NULL THEN
                v_slots := v_slots || u_slots[j];
            END IF;
        END LOOP;
    END IF;

    PERFORM workflows_hold(p_session, p_freed, v_agents, v_slots);
    IF cardinality(p_opened) > cardinality(taken) OR NOT p_opened <@ taken THEN
        UPDATE workflows_task t SET waits_on = 0, waits_since = v_now,
            is_ready = cardinality(v_live) = cardinality(p_opened) OR t.id = ANY (v_live)
        WHERE t.id = ANY (p_opened) AND NOT t.id = ANY (taken);
    END IF;
    IF cardinality(taken) = 0 THEN
        RETURN;
    END IF;
    entries := workflows_take(p_session, taken, v_agents, v_repeatable, v_candidates);
END $$;

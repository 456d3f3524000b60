-- Lends up to p_want tasks to a session: highest rank first (the priority, raised by waiting: age.sql),
-- oldest execution first, each to the agent of its lane with the least load/cap. p_opened are tasks
-- that have just become free to start, p_live those of them that may, with their ranks and lanes, the
-- most urgent first; those it does not lend it makes ready for others. p_freed names the agents whose
-- units the session has given back in this call, one entry per unit: they are handed on or released.
--
-- A running task of a session stands on one slot of its agent that the session holds, so a cap cannot
-- be exceeded; while work flows, units pass from step to step and no slot is written. It skips what
-- others hold (slots, tasks, audit heads) and therefore never waits.
CREATE OR REPLACE FUNCTION workflows_lend(
    p_session bigint, p_want integer, p_opened bigint[], p_live bigint[], p_ranks integer[],
    p_lanes integer[], p_freed text[],
    OUT taken bigint[], OUT entries workflows_audit_entry[])
LANGUAGE plpgsql AS $$
DECLARE
    v_has_reserved boolean := EXISTS (
        SELECT FROM workflows_agentslot s WHERE s.task IS NOT NULL);  -- for a task, by hand
    v_has_found boolean := false;
    v_live bigint[] := coalesce(p_live, '{}'); v_ranks integer[] := p_ranks;
    v_floor integer; v_room integer;
    v_tasks bigint[]; v_lanes integer[] := p_lanes;
    v_choice record;
BEGIN
    IF v_has_reserved AND cardinality(v_live) > 0 THEN
        SELECT coalesce(array_agg(l.id), '{}'), array_agg(l.rank), array_agg(l.lane)
        INTO v_live, v_ranks, v_lanes
        FROM unnest(p_live, p_ranks, p_lanes) AS l(id, rank, lane)
        WHERE NOT EXISTS (SELECT FROM workflows_agentslot s WHERE s.task = l.id);
    END IF;
    v_floor := v_ranks[cardinality(v_ranks)];
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
        v_has_found := true;
    END IF;

    SELECT * INTO v_choice FROM workflows_choose(
        p_session, p_want, v_tasks, v_lanes, p_freed, v_has_reserved);
    PERFORM workflows_hold(
        p_session, v_choice.holders, v_choice.surplus, v_choice.lent, v_choice.slots);
    taken := v_choice.taken;
    IF cardinality(p_opened) > 0
            AND (v_has_found OR cardinality(p_opened) <> cardinality(taken)) THEN
        UPDATE workflows_task t SET waits_on = 0, waits_since = workflows_now(),
            is_ready = cardinality(v_live) = cardinality(p_opened) OR t.id = ANY (v_live)
        WHERE t.id = ANY (p_opened) AND NOT t.id = ANY (taken);
    END IF;
    IF cardinality(taken) > 0 THEN
        entries := workflows_take(
            p_session, taken, v_choice.agents, v_choice.repeatable, v_choice.candidates, v_has_found);
    END IF;
END $$;

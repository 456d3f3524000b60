-- Moves the tokens of completed tasks on: counts them down at their targets, keeps the executions'
-- count of open tasks and their variables. `opened` are the targets that wait for nothing more; they
-- are still to be written, by workflows_lend, which may start them in the same stroke. `live`, with
-- `ranks` and `lanes`, are those among them whose execution is not held, the most urgent first.
-- `lessened` are the executions that have fewer open tasks now.
CREATE OR REPLACE FUNCTION workflows_open(
    p_given workflows_outcome[], p_done bigint[],
    OUT opened bigint[], OUT live bigint[], OUT ranks integer[], OUT lanes integer[],
    OUT lessened bigint[])
LANGUAGE plpgsql
-- What is given meets the tables by hashing: a loop in a loop would compare all with all.
SET enable_nestloop = off AS $$
DECLARE
    v_joins bigint[]; v_tokens integer[];
    v_executions bigint[]; v_change integer[]; v_assigned jsonb[];
BEGIN
    SELECT coalesce(array_agg(r.id) FILTER (WHERE r.waits_on <= r.tokens), '{}'),
        array_agg(r.id) FILTER (WHERE r.waits_on <= r.tokens AND r.is_live),
        array_agg(r.rank) FILTER (WHERE r.waits_on <= r.tokens AND r.is_live),
        array_agg(r.lane) FILTER (WHERE r.waits_on <= r.tokens AND r.is_live),
        array_agg(r.id) FILTER (WHERE r.waits_on > r.tokens),
        array_agg(r.tokens) FILTER (WHERE r.waits_on > r.tokens)
    INTO opened, live, ranks, lanes, v_joins, v_tokens
    FROM (
        SELECT r.* FROM (
            SELECT target, count(*)::integer AS tokens
            FROM unnest(p_given) AS g CROSS JOIN LATERAL unnest(g.targets) AS target
            WHERE g.id = ANY (p_done) AND g."to" = 'completed' GROUP BY target
        ) AS a CROSS JOIN LATERAL (  -- one probe a target: a join would compare all with all
            SELECT t.id, t.state, t.waits_on, t.attempt, t.rank, t.lane, a.tokens, (
                SELECT x.state IN ('pending', 'running') FROM workflows_execution x
                WHERE x.id = t.execution_id) AS is_live
            FROM workflows_task t WHERE t.id = a.target OFFSET 0
        ) AS r
        WHERE r.state = 'pending'
            AND r.waits_on > 0 AND r.attempt = 0  -- else it waits for its retry, not for a token
        ORDER BY r.rank DESC, r.id
    ) AS r;

    -- Most steps neither stop at a join nor change their execution, and a write of no rows has its price.
    IF v_joins IS NOT NULL THEN
        UPDATE workflows_task t SET waits_on = t.waits_on - j.tokens
        FROM unnest(v_joins, v_tokens) AS j(id, tokens)
        WHERE t.id = j.id AND t.id = ANY (v_joins);
    END IF;
    IF cardinality(p_given) = 1 AND cardinality(opened) = 1 AND p_given[1].assigned = '{}' THEN
        RETURN;  -- one step and the next: as many are open as before
    END IF;
    SELECT array_agg(c.id), array_agg(c.n), array_agg(c.assigned),
        array_agg(c.id) FILTER (WHERE c.n < 0)
    INTO v_executions, v_change, v_assigned, lessened
    FROM (
        SELECT c.id, sum(c.n)::integer AS n,
            (array_agg(c.assigned) FILTER (WHERE c.assigned IS NOT NULL))[1] AS assigned
        FROM (
            SELECT o >> 20 AS id, 1 AS n, NULL::jsonb AS assigned FROM unnest(opened) AS o
            UNION ALL
            SELECT g.id >> 20, -(g."to" IN ('completed', 'failed'))::integer,
                nullif(g.assigned, '{}')
            FROM unnest(p_given) g WHERE g.id = ANY (p_done)
        ) AS c GROUP BY c.id
    ) AS c WHERE c.n <> 0 OR c.assigned IS NOT NULL;
    IF v_executions IS NOT NULL THEN
        UPDATE workflows_execution x SET open_tasks = x.open_tasks + c.n,
            variables = x.variables || coalesce(c.assigned, '{}'),
            variables_version = x.variables_version + (c.assigned IS NOT NULL)::integer
        FROM unnest(v_executions, v_change, v_assigned) AS c(id, n, assigned)
        WHERE x.id = c.id AND x.id = ANY (v_executions);
    END IF;
END $$;

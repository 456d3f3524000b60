-- Moves the tokens of completed tasks on: counts them down at their targets, keeps the executions'
-- count of open tasks and their variables. Returns the targets that wait for nothing more; these are
-- still to be written, by workflows_lend, which may start them in the same stroke.
CREATE OR REPLACE FUNCTION workflows_open(p_given workflows_outcome[], p_done bigint[])
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_opened bigint[];
BEGIN
    WITH arrive AS MATERIALIZED (
        SELECT target, count(*)::integer AS tokens
        FROM unnest(p_given) AS g CROSS JOIN LATERAL unnest(g.targets) AS target
        WHERE g.id = ANY (p_done) AND g."to" = 'completed' GROUP BY target
    ),
    reached AS MATERIALIZED (
        SELECT t.id, t.execution_id, t.waits_on - a.tokens AS left_over
        FROM arrive a CROSS JOIN LATERAL (  -- one probe a target: a join would compare all with all
            SELECT * FROM workflows_task t WHERE t.id = a.target OFFSET 0
        ) AS t
        WHERE t.state = 'pending'
            AND t.waits_on > 0 AND t.attempt = 0  -- else it waits for its retry, not for a token
    ),
    counted AS (
        UPDATE workflows_task t SET waits_on = r.left_over FROM reached r
        WHERE r.left_over > 0 AND t.id = r.id
            AND t.id = ANY (ARRAY(SELECT id FROM reached WHERE left_over > 0))
    ),
    delta AS (
        SELECT c.execution_id, sum(c.n) AS n FROM (
            SELECT r.execution_id, 1 AS n FROM reached r WHERE r.left_over <= 0
            UNION ALL
            SELECT g.id >> 20, -1 FROM unnest(p_given) g
            WHERE g.id = ANY (p_done) AND g."to" IN ('completed', 'failed')
        ) AS c GROUP BY c.execution_id
    ),
    news AS (
        SELECT g.id >> 20 AS execution_id, g.assigned FROM unnest(p_given) g
        WHERE g.id = ANY (p_done) AND g.assigned <> '{}'
    ),
    change AS MATERIALIZED (
        SELECT coalesce(d.execution_id, n.execution_id) AS id, coalesce(d.n, 0) AS n, n.assigned
        FROM delta d FULL JOIN news n ON n.execution_id = d.execution_id
        WHERE d.n <> 0 OR n.assigned IS NOT NULL
    ),
    changed AS (
        UPDATE workflows_execution x SET open_tasks = x.open_tasks + c.n,
            variables = x.variables || coalesce(c.assigned, '{}'),
            variables_version = x.variables_version + (c.assigned IS NOT NULL)::integer
        FROM change c WHERE x.id = c.id AND x.id = ANY (ARRAY(SELECT id FROM change))
    )
    SELECT coalesce(array_agg(r.id), '{}') INTO v_opened FROM reached r WHERE r.left_over <= 0;
    RETURN v_opened;
END $$;

-- The outcomes that were routed on variables which have changed since, or which another outcome of
-- the same batch is about to change: the caller routes them again.
DROP FUNCTION IF EXISTS workflows_stale(workflows_outcome[]);
CREATE OR REPLACE FUNCTION workflows_stale(
    p_given workflows_outcome[], p_executions bigint[])
RETURNS bigint[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(a.id), '{}')
    FROM (
        SELECT g.id, g.routed_on,
            row_number() OVER (PARTITION BY g.id >> 20 ORDER BY g.id) AS place,
            bool_or(g.assigned <> '{}') OVER (PARTITION BY g.id >> 20) AS writes
        FROM unnest(p_given) g WHERE g.routed_on IS NOT NULL
    ) AS a JOIN workflows_execution x ON x.id = a.id >> 20 AND x.id = ANY (p_executions)
    WHERE x.variables_version <> a.routed_on OR (a.writes AND a.place > 1)
$$;

-- The end of an execution is noted for each trigger that waits for it, in the transaction that ends
-- it, whoever does: a row of the outbox that `engine/firing.py` works off. Steps pay nothing; an end
-- that no trigger waits for pays one look into an index.
CREATE OR REPLACE FUNCTION workflows_note_end() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    -- A loop, because an INSERT of no rows would still open every index of the table.
    FOR t IN
        SELECT g.id, g.workflow_id FROM workflows_trigger g
        WHERE g.kind = 'workflow_end' AND g.config -> 'states' ? NEW.state AND g.config ->> 'workflow'
            = (SELECT w.key FROM workflows_workflow w WHERE w.id = NEW.workflow_id)
    LOOP
        INSERT INTO workflows_firing(trigger_id, workflow_id, key, ended_id, ended_state, outcome,
            problems, depth, created_at)
        VALUES (t.id, t.workflow_id, NEW.id || ':' || NEW.state, NEW.id, NEW.state, 'waiting',
            '[]', 0, workflows_now())
        ON CONFLICT DO NOTHING;
        PERFORM pg_notify('signalbox_work', '');
    END LOOP;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS an_end_is_noted ON workflows_execution;
CREATE TRIGGER an_end_is_noted AFTER UPDATE OF state ON workflows_execution
    FOR EACH ROW WHEN (OLD.state <> NEW.state AND NEW.state IN ('completed', 'failed', 'cancelled'))
    EXECUTE FUNCTION workflows_note_end();

-- What outside programs may hold on to: these names and columns stay, whatever the tables become.
-- ops_v1.agent belongs to the workforce and is made by its own migration.
CREATE SCHEMA IF NOT EXISTS ops_v1;

CREATE OR REPLACE VIEW ops_v1.execution AS
SELECT x.id AS execution_id, x.idempotency_key, w.key AS workflow_key,
    v.number AS workflow_version, x.state,
    x.state IN ('completed', 'cancelled', 'failed') AS is_terminal, x.created_at
FROM public.workflows_execution x
JOIN public.workflows_workflow w ON w.id = x.workflow_id
JOIN public.workflows_version v ON v.id = x.version_id;

CREATE OR REPLACE VIEW ops_v1.task AS
SELECT t.id AS task_id, t.execution_id, t.key AS node_key, t.kind, t.state,
    t.state IN ('completed', 'cancelled', 'failed') AS is_terminal, t.attempt, t.max_attempts,
    nullif(t.agent_key, '') AS agent_id, t.fence AS lease_token, s.expires_at AS lease_expires
FROM public.workflows_task t
LEFT JOIN public.workflows_session s ON s.id = t.session;

-- The decision that closed an approval is the last one: later ones are refused.
CREATE OR REPLACE VIEW ops_v1.approval AS
SELECT a.id AS approval_id, a.task_id, a.execution_id, a.state,
    x.requested_by_id AS requested_by, d.user_id AS decided_by, a.decided_at
FROM public.workflows_approval a
JOIN public.workflows_execution x ON x.id = a.execution_id
LEFT JOIN LATERAL (
    SELECT n.user_id FROM public.workflows_decision n
    WHERE n.approval_id = a.id AND a.state IN ('approved', 'rejected')
    ORDER BY n.id DESC LIMIT 1
) AS d ON true;

CREATE OR REPLACE VIEW ops_v1.audit AS
SELECT e.execution_id, e.seq, e.entity_type, e.entity_id, e.old_state AS from_state,
    e.new_state AS to_state, e.actor, e.attempt, e.agent_id, e.lease_token, e.at, e.at_text,
    e.previous_hash AS prev_hash, e.hash, e.data_digest
FROM public.workflows_auditevent e;

CREATE OR REPLACE VIEW ops_v1.legal_transition AS
SELECT k.entity_type, m.from_state, m.to_state
FROM (VALUES ('execution'), ('task')) AS k(entity_type)
CROSS JOIN (VALUES
    ('pending', 'running'), ('pending', 'cancelled'),
    ('running', 'completed'), ('running', 'failed'), ('running', 'paused'),
    ('paused', 'running'), ('paused', 'cancelled'),
    ('failed', 'pending')
) AS m(from_state, to_state);

CREATE OR REPLACE VIEW ops_v1.checkpoint AS
SELECT c.no, c.upto, c.root, c.previous_root AS prev, c.signature, c.at
FROM public.workflows_auditcheckpoint c;

import resource, time
import pytest
from django.db import connection
from workflows.audit import checkpoints, verify, anchor

pytestmark = pytest.mark.django_db(transaction=True)
GEN = """
SELECT workflows_append_audit(array_agg(row(
  e.x, 'task.running', 'task', (e.x*16+s.s)::text, e.x*16+s.s, 'pending','running','agent:echo',1,'echo',1,
  jsonb_build_object('key','step_'||s.s,'session',7,'candidates',jsonb_build_array(jsonb_build_object('agent','echo','cap',100,'load',s.s)))
 )::workflows_audit_entry ORDER BY s.s, e.x))
FROM generate_series(%s::bigint, %s::bigint) e(x), generate_series(1,10) s(s)
"""


def test_perf(settings, tmp_path):
    settings.AUDIT_KEY = str(tmp_path / "k.pem")
    settings.AUDIT_ANCHOR = tmp_path / "c.jsonl"
    n = 100_000
    t = time.monotonic()
    with connection.cursor() as c:
        c.execute("SET synchronous_commit=off")
        for i in range(0, n, 100):
            c.execute(GEN, [i + 1, i + 100])
        c.execute("VACUUM ANALYZE workflows_auditevent")
        c.execute(
            "select count(*), pg_total_relation_size('workflows_auditevent') from workflows_auditevent"
        )
        print(c.fetchone())
    print("gen", time.monotonic() - t)
    t = time.monotonic()
    cp = checkpoints.write()
    print("seal", time.monotonic() - t, cp.no, cp.rows)
    t = time.monotonic()
    checkpoints.write_due()
    print("due check s", time.monotonic() - t)
    for _ in range(2):
        m = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu = time.process_time()
        t = time.monotonic()
        r = verify.verify(anchored=anchor.read(settings.AUDIT_ANCHOR))
        print(
            "verify",
            time.monotonic() - t,
            "cpu",
            time.process_time() - cpu,
            r.rows,
            r.chains,
            r.checkpoints,
            r.sealed,
            r.wrong,
            "rss MB",
            m / 1024,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )

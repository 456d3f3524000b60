"""Tests run on the same PostgreSQL as the product, in a database of their own, as its owner."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

from tests import tools  # noqa: F401 registers the tests' tools
from tests.lanes import Lanes, turn

# How long an example takes says how busy the machine is, nothing about the product.
settings.register_profile(
    "busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: it is not looked through for garbage again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> None:
    """SIGNALBOX_TEST_DB names the test database, so that two runs at once do not share one."""
    if name := os.environ.get("SIGNALBOX_TEST_DB"):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        connection.settings_dict["TEST"]["NAME"] = f"{name}_{worker}" if worker else name
    connection.settings_dict["OPTIONS"]["options"] += " -c synchronous_commit=off"


KEPT = (
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
)


def empty_tables(_: TransactionTestCase | None = None) -> None:
    """What migrations wrote stays; the history's refusal to be emptied is lifted just for this.

    Deleting the few rows of a test is many times faster than truncating, which waits for the disk.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg('DELETE FROM ' || quote_ident(tablename), ';') FROM pg_tables "
            "WHERE schemaname = 'public' AND NOT tablename = ANY (%s)",
            [list(KEPT)],
        )
        deletions = cursor.fetchone()[0]
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger "
            "WHERE tgfoid = 'workflows_refuse_change'::regproc"
        )
        history = [name for (name,) in cursor.fetchall()]
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(";".join(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in history))
        cursor.execute(deletions)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(";".join(f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in history))


TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[method-assign]


@pytest.fixture
def as_run_time_role(db: None) -> Iterator[None]:
    """The test's statements run with the rights of the role under which Signalbox runs."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE signalbox_app")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.commands.conftest import Ran
from tests.factories import chain, make_user, register
from workflows.models import Event, Execution

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def publish(manage: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(manage, "workflows", "publish_event")


def test_an_event_starts_what_waits_for_it(publish: Callable[..., Ran]) -> None:
    register(*chain("a"), triggers=["ping"])
    ran = publish("ping", "--payload", '{"n": 1}')
    execution, event = Execution.objects.get(), Event.objects.get()
    assert ran.code == 0
    assert ran.out == (
        f"Event {event.pk} “ping” is received.\n  flow: execution {execution.pk} is started.\n"
    )
    assert execution.input == {"n": 1}


def test_with_json_there_is_one_document(publish: Callable[..., Ran], tmp_path: Path) -> None:
    register(*chain("a"), triggers=["ping"])
    path = tmp_path / "payload.json"
    path.write_text('{"n": 1}', "utf-8")
    documents = [publish("ping", "--payload", f"@{path}", "--key", "k", "--json") for _ in "ab"]
    assert documents[0].document == documents[1].document
    document = documents[0].document
    assert document["executions"] == [Execution.objects.get().pk]
    assert (document["name"], document["key"]) == ("ping", "k")
    assert document["outcomes"][0]["outcome"] == "started"


def test_nobody_waits_for_it(publish: Callable[..., Ran]) -> None:
    ran = publish("ping")
    assert (ran.code, "No trigger waits for it." in ran.out) == (0, True)


def test_a_filter_that_says_no_is_no_failure(publish: Callable[..., Ran]) -> None:
    register(*chain("a"), triggers=[{"event": "ping", "filter": "n > 1"}])
    ran = publish("ping", "--payload", '{"n": 1}')
    assert ran.code == 0
    assert "flow: filtered. “n > 1” is false." in ran.out


def test_an_input_that_does_not_fit_is_told_and_is_a_failure(publish: Callable[..., Ran]) -> None:
    register(*chain("a"), triggers=["ping"], input_schema={"required": ["order"]})
    ran = publish("ping", "--json")
    assert ran.code == 1
    assert ran.document["outcomes"][0]["outcome"] == "invalid"
    assert '"order" is a required property' in ran.document["outcomes"][0]["problems"][0]


def test_bad_usage_is_told(publish: Callable[..., Ran]) -> None:
    assert publish("ping", "--payload", "{").code == 2
    assert publish("ping", "--as", "nobody").code == 2
    refused = publish("not a name", "--json")
    assert refused.code == 1
    assert "is no name of an event" in refused.document["problems"][0]
    assert not Event.objects.exists()


def test_who_may_not_start_workflows_tells_of_nothing(publish: Callable[..., Ran]) -> None:
    make_user("sue")
    ran = publish("ping", "--as", "sue")
    assert (ran.code, Event.objects.count()) == (1, 0)
    make_user("olga", "operator")
    assert publish("ping", "--as", "olga").code == 0
    assert str(Event.objects.get().by) == "olga"

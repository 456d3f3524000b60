"""What completes is what is drawn: tasks that wait or send, with an edge or as loops."""

from __future__ import annotations

import pytest

from workflows.engine import graphs, overlay
from workflows.models import Execution

from .drawing import el
from .test_conformance import NEVER, START, chain, event, message, run, tasks

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_send_task_with_an_edge_is_one_activity() -> None:
    edge = event("boundaryEvent", "t", "timer", NEVER, attachedToRef="a")
    drawn = (START, el("sendTask", "a", messageRef="m_paid"), edge, tasks("b", "r"))
    assert run(*drawn, chain("s", "a", "b") + chain("t", "r")) == ["a", "b"]


def test_a_receive_task_that_is_a_loop_is_done_once_for_each_message_and_once_as_a_whole() -> None:
    """Its instances and the loop around them have the key of the activity that is drawn; a count
    of visits leaves the loop out (docs/bpmn.md).
    """
    twice = el(
        "multiInstanceLoopCharacteristics", "", el("loopCardinality", "", "2"), isSequential="true"
    )
    drawn = (START, el("receiveTask", "a", twice, messageRef="m_paid"), tasks("b"))
    done = run(*drawn, chain("s", "a", "b"), acts=(message(), message()))
    assert done == ["a", "a", "a", "b"]
    execution = Execution.objects.get()
    place = graphs.of(execution.version_id).index["a"]
    stand = overlay.now(execution, overlay.seq(execution.pk)).nodes[place]
    assert (stand.done, stand.visits, stand.state) == (2, 2, "completed")
    kinds = execution.tasks.filter(key="a").order_by("pk").values_list("kind", flat=True)
    assert sorted(kinds) == ["catch", "catch", "loop"]

from __future__ import annotations

from typing import Any

import pytest

from workflows import engine
from workflows.engine import graphs
from workflows.errors import InvalidDefinition
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


def registered(*ways: dict[str, Any]) -> Any:
    tasks = [
        {"key": "choose", "kind": "exclusive"},
        *(
            {"key": f"t{place}", "kind": "pass", "dependencies": [{"task": "choose", **way}]}
            for place, way in enumerate(ways)
        ),
    ]
    return engine.register_workflow({"key": "ways", "tasks": tasks})


def test_ways_are_sorted_by_their_order_and_else_stay_as_they_stand() -> None:
    version = registered({"order": 2}, {}, {"order": -1}, {"order": 2, "name": "last"}, {})
    graph = graphs.of(version.pk)
    assert [graph.nodes[flow.target].key for flow in graph.flows] == ["t2", "t1", "t4", "t0", "t3"]
    assert [flow.name for flow in graph.flows] == ["", "", "", "", "last"]
    assert "name" not in graph.to_json()["flows"][0]


@pytest.mark.parametrize("way", [{"order": "1"}, {"order": True}, {"order": 1.5}, {"name": 3}])
def test_an_order_that_is_no_number_and_a_name_that_is_no_text_are_refused(
    way: dict[str, Any],
) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        registered(way)
    assert [(one.element, one.field) for one in refused.value.problems] == [("t0", "depends_on")]
    assert not Workflow.objects.filter(key="ways").exists()

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.orchestrator.selection import Candidate, Choice, Requirement, choose, unfit

WORDS = st.sampled_from(["echo", "mail", "pay"])
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        key=st.sampled_from([f"a{n}" for n in range(8)]),
        role=st.sampled_from(["worker", "reviewer"]),
        capabilities=st.frozensets(WORDS),
        is_active=st.booleans(),
        load=st.integers(0, 6),
        cap=st.integers(1, 5),
    ),
    unique_by=lambda candidate: candidate.key,
)
REQUIREMENTS = st.builds(
    Requirement,
    agent_key=st.sampled_from(["", "", "a1"]),
    role=st.sampled_from(["", "worker"]),
    capabilities=st.frozensets(WORDS, max_size=2),
)


def agent(key: str, load: int = 0, cap: int = 10, **fields: object) -> Candidate:
    return Candidate(
        **{
            "key": key,
            "role": "worker",
            "capabilities": frozenset({"echo"}),
            "is_active": True,
            "load": load,
            "cap": cap,
            **fields,
        }
    )


def test_the_least_loaded_share_wins_and_each_other_has_its_reason() -> None:
    found = choose(
        [
            agent("big", 4, 10),
            agent("small", 1, 2),
            agent("full", 2, 2),
            agent("off", is_active=False),
            agent("dumb", capabilities=frozenset()),
            agent("judge", role="reviewer"),
        ],
        Requirement(role="worker", capabilities=frozenset({"echo"})),
    )
    assert found == Choice(
        "big",
        {
            "small": "more loaded (1/2)",
            "full": "at its limit (2/2)",
            "off": "offline",
            "dumb": "lacks echo",
            "judge": "role is reviewer, not worker",
        },
    )


def test_equals_are_chosen_by_their_key() -> None:
    assert choose([agent("b"), agent("a")], Requirement()).chosen == "a"


def test_a_named_agent_is_taken_whatever_it_can_do() -> None:
    wanted = Requirement(agent_key="b", role="reviewer", capabilities=frozenset({"pay"}))
    assert choose([agent("a"), agent("b", 9)], wanted) == Choice(
        "b", {"a": "another agent is named"}
    )


@given(CANDIDATES, REQUIREMENTS)
def test_the_chosen_is_fit_and_below_its_cap_and_all_others_have_a_reason(
    candidates: list[Candidate], wanted: Requirement
) -> None:
    choice = choose(candidates, wanted)
    fit = [one for one in candidates if not unfit(one, wanted) and one.load < one.cap]
    assert (choice.chosen is None) == (not fit)
    assert set(choice.reasons) == {one.key for one in candidates} - {choice.chosen}
    assert all(choice.reasons.values())
    for one in fit:
        chosen = next(other for other in candidates if other.key == choice.chosen)
        assert (chosen.load + 1) / chosen.cap <= (one.load + 1) / one.cap


@given(CANDIDATES, REQUIREMENTS, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(
    candidates: list[Candidate], wanted: Requirement, chance: object
) -> None:
    shuffled = list(candidates)
    chance.shuffle(shuffled)
    assert choose(candidates, wanted) == choose(shuffled, wanted)

"""The protocol of manifests in every interleaving; `make protocol` tries longer histories."""

from typing import Final

import pytest

from tests.unit.protocol.histories import (
    KILL,
    LOST_RESPONSE,
    MANIFEST_ONE_CHANGE,
    MANIFEST_TWO_CHANGES,
)
from tests.unit.protocol.manifest import Promise, explore, unlisted
from tests.unit.protocol.manifest_scenario import NOTHING, Part, Scenario
from tests.unit.protocol.search import Fault

NEEDED_AT_REST: Final = {
    Part.FINAL_CHECK: Scenario(history=(NOTHING, "one", NOTHING)),
    Part.STARTING_OVER: Scenario(history=(NOTHING, "one", NOTHING)),
    Part.RETIRED_CHECK: Scenario(history=("one", "two", "one")),
    Part.DELISTING: Scenario(history=("one", NOTHING, "broken"), faults=KILL),
    Part.RESTORING: Scenario(history=("one", "two", "broken"), faults=KILL),
    Part.WITHDRAWING: Scenario(history=(NOTHING, "broken")),
}

NEEDED_MEANWHILE: Final = {
    Part.MIDDLE_CHECK: (Promise.NEVER_WORSE, Scenario(history=(NOTHING, "one", "two"))),
    Part.COMPARE_AND_SWAP: (Promise.NEVER_WORSE, Scenario(history=(NOTHING, "one", "two"))),
    Part.IMAGES_FIRST: (Promise.COMPLETE, Scenario(history=("one", "two"))),
}

NEEDED_TO_BE_TIDY: Final = {
    Part.RETIRING_FIRST: Scenario(history=("one", "two"), faults=KILL),
    Part.DELETING_IMAGES_FIRST: Scenario(history=("one", NOTHING), faults=KILL),
}


def joined(history: tuple[str, ...]) -> str:
    return " > ".join(content or "nothing" for content in history)


def only(promise: Promise) -> frozenset[Promise]:
    return frozenset({promise})


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("faults", [KILL, LOST_RESPONSE], ids=["a kill", "a lost response"])
@pytest.mark.parametrize("history", MANIFEST_ONE_CHANGE, ids=joined)
def test_one_change_ends_right_and_tidy_despite_faults_and_duplicate_events(
    history: tuple[str, ...], faults: tuple[Fault, ...], copies: int
) -> None:
    assert explore(Scenario(history=history, copies=copies, faults=faults)).violation is None


@pytest.mark.parametrize("faults", [KILL, LOST_RESPONSE], ids=["a kill", "a lost response"])
@pytest.mark.parametrize("history", MANIFEST_TWO_CHANGES, ids=joined)
def test_two_changes_in_quick_succession_end_as_the_last_one(
    history: tuple[str, ...], faults: tuple[Fault, ...]
) -> None:
    assert explore(Scenario(history=history, faults=faults)).violation is None


def test_every_part_is_shown_to_be_needed() -> None:
    assert {*NEEDED_AT_REST, *NEEDED_MEANWHILE, *NEEDED_TO_BE_TIDY} == {*Part}


@pytest.mark.parametrize(("part", "scenario"), NEEDED_AT_REST.items(), ids=str)
def test_part_is_needed_for_the_state_at_rest(part: Part, scenario: Scenario) -> None:
    assert explore(scenario).violation is None
    assert explore(scenario, without=part, promises=only(Promise.REST)).violation is not None


@pytest.mark.parametrize(("part", "needed"), NEEDED_MEANWHILE.items(), ids=str)
def test_part_is_needed_only_so_that_no_page_is_worse_meanwhile(
    part: Part, needed: tuple[Promise, Scenario]
) -> None:
    promise, scenario = needed
    assert explore(scenario).violation is None
    assert explore(scenario, without=part, promises=only(promise)).violation is not None
    assert explore(scenario, without=part, promises=only(Promise.REST)).violation is None


@pytest.mark.parametrize(("part", "scenario"), NEEDED_TO_BE_TIDY.items(), ids=str)
def test_part_is_needed_only_so_that_a_kill_leaves_nothing(part: Part, scenario: Scenario) -> None:
    assert explore(scenario).violation is None
    assert explore(scenario, without=part, promises=only(Promise.TIDY)).violation is not None
    assert explore(scenario, without=part, promises=only(Promise.REST)).violation is None


@pytest.mark.parametrize("history", [(NOTHING, "one", "two"), ("one", "two", NOTHING)], ids=joined)
def test_limit_a_run_that_is_overtaken_may_leave_images_that_no_manifest_lists(
    history: tuple[str, ...],
) -> None:
    exploration = explore(Scenario(history=history))

    assert exploration.violation is None
    assert any(unlisted(world) for world in exploration.ends)

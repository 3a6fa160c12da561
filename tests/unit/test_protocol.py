"""The protocol of `reconcile` in every interleaving; `make protocol` tries longer histories."""

from typing import Final

import pytest

from tests.unit.protocol.explore import Promise, explore
from tests.unit.protocol.histories import KILL, LOST_RESPONSE, ONE_CHANGE, TWO_CHANGES
from tests.unit.protocol.scenario import NOTHING, Part, Scenario
from tests.unit.protocol.search import Fault

MEANWHILE: Final = frozenset({Promise.NEVER_WORSE})
AT_REST: Final = frozenset({Promise.REST})

BOTH_WAYS: Final = pytest.mark.parametrize("reviewed", [False, True], ids=["direct", "workflow"])

NEEDED_AT_REST: Final = {
    Part.FINAL_CHECK: Scenario(history=(NOTHING, "png 1", NOTHING)),
    Part.STARTING_OVER: Scenario(history=(NOTHING, "png 1", NOTHING)),
    Part.OTHER_CANDIDATES: Scenario(history=("png 1", "jpg")),
    Part.CONDITIONAL_RECORD: Scenario(
        history=(NOTHING, "png 1", "not an image"),
        backfill=True,
        heads_at_once=True,
        reviewed=True,
    ),
    Part.CONFIRMING_RECORD: Scenario(
        history=("png 1", "not an image"), backfill=True, reviewed=True
    ),
    Part.RECORD_BEFORE_CHECK: Scenario(history=(NOTHING, "png 1", "png 2")),
    Part.RECORD_WHEN_CURRENT: Scenario(history=(NOTHING, "png 1"), faults=KILL),
    Part.EVENT_WHEN_CURRENT: Scenario(history=(NOTHING, "png 1"), faults=KILL),
    Part.WITHDRAWING: Scenario(history=(NOTHING, "broken png")),
    Part.CONFIRMING_REJECTIONS: Scenario(history=(NOTHING, "broken png", NOTHING)),
    Part.UPLOADS_DELETE: Scenario(history=(NOTHING, "png 1", NOTHING)),
    Part.TAKING_BACK: Scenario(history=("png 1", NOTHING), backfill=True),
    Part.COUNTING_ATTEMPTS: Scenario(
        history=("png 1", NOTHING), backfill=True, faults=LOST_RESPONSE
    ),
    Part.INSPECTING_AGAIN: Scenario(history=(NOTHING, "png 1", "jpg"), reviewed=True),
}

NEEDED_MEANWHILE: Final = {
    Part.CONDITIONAL_WRITES: Scenario(history=(NOTHING, "png 1", "png 2")),
    Part.CONFIRMING_FIRST: Scenario(history=(NOTHING, "png 1", "png 2")),
    Part.NEW_ROUND: Scenario(history=("png 1", "png 2", "jpg")),
}


def named(each: Part | Scenario) -> str:
    return each.name if isinstance(each, Part) else str(each)


def joined(history: tuple[str, ...]) -> str:
    return " > ".join(content or "nothing" for content in history)


@BOTH_WAYS
@pytest.mark.parametrize("faults", [KILL, LOST_RESPONSE], ids=["a kill", "a lost response"])
@pytest.mark.parametrize("history", ONE_CHANGE, ids=joined)
def test_one_change_ends_right_despite_faults_and_duplicate_events(
    history: tuple[str, ...], faults: tuple[Fault, ...], *, reviewed: bool
) -> None:
    scenario = Scenario(history=history, copies=2, faults=faults, reviewed=reviewed)
    assert explore(scenario).violation is None


@BOTH_WAYS
@pytest.mark.parametrize("history", TWO_CHANGES, ids=joined)
def test_two_changes_in_quick_succession_end_as_the_last_one(
    history: tuple[str, ...], *, reviewed: bool
) -> None:
    assert explore(Scenario(history=history, reviewed=reviewed)).violation is None


@BOTH_WAYS
@pytest.mark.parametrize("faults", [KILL, LOST_RESPONSE], ids=["a kill", "a lost response"])
@pytest.mark.parametrize("history", TWO_CHANGES, ids=joined)
def test_two_changes_end_right_despite_a_fault(
    history: tuple[str, ...], faults: tuple[Fault, ...], *, reviewed: bool
) -> None:
    scenario = Scenario(history=history, faults=faults, reviewed=reviewed, heads_at_once=True)
    assert explore(scenario).violation is None


def test_three_runs_at_once_end_right() -> None:
    scenario = Scenario(history=("png 1", "jpg", "png 2"), copies=2, heads_at_once=True)
    assert explore(scenario).violation is None


@BOTH_WAYS
@pytest.mark.parametrize("history", ONE_CHANGE, ids=joined)
def test_backfill_beside_a_change_ends_right(history: tuple[str, ...], *, reviewed: bool) -> None:
    assert explore(Scenario(history=history, backfill=True, reviewed=reviewed)).violation is None


def test_every_part_is_shown_to_be_needed() -> None:
    assert {*NEEDED_AT_REST, *NEEDED_MEANWHILE} == {*Part}


@pytest.mark.parametrize(("part", "scenario"), NEEDED_AT_REST.items(), ids=named)
def test_part_is_needed_for_the_state_at_rest(part: Part, scenario: Scenario) -> None:
    violation = explore(scenario, without=part, promises=AT_REST).violation

    assert explore(scenario).violation is None
    assert violation is not None


@pytest.mark.parametrize(("part", "scenario"), NEEDED_MEANWHILE.items(), ids=named)
def test_part_is_needed_only_so_that_nothing_gets_worse_meanwhile(
    part: Part, scenario: Scenario
) -> None:
    violation = explore(scenario, without=part, promises=MEANWHILE).violation

    assert explore(scenario).violation is None
    assert violation is not None
    assert explore(scenario, without=part, promises=AT_REST).violation is None


@pytest.mark.parametrize(
    "history",
    [("png 1", "png 2", "png 1"), ("jpg", "png 1", "jpg"), ("png 1", NOTHING, "png 1")],
    ids=joined,
)
def test_limit_equal_bytes_uploaded_again_may_lose_an_image_until_their_own_run(
    history: tuple[str, ...],
) -> None:
    scenario = Scenario(history=history)

    assert explore(scenario, promises=MEANWHILE).violation is not None
    assert explore(scenario, promises=AT_REST).violation is None


def test_limit_killed_backfill_may_leave_an_image_of_a_source_deleted_meanwhile() -> None:
    scenario = Scenario(history=("png 1", NOTHING), backfill=True, faults=KILL)

    violation = explore(scenario).violation

    assert violation is not None
    assert violation.promise is Promise.REST
    assert "backfill: killed" in violation.steps


@pytest.mark.parametrize(
    "history", [("png 1", "png 2", "png 1"), ("png 1", NOTHING, "jpg")], ids=joined
)
def test_limit_backfill_beside_a_review_cannot_take_back_an_image_of_two_changes_ago(
    history: tuple[str, ...],
) -> None:
    scenario = Scenario(history=history, heads_at_once=True, backfill=True, reviewed=True)

    violation = explore(scenario).violation

    assert violation is not None
    assert violation.promise is Promise.REST
    assert "backfill: end as unreviewed" in violation.steps

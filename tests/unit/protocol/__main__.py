"""Explore longer histories than the tests do, with more faults: minutes, and some gigabytes.

python -m tests.unit.protocol
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from tests.unit.protocol import manifest, manifest_scenario
from tests.unit.protocol.explore import explore
from tests.unit.protocol.histories import (
    KILL,
    LOST_RESPONSE,
    MANIFEST_ONE_CHANGE,
    MANIFEST_THREE_CHANGES,
    MANIFEST_TWO_CHANGES,
    ONE_CHANGE,
    THREE_CHANGES,
    TWO_CHANGES,
)
from tests.unit.protocol.scenario import NOTHING, Scenario
from tests.unit.protocol.search import Exploration


def scenarios() -> Iterator[Scenario]:
    """Yield what to explore, the quick ones first."""
    for reviewed in (False, True):
        for history in ONE_CHANGE:
            yield Scenario(
                history=history, copies=2, faults=KILL * 2 + LOST_RESPONSE, reviewed=reviewed
            )
            yield Scenario(history=history, copies=3, faults=KILL, reviewed=reviewed)
        for history in TWO_CHANGES:
            yield Scenario(history=history, faults=KILL + LOST_RESPONSE, reviewed=reviewed)
        for history in THREE_CHANGES:
            yield Scenario(history=history, heads_at_once=True, reviewed=reviewed)
    for history in TWO_CHANGES:
        beside = Scenario(history=history, heads_at_once=True, backfill=True)
        yield beside
        # Beside reviews a content that comes back, or comes after a deletion, meets a limit.
        if not beside.comes_back and NOTHING not in history[1:-1]:
            yield replace(beside, reviewed=True)


def manifest_scenarios() -> Iterator[manifest_scenario.Scenario]:
    """Yield what to explore of the model of manifests."""
    scenario = manifest_scenario.Scenario
    for history in MANIFEST_ONE_CHANGE:
        yield scenario(history=history, copies=2, faults=KILL * 2 + LOST_RESPONSE)
        yield scenario(history=history, copies=3, faults=KILL)
    for history in MANIFEST_TWO_CHANGES:
        yield scenario(history=history, faults=KILL * 2 + LOST_RESPONSE)
    for history in MANIFEST_TWO_CHANGES:
        yield scenario(history=history, copies=2, faults=LOST_RESPONSE)
    for history in MANIFEST_THREE_CHANGES:
        yield scenario(history=history)


def explorations() -> Iterator[tuple[str, Callable[[], Exploration]]]:
    """Yield a name and how to explore it."""
    for each in scenarios():
        yield str(each), partial(explore, each)
    for one in manifest_scenarios():
        yield f"manifest: {one}", partial(manifest.explore, one)


def main() -> None:
    """Run from the command line."""
    total = 0
    for scenario, run in explorations():
        start = time.perf_counter()
        exploration = run()
        total += exploration.states
        seconds = time.perf_counter() - start
        print(f"{exploration.states:>11,} states {seconds:6.1f} s  {scenario}", flush=True)
        if violation := exploration.violation:
            print(f"broken: {violation.promise.value}", *violation.steps, sep="\n  ")
            sys.exit(1)
    print(f"{total:>11,} states in all, and every promise kept")


if __name__ == "__main__":
    main()

"""The promises that every reachable state of a scenario of `reconcile` must keep."""

from collections.abc import Iterator
from enum import Enum

from tests.unit.protocol.run import Move, Turn
from tests.unit.protocol.scenario import (
    IMAGES,
    NOTHING,
    REJECTED,
    Event,
    Part,
    Run,
    Scenario,
    State,
    World,
)
from tests.unit.protocol.search import Exploration, search


class Promise(Enum):
    """A property of every interleaving."""

    REST = "at rest images and record are those of the source, and its event was sent"
    NEVER_WORSE = "no call replaces or deletes an image of the source's present content"


def explore(
    scenario: Scenario, *, without: Part | None = None, promises: frozenset[Promise] | None = None
) -> Exploration:
    """Visit every reachable state of *scenario*, up to the first that breaks a promise.

    A content that comes back breaks `Promise.NEVER_WORSE`, because its images have the ETags that
    they had before. It is therefore not among the default *promises* of such a scenario.
    """
    if promises is None:
        promises = frozenset({Promise.REST} if scenario.comes_back else Promise)
    return search(_Reconcile(scenario, without, promises))


class _Reconcile:
    """The model of `reconcile`, perhaps without one of its parts."""

    def __init__(
        self, scenario: Scenario, without: Part | None, promises: frozenset[Promise]
    ) -> None:
        self._scenario = scenario
        self._without = without
        self._promises = promises

    def first(self) -> State:
        content = self._scenario.history[0]
        runs = (Run(Event.BACKFILL),) if self._scenario.backfill else ()
        return State(World(0, IMAGES[content], 0, event_sent=True), runs, self._scenario.faults)

    def changes(self, world: World) -> Iterator[tuple[str, World, list[Run]]]:
        position = world.position + 1
        if position == len(self._scenario.history):
            return
        content = self._scenario.history[position]
        is_last = position + 1 == len(self._scenario.history)
        event = Event.REMOVAL if content == NOTHING else Event.UPLOAD
        runs = [Run(event)] * (self._scenario.copies if is_last else 1)
        yield content or "deletes", world._replace(position=position, event_sent=False), runs

    def moves(self, world: World, run: Run) -> Iterator[Move]:
        return Turn(self._scenario, self._without, world, run).moves()

    def name(self, run: Run) -> str:
        return run.event

    def broken_by(self, before: World, after: World) -> Promise | None:
        if Promise.NEVER_WORSE in self._promises and _is_worse(self._scenario, before, after):
            return Promise.NEVER_WORSE
        return None

    def broken_at_rest(self, world: World) -> Promise | None:
        if Promise.REST in self._promises and not _is_right(self._scenario, world):
            return Promise.REST
        return None


def _is_worse(scenario: Scenario, before: World, after: World) -> bool:
    """Whether an image of the present content was there before and is not there after."""
    if before.images is after.images or before.position != after.position:
        return False
    wanted = IMAGES[scenario.history[before.position]]
    return any(
        image == old != new and image != NOTHING
        for image, old, new in zip(wanted, before.images, after.images, strict=True)
    )


def _is_right(scenario: Scenario, world: World) -> bool:
    """Whether the processed bucket and the table match the source."""
    source = scenario.history[-1]
    if scenario.history[world.record] != source or not world.event_sent:
        return False
    if source in REJECTED:
        return source not in world.images and _last_good_remain(scenario, world)
    return world.images == IMAGES[source]


def _last_good_remain(scenario: Scenario, world: World) -> bool:
    """Whether rejections have cost none of the images that were published before.

    If several good contents came before the rejected one, its images may be of any of them.
    """
    first, *others = scenario.history
    if first == NOTHING or NOTHING in others:
        return True
    if all(content in REJECTED for content in others):
        return world.images == IMAGES[first]
    *following_format, fixed = world.images
    return any(following_format) and fixed != NOTHING

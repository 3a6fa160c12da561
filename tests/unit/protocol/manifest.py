"""The protocol of manifests as a model, and its promises in every interleaving.

Images have keys that change with the content, and one manifest per source lists them. It is
switched by compare-and-swap: its bytes, and so its ETag, depend on the content alone. What it no
longer lists is retired, and a lifecycle rule deletes it days later, which is after all of this.
"""

from collections.abc import Iterator
from enum import Enum

from tests.unit.protocol.manifest_run import Move, Turn
from tests.unit.protocol.manifest_scenario import (
    NOTHING,
    REJECTED,
    Image,
    Part,
    Run,
    Scenario,
    World,
    images_of,
)
from tests.unit.protocol.search import Exploration, State, search


class Promise(Enum):
    """A property of every interleaving."""

    REST = "at rest the manifest is the source's, and all that it lists is there to stay"
    NEVER_WORSE = "no call replaces the manifest or an image of the source's present content"
    COMPLETE = "what a manifest lists is there"
    TIDY = "at rest nothing is there to stay that no manifest lists"


def explore(
    scenario: Scenario, *, without: Part | None = None, promises: frozenset[Promise] | None = None
) -> Exploration:
    """Visit every reachable state of *scenario*, up to the first that breaks a promise.

    By default the *promises* are those that hold for its kind of history.
    """
    return search(_Manifest(scenario, without, promises or promises_of(scenario)))


def promises_of(scenario: Scenario) -> frozenset[Promise]:
    """Return the promises for histories like that of *scenario*.

    Of a content that comes back manifest and images look like those of before, so that a condition
    cannot tell them apart until the run has started over. A deletion takes the images before
    their manifest. A run for a change that is not the last one may leave images that it has
    written and not listed.
    """
    promises = {Promise.REST}
    if len(scenario.history) == 2:
        promises |= {Promise.TIDY}
    if not scenario.comes_back:
        promises |= {Promise.NEVER_WORSE}
        if NOTHING not in scenario.history[1:]:
            promises |= {Promise.COMPLETE}
    return frozenset(promises)


class _Manifest:
    """The model of the protocol, perhaps without one of its parts."""

    def __init__(
        self, scenario: Scenario, without: Part | None, promises: frozenset[Promise]
    ) -> None:
        self._history = scenario.history
        self._scenario = scenario
        self._without = without
        self._promises = promises

    def first(self) -> State[World, Run]:
        content = self._history[0]
        manifest = content if images_of(content) else NOTHING
        world = World(0, frozenset(images_of(content)), frozenset(), manifest)
        return State(world, (), self._scenario.faults)

    def changes(self, world: World) -> Iterator[tuple[str, World, list[Run]]]:
        position = world.position + 1
        if position == len(self._history):
            return
        content = self._history[position]
        is_last = position + 1 == len(self._history)
        runs = [Run("removal" if content == NOTHING else "upload")]
        copies = self._scenario.copies if is_last else 1
        yield content or "deletes", world._replace(position=position), runs * copies

    def moves(self, world: World, run: Run) -> Iterator[Move]:
        return Turn(self._scenario, self._without, world, run).moves()

    def name(self, run: Run) -> str:
        return run.event

    def broken_by(self, before: World, after: World) -> Promise | None:
        if Promise.COMPLETE in self._promises and not _is_complete(after):
            return Promise.COMPLETE
        if Promise.NEVER_WORSE in self._promises and self._is_worse(before, after):
            return Promise.NEVER_WORSE
        return None

    def broken_at_rest(self, world: World) -> Promise | None:
        if Promise.REST in self._promises and not self._is_right(world):
            return Promise.REST
        if Promise.TIDY in self._promises and unlisted(world):
            return Promise.TIDY
        return None

    def _is_worse(self, before: World, after: World) -> bool:
        source = self._history[before.position]
        if before.position != after.position or before.manifest != source or source == NOTHING:
            return False
        lost = (before.kept - after.kept) & {*images_of(source)}
        return after.manifest != source or bool(lost)

    def _is_right(self, world: World) -> bool:
        """Whether the manifest matches the source, and lists only lasting images."""
        source = self._history[-1]
        if source in REJECTED:
            return (
                world.manifest in self._last_good()
                and {*images_of(world.manifest)} <= world.kept
                and not any(content == source for content, _ in world.kept)
            )
        return world.manifest == source and {*images_of(source)} <= world.kept

    def _last_good(self) -> set[str]:
        """Return what the manifest may be of at rest after a rejected content.

        If several good contents came before it, it may be any of them: their runs may have come
        too late to see them.
        """
        first, *others = self._history
        good = {content for content in others if content not in REJECTED}
        return {NOTHING if first in REJECTED else first, *good}


def unlisted(world: World) -> frozenset[tuple[str, int]]:
    """Return the images that stay although no manifest lists them, for prune to find."""
    return world.kept - {*images_of(world.manifest)}


def _is_complete(world: World) -> bool:
    return all(world.image(key) is not Image.GONE for key in images_of(world.manifest))

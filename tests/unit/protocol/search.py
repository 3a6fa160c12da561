"""Search all reachable states of a model for the first that breaks a promise.

A model consists of the users' changes, the possible next steps of a run, and the promises. Runs
share nothing but the world, so a state is the world, the runs that have not ended, and the faults
that may still happen.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

W = TypeVar("W")
R = TypeVar("R")
T = TypeVar("T")


class Fault(StrEnum):
    """A fault of a call."""

    KILLED = "the run ends before it, and its event is delivered again"
    LOST_RESPONSE = "a write succeeds, its response is lost, and the retry is refused"


class Move(NamedTuple, Generic[W, R]):
    """One step of a run, the world after it, and the fault that it takes, if any."""

    step: str
    world: W
    run: R | None
    fault: Fault | None = None


class State(NamedTuple, Generic[W, R]):
    """The world, every run that has not ended, in a fixed order, and the faults still to come."""

    world: W
    runs: tuple[R, ...]
    faults: tuple[Fault, ...]


class Model(Protocol[W, R]):
    """Possible steps and promises. *W* and *R* are hashable worlds and runs."""

    def first(self) -> State[W, R]:
        """Return the initial state."""

    def changes(self, world: W) -> Iterable[tuple[str, W, list[R]]]:
        """Yield what users may do next: its name, the world after it, and the runs it starts."""

    def moves(self, world: W, run: R) -> Iterable[Move[W, R]]:
        """Yield everything that *run* may do next."""

    def name(self, run: R) -> str:
        """Return what *run* is called in a sequence of steps."""

    def broken_by(self, before: W, after: W) -> Enum | None:
        """Return the promise that a step broke."""

    def broken_at_rest(self, world: W) -> Enum | None:
        """Return the promise that is broken when nothing is left to happen."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A broken promise and the shortest sequence of steps that breaks it."""

    promise: Enum
    steps: tuple[str, ...]
    state: State[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """The number of visited states, the final worlds, and the broken promise, if any."""

    states: int
    ends: frozenset[Any]
    violation: Violation | None


def search(model: Model[W, R]) -> Exploration:
    """Visit every state of *model*, up to the first that breaks a promise."""
    worlds, runs = _Numbered[W](), _Numbered[R]()
    following = _Following(model, worlds, runs)
    first = following.numbered(model.first())
    reached_by: dict[_State, tuple[_State, str] | None] = {first: None}
    ends: set[W] = set()
    queue = deque([first])

    @cache
    def broken_by(before: int, after: int) -> Enum | None:
        return model.broken_by(worlds[before], worlds[after])

    def explored(promise: Enum | None, state: _State) -> Exploration:
        violation = None
        if promise:
            steps = tuple(reversed([*_steps_to(state, reached_by)]))
            violation = Violation(promise=promise, steps=steps, state=following.state(state))
        return Exploration(states=len(reached_by), ends=frozenset(ends), violation=violation)

    while queue:
        state = queue.popleft()
        at_rest = True
        for step, after in following.of(state):
            at_rest = False
            if after in reached_by:
                continue
            reached_by[after] = state, step
            if promise := broken_by(state[0], after[0]):
                return explored(promise, after)
            queue.append(after)
        if at_rest:
            world = worlds[state[0]]
            ends.add(world)
            if promise := model.broken_at_rest(world):
                return explored(promise, state)
    return explored(None, first)


_State: TypeAlias = tuple[int, tuple[int, ...], tuple[Fault, ...]]
"""A state with numbers for its world and runs: millions of states are compared by them."""


class _Numbered(Generic[T]):
    """Values by their numbers, and a number for each distinct value."""

    def __init__(self) -> None:
        self._values: list[T] = []
        self._numbers: dict[T, int] = {}

    def __getitem__(self, number: int) -> T:
        return self._values[number]

    def number(self, value: T) -> int:
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number


class _Following(Generic[W, R]):
    """The steps that lead out of a state."""

    def __init__(self, model: Model[W, R], worlds: _Numbered[W], runs: _Numbered[R]) -> None:
        self._model = model
        self._worlds = worlds
        self._runs = runs
        # Equal knowledge of equal worlds has equal moves.
        self._moves = cache(self._moves_of)
        self._changes = cache(self._changes_of)

    def numbered(self, state: State[W, R]) -> _State:
        runs = sorted(map(self._runs.number, state.runs))
        return self._worlds.number(state.world), tuple(runs), state.faults

    def state(self, numbered: _State) -> State[W, R]:
        world, runs, faults = numbered
        return State(self._worlds[world], tuple(self._runs[run] for run in runs), faults)

    def of(self, state: _State) -> Iterator[tuple[str, _State]]:
        """Yield every step that may come next, named, and the state after it."""
        world, runs, faults = state
        for step, changed, started in self._changes(world):
            yield step, (changed, tuple(sorted([*runs, *started])), faults)
        for index, run in enumerate(runs):
            if index and run == runs[index - 1]:
                continue  # runs with equal knowledge have equal moves
            others = (*runs[:index], *runs[index + 1 :])
            for step, moved, now, fault in self._moves(world, run):
                if fault is None or fault in faults:
                    running = others if now is None else tuple(sorted([*others, now]))
                    yield step, (moved, running, _without(faults, fault) if fault else faults)

    def _changes_of(self, world: int) -> list[tuple[str, int, list[int]]]:
        return [
            (f"user: {step}", self._worlds.number(changed), [*map(self._runs.number, started)])
            for step, changed, started in self._model.changes(self._worlds[world])
        ]

    def _moves_of(self, world: int, run: int) -> list[tuple[str, int, int | None, Fault | None]]:
        name = self._model.name(self._runs[run])
        return [
            (
                f"{name}: {step}",
                self._worlds.number(moved),
                None if now is None else self._runs.number(now),
                fault,
            )
            for step, moved, now, fault in self._model.moves(self._worlds[world], self._runs[run])
        ]


def _steps_to(
    state: _State, reached_by: Mapping[_State, tuple[_State, str] | None]
) -> Iterator[str]:
    """Yield the steps that led to *state*, the last one first."""
    while (before := reached_by[state]) is not None:
        state, step = before
        yield step


def _without(faults: tuple[Fault, ...], fault: Fault) -> tuple[Fault, ...]:
    left = list(faults)
    left.remove(fault)
    return tuple(left)

"""Search all reachable states of a model for the first that breaks a promise.

A model consists of the users' changes, the possible next steps of a run, and the promises. Runs
share nothing but the world, so a state is the world, the runs that have not ended, and the faults
that may still happen.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

W = TypeVar("W")
R = TypeVar("R")


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


_Reached: TypeAlias = tuple[State[W, R], R | None, str]
"""The state before, the run that took the step, None for the users, and the step."""


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
    following = _Following(model)
    first = model.first()
    reached_by: dict[State[W, R], _Reached[W, R] | None] = {first: None}
    ends: set[W] = set()
    queue = deque([first])

    def explored(promise: Enum | None, state: State[W, R]) -> Exploration:
        steps = tuple(reversed([*_steps_to(state, reached_by, model)]))
        violation = Violation(promise=promise, steps=steps, state=state) if promise else None
        return Exploration(states=len(reached_by), ends=frozenset(ends), violation=violation)

    while queue:
        state = queue.popleft()
        at_rest = True
        for run, step, after in following.of(state):
            at_rest = False
            if after in reached_by:
                continue
            reached_by[after] = state, run, step
            if promise := model.broken_by(state.world, after.world):
                return explored(promise, after)
            queue.append(after)
        if at_rest:
            ends.add(state.world)
            if promise := model.broken_at_rest(state.world):
                return explored(promise, state)
    return explored(None, first)


def _steps_to(
    state: State[W, R],
    reached_by: Mapping[State[W, R], _Reached[W, R] | None],
    model: Model[W, R],
) -> Iterator[str]:
    """Yield the steps that led to *state*, the last one first."""
    while (before := reached_by[state]) is not None:
        state, run, step = before
        yield f"{'user' if run is None else model.name(run)}: {step}"


class _Following(Generic[W, R]):
    """The steps that lead out of a state."""

    def __init__(self, model: Model[W, R]) -> None:
        self._model = model
        # Equal knowledge of equal worlds has equal moves.
        self._moves: Callable[[W, R], list[Move[W, R]]] = cache(
            lambda world, run: [*model.moves(world, run)]
        )

    def of(self, state: State[W, R]) -> Iterator[tuple[R | None, str, State[W, R]]]:
        """Yield every step that may come next, with its run if it has one, and the state after."""
        world, runs, faults = state
        for step, changed, started in self._model.changes(world):
            yield None, step, State(changed, _ordered([*runs, *started]), faults)
        for index, run in enumerate(runs):
            if index and run == runs[index - 1]:
                continue  # runs with equal knowledge have equal moves
            others = (*runs[:index], *runs[index + 1 :])
            for step, moved, now, fault in self._moves(world, run):
                if fault is None or fault in faults:
                    running = _ordered([*others, now]) if now else others
                    left = _without(faults, fault) if fault else faults
                    yield run, step, State(moved, running, left)


def _without(faults: tuple[Fault, ...], fault: Fault) -> tuple[Fault, ...]:
    left = list(faults)
    left.remove(fault)
    return tuple(left)


def _ordered(runs: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(runs))

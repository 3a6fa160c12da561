"""Measure how long the stages of the work take, through a context variable."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter

_measured: ContextVar[dict[str, float] | None] = ContextVar("milliseconds", default=None)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Collect the milliseconds of every `stage` within, by name; a stage that recurs adds up.

    A thread collects nothing unless it runs in a copy of this context.
    """
    milliseconds: dict[str, float] = {}
    token = _measured.set(milliseconds)
    try:
        yield milliseconds
    finally:
        _measured.reset(token)


def stage(name: str) -> AbstractContextManager[None]:
    """Time the work within as part of the stage *name*. Does nothing outside `measured`."""
    milliseconds = _measured.get()
    return nullcontext() if milliseconds is None else _timed(name, milliseconds)


def add(milliseconds: dict[str, float]) -> None:
    """Add times measured elsewhere, by stage, to those of this context."""
    if (collected := _measured.get()) is not None:
        for name, took in milliseconds.items():
            collected[name] = collected.get(name, 0) + took


@contextmanager
def _timed(name: str, milliseconds: dict[str, float]) -> Iterator[None]:
    start = perf_counter()
    try:
        yield
    finally:
        milliseconds[name] = milliseconds.get(name, 0) + (perf_counter() - start) * 1000

"""One record's turn within an invocation: timed, held to its time, its errors made outcomes."""

import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any, Final, TypeAlias, TypeVar

from pipeline.errors import (
    DeadlineExceeded,
    PipelineError,
    Rejected,
    Superseded,
    TransientFailure,
)
from pipeline.model import Outcome, Removal, Source, Status

Request = TypeVar("Request", bound=Source | Removal | None)

Record: TypeAlias = Mapping[str, Any]
"""Whatever of an event tells of one upload."""

_SECONDS_TO_REPORT: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one record, and after how long."""

    record: Record
    request: Source | Removal | None
    outcome: Outcome
    error: Exception | None
    milliseconds: Mapping[str, float]


class Stopwatch:
    """Adds up the milliseconds of each named stage."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.milliseconds[name] += (perf_counter() - start) * 1000


def attempt(
    record: Record,
    read: Callable[[Record], Request],
    work: Callable[[Request, Stopwatch], Outcome],
    *,
    seconds: float,
    deadline: float | None,
) -> Answer:
    """Have *record* read and the *work* done for it, and return what became of it.

    The invocation is killed in *seconds*. After the *deadline*, in seconds since the epoch, there
    is no other try.
    """
    request: Request | None = None
    error: Exception | None = None
    watch = Stopwatch()
    with watch.stage("total"):
        try:
            with _time_limit(seconds - _SECONDS_TO_REPORT, deadline):
                request = read(record)
                outcome = work(request, watch)
        except Superseded as newer:
            outcome, error = Outcome(status=Status.SUPERSEDED), newer
        except Rejected as rejection:
            source = request if isinstance(request, Source) else None
            outcome = Outcome(status=Status.REJECTED, source=source, rejection=rejection)
            error = rejection
        except _OutOfTime as alarm:
            outcome = Outcome(status=Status.FAILED)
            error = alarm.error.with_traceback(alarm.__traceback__)
        except Exception as failure:  # noqa: BLE001 - raised when the other records are done
            outcome, error = Outcome(status=Status.FAILED), failure
    return Answer(
        record=record,
        request=request,
        outcome=outcome,
        error=error,
        milliseconds=watch.milliseconds,
    )


def failure(answers: Sequence[Answer]) -> Exception | None:
    """Return what went wrong with any of *answers*, in one: transient if part of it is."""
    errors = [one.error for one in answers if one.outcome.status is Status.FAILED and one.error]
    if len(errors) < 2:
        return errors[0] if errors else None
    group = ExceptionGroup(f"{len(errors)} uploads failed", errors)
    if not any(isinstance(error, TransientFailure) for error in errors):
        return group
    combined = TransientFailure(f"{group.message}, the first: {errors[0]}")
    combined.__cause__ = group
    return combined


class _OutOfTime(BaseException):
    """Goes off in the middle of anything, and is the *error* when it has come out of there.

    It is no `Exception`: botocore would take that for a broken connection, and try again.
    """

    def __init__(self, error: PipelineError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _time_limit(seconds: float, deadline: float | None) -> Iterator[None]:
    """Raise `_OutOfTime` before Lambda kills the function without a word, or at the *deadline*.

    That is a `TransientFailure` if another try may have more time, otherwise a `DeadlineExceeded`.
    """
    seconds_left = seconds if deadline is None else min(seconds, deadline - time())
    error = (
        DeadlineExceeded("out of time: no step of this workflow has any left")
        if seconds_left < seconds
        else TransientFailure("out of time: more of it, or more memory, may help")
    )

    def expire(_: int, __: object) -> None:
        raise _OutOfTime(error)

    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, max(seconds_left, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

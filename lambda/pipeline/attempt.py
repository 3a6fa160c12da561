"""Run one request: time it, and turn what it raises into an outcome."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pipeline.errors import Rejected, TransientFailure
from pipeline.model import Outcome, Request, Result, Status
from pipeline.processed.reconcile import Pipeline
from pipeline.timing import measured, stage

Work: TypeAlias = Callable[[Request, Pipeline, float], Outcome]
"""`reconcile` or `inspect`, with a deadline of `time.monotonic`."""


def attempt(
    request: Request | Rejected, work: Work, pipeline: Pipeline, *, deadline: float
) -> Result:
    """Do *work* for *request* until the *deadline*, a value of `time.monotonic`.

    Raises nothing, so that the other records of the event are still processed.
    """
    if isinstance(request, Rejected):
        outcome = Outcome(status=Status.REJECTED, rejection=request)
        return Result(request=None, outcome=outcome, milliseconds={"total": 0})
    error: Exception | None = None
    with measured() as milliseconds, stage("total"):
        try:
            outcome = work(request, pipeline, deadline)
        except Exception as failure:  # noqa: BLE001 - raised when the other records are done
            outcome, error = Outcome(status=Status.FAILED, detail=_described(failure)), failure
    return Result(request=request, outcome=outcome, milliseconds=milliseconds, error=error)


def failure(results: Sequence[Result]) -> Exception | None:
    """Combine the errors of *results* into one, transient if any of them is."""
    errors = [result.error for result in results if result.error]
    if len(errors) < 2:
        return errors[0] if errors else None
    group = ExceptionGroup(f"{len(errors)} uploads failed", errors)
    if not any(isinstance(error, TransientFailure) for error in errors):
        return group
    combined = TransientFailure(f"{group.message}, the first: {errors[0]}")
    combined.__cause__ = group
    return combined


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

"""What operators see: a line in the log and metrics for every upload."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline.attempts import Answer
from pipeline.errors import Rejected
from pipeline.model import Status

# In ASCII a key cannot break its line, not even for readers that know more line ends than \n.
logger = Logger(json_serializer=partial(json.dumps, default=str))
metrics = Metrics()

_WRITE: Final = {Status.FAILED: logger.error, Status.REJECTED: logger.warning}


def log(answers: Sequence[Answer]) -> None:
    """Write one line and one set of metrics for each of *answers*."""
    for answer in answers:
        note(answer)
        _count(answer)


def note(answer: Answer) -> None:
    """Write one line for an *answer* with which no upload has ended."""
    status = answer.outcome.status
    _WRITE.get(status, logger.info)(status.value, extra=_line(answer))


def _count(answer: Answer) -> None:
    metrics.add_metric(answer.outcome.status.value.capitalize(), MetricUnit.Count, 1)
    metrics.add_metric("Duration", MetricUnit.Milliseconds, answer.milliseconds["total"])
    for published in answer.outcome.published:
        metrics.add_metric("BytesPublished", MetricUnit.Bytes, published.bytes)
    metrics.flush_metrics()


def _line(answer: Answer) -> dict[str, Any]:
    line: dict[str, Any] = {
        "milliseconds": {stage: round(took, 1) for stage, took in answer.milliseconds.items()}
    }
    if answer.request:
        line["source"] = asdict(answer.request)
    if answer.outcome.picture:
        line["picture"] = asdict(answer.outcome.picture)
    if answer.outcome.published:
        line["published"] = [asdict(published) for published in answer.outcome.published]
    if isinstance(answer.error, Rejected):
        line["reason"] = answer.error.reason
    if answer.error:
        line["detail"] = f"{type(answer.error).__name__}: {answer.error}"
    return line

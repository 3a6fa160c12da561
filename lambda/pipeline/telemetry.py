"""Log one line and emit metrics for every upload."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from pipeline.model import Image, Result, Status

# ASCII: a key cannot break the line, even for readers that accept other line ends than \n.
logger = Logger(json_serializer=partial(json.dumps, default=str))
metrics = Metrics()

_SANDBOX_METRICS: Final = {
    "worker lost": "WorkersLost",
    "rendered in process": "RenderedInProcess",
    "child crashed": "ChildrenCrashed",
}

_LOG: Final = {Status.FAILED: logger.error, Status.REJECTED: logger.warning}


def log_result(result: Result) -> None:
    """Log a finished upload, and emit its metrics."""
    log_step(result)
    metrics.add_metric(result.outcome.status.value.capitalize(), MetricUnit.Count, 1)
    metrics.add_metric("Duration", MetricUnit.Milliseconds, result.milliseconds["total"])
    for image in result.outcome.written:
        metrics.add_metric("BytesPublished", MetricUnit.Bytes, image.bytes)
    metrics.flush_metrics()


def report_sandbox(event: str, facts: Mapping[str, object]) -> None:
    """Log an event of the rendering process, and count those that operators should see."""
    if metric := _SANDBOX_METRICS.get(event):
        logger.warning(event, extra=dict(facts))
        metrics.add_metric(metric, MetricUnit.Count, 1)
        metrics.flush_metrics()
    else:
        logger.info(event, extra=dict(facts))


def log_step(result: Result) -> None:
    """Log a step that does not finish an upload."""
    status = result.outcome.status
    _LOG.get(status, logger.info)(status.value, extra=_line(result))


def _line(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    line: dict[str, Any] = {
        "milliseconds": {stage: round(took, 1) for stage, took in result.milliseconds.items()}
    }
    if source := outcome.source or result.request:
        line["source"] = asdict(source)
    if outcome.info:
        line["picture"] = asdict(outcome.info)
    if outcome.written:
        line["published"] = [_image(image) for image in outcome.written]
    if outcome.rejection:
        line["reason"] = outcome.rejection.reason
        line["detail"] = f"{type(outcome.rejection).__name__}: {outcome.rejection}"
    elif outcome.detail:
        line["detail"] = outcome.detail
    return line


def _image(image: Image) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(image).items() if name != "etag"}

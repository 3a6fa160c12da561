"""The handler: event, key, reconcile, outcome. Everything else here is wiring."""

import os
from contextlib import suppress
from functools import cache, partial

from pipeline.errors import ConfigurationError
from pipeline.renderer import Renderer
from pipeline.sandbox import Sandbox
from pipeline.settings import Settings


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _renderer() -> Renderer:
    settings = _settings()
    return Sandbox(
        settings.style,
        required=settings.require_sandbox,
        report=lambda event, facts: report_sandbox(event, facts),
    )


# The rendering process loads its libraries while this one imports botocore. Invalid settings raise
# when an event needs them.
with suppress(ConfigurationError):
    _renderer()


from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.session import Session, get_session
from pipeline import events
from pipeline.attempt import attempt, failure
from pipeline.aws.client import CLIENT_CONFIG, CONNECTIONS
from pipeline.aws.failures import FailureQueue
from pipeline.aws.storage import Storage
from pipeline.errors import DeadlineExceeded
from pipeline.model import Result, Status
from pipeline.processed.prune import Pruning, prune
from pipeline.processed.reconcile import Pipeline, inspect, reconcile
from pipeline.recipe import Recipes
from pipeline.selection import upload_options
from pipeline.telemetry import log_result, log_step, logger, report_sandbox

if TYPE_CHECKING:
    from pipeline.aws.completion import CompletionBus
    from pipeline.aws.table import Table
    from pipeline.web.api import Api

Event: TypeAlias = Mapping[str, Any]

SECONDS_TO_REPORT = 0.5
"""Time reserved to report and log before Lambda stops the invocation."""


@logger.inject_lambda_context
def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Handle an HTTP request, a step of a state machine, or events from S3."""
    if events.is_http(event):
        return _respond(event)
    if step := events.step(event):
        return STEPS[step](event, context)
    return _process(event, context)


def _process(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Reconcile the source of every record; return the number of outcomes by status.

    Raises if any of them failed: Lambda then retries the whole event, and what is done stays done.
    Reports wait for a run without failures, so that no upload is reported twice.
    """
    records = events.records(event)
    results = [
        attempt(events.request(record), reconcile, _pipeline(), deadline=_deadline(context))
        for record in records
    ]
    _raise_failures(results)
    for record, result in zip(records, results, strict=True):
        _report(result, events.single_record_event(record), context)
        log_result(result)
    return dict(Counter(result.outcome.status.value for result in results))


def _inspect(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Return what an upload is, and which of its images are missing."""
    deadline = _step_deadline(event, context)
    result = attempt(events.from_step(event), inspect, _pipeline(), deadline=deadline)
    _raise_failures([result])
    ends = result.outcome.status not in (Status.INSPECTED, Status.REJECTED)
    (log_result if ends else log_step)(result)
    return events.step_response(result.outcome)


def _publish(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Reconcile the version that was reviewed, or reject it."""
    deadline = _step_deadline(event, context)
    result = attempt(events.from_step(event), reconcile, _pipeline(), deadline=deadline)
    _raise_failures([result])
    _report(result, event["event"], context)
    log_result(result)
    return events.step_response(result.outcome)


def _backfill(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Reconcile a batch of listed sources, each with its share of the time.

    Each retry starts with another item, and an item that exceeds its share gets all remaining time
    at the end, so that a slow file does not block the others.
    """
    requests = _rotated(
        [events.from_listing(event["bucket"], item) for item in events.batch_items(event)],
        event.get("retry", 0),
    )
    results = []
    for position, request in enumerate(requests):
        share = (_deadline(context) - monotonic()) / (len(requests) - position)
        results.append(attempt(request, reconcile, _pipeline(), deadline=monotonic() + share))
    results = [
        attempt(result.request, reconcile, _pipeline(), deadline=_deadline(context))
        if result.request and result.error
        else result
        for result in results
    ]
    _raise_failures(results)
    for result in results:
        log_result(result)
    return events.batch_response([result.outcome for result in results])


def _guard(event: Event, _: LambdaContext) -> dict[str, Any]:
    """Let Terraform destroy a bucket or a table, or raise if it must not."""
    from pipeline.aws.guard import guard

    guard(event, _client("s3"))
    return {"status": "guarded"}


def _prune(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Check a batch of processed objects, and delete those that no variant produces any more."""
    pruning = Pruning(source_bucket=event["bucket"], **event["prune"])
    outcomes = [
        prune(item["Key"], pruning, _pipeline(), deadline=_deadline(context))
        for item in event["items"]
    ]
    return events.batch_response(outcomes)


STEPS: Mapping[str, Callable[[Event, LambdaContext], dict[str, Any]]] = {
    "inspect": _inspect,
    "publish": _publish,
    "backfill": _backfill,
    "prune": _prune,
    "guard": _guard,
}


def _rotated(requests: Sequence[Any], retry: int) -> list[Any]:
    """Rotate *requests*, so that each *retry* starts with another one."""
    start = retry * (len(requests) // 3 + 1) % max(len(requests), 1)
    return [*requests[start:], *requests[:start]]


def _deadline(context: LambdaContext) -> float:
    """Return the deadline of this invocation, a value of `time.monotonic`."""
    return monotonic() + context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_REPORT


def _step_deadline(event: Event, context: LambdaContext) -> float:
    """Return the deadline of a step. Raises `DeadlineExceeded` if it is too late to start."""
    if events.is_too_late(event, time()):
        raise DeadlineExceeded("out of time: no step of this workflow has any left")
    return _deadline(context)


def _raise_failures(results: Sequence[Result]) -> None:
    """Raise the errors of *results*, after logging those that succeeded."""
    if error := failure(results):
        for result in results:
            if result.outcome.status not in (Status.REJECTED, Status.UNREVIEWED):
                log_result(result)
        raise error


def _report(result: Result, event: Event, context: LambdaContext) -> None:
    """Report an upload that is not published on the failure queue, with the reason."""
    if result.outcome.status in (Status.REJECTED, Status.UNREVIEWED):
        _failure_queue().report(
            result.outcome,
            request=result.request,
            event=event,
            request_id=context.aws_request_id,
        )


def _respond(event: Event) -> dict[str, Any]:
    """Return the HTTP response."""
    response = _api().respond(event)
    logger.info(
        "answered", extra={"route": event["routeKey"], "http_status": response["statusCode"]}
    )
    return response


@cache
def _session() -> Session:
    return get_session()


def _client(service: str, config: Config = CLIENT_CONFIG) -> Any:
    """Return a client of botocore's: to import boto3 as well would make a cold start longer."""
    return _session().create_client(service, config=config)


@cache
def _pipeline() -> Pipeline:
    settings, renderer = _settings(), _renderer()
    return Pipeline(
        settings=settings,
        recipes=Recipes(settings, renderer.fingerprint),
        storage=_storage(),
        renderer=renderer,
        executor=ThreadPoolExecutor(CONNECTIONS),
        table=_table(),
        completion_bus=_completion_bus(),
        now=partial(datetime.now, UTC),
    )


@cache
def _storage() -> Storage:
    return Storage(
        _client("s3"),
        processed_bucket=_settings().processed_bucket,
        cache_control=_settings().cache_control,
        read_options=partial(upload_options, settings=_settings()),
    )


@cache
def _failure_queue() -> FailureQueue:
    return FailureQueue(_client("sqs"), _settings().failure_queue_url)


@cache
def _table() -> "Table | None":
    """Return the metadata table, if it is on; imported only then, for a faster cold start."""
    if (metadata := _settings().metadata) is None:
        return None
    from pipeline.aws.table import Table

    client = _client("dynamodb")
    return Table(client, metadata.table, days_kept=metadata.days_kept)


@cache
def _completion_bus() -> "CompletionBus | None":
    if (name := _settings().completion_bus) is None:
        return None
    from pipeline.aws.completion import CompletionBus

    return CompletionBus(_client("events"), name)


@cache
def _api() -> "Api":
    """Return the upload API, whose modules are imported on the first request."""
    from pipeline.aws.uploads import SIGNING_CONFIG, Uploads
    from pipeline.web.api import Api

    settings, table = _settings(), _table()
    if (upload_api := settings.upload_api) is None or table is None:
        raise ConfigurationError("an HTTP request, but the upload API or its table is off")
    uploads = Uploads(
        _client("s3", SIGNING_CONFIG),
        source_bucket=upload_api.bucket,
        processed_bucket=settings.processed_bucket,
        form_seconds=upload_api.form_seconds,
        link_seconds=upload_api.link_seconds,
        cdn_url=None if upload_api.presign else settings.cdn_url,
    )
    return Api(
        _storage(),
        table,
        uploads,
        source_bucket=upload_api.bucket,
        access=upload_api.access,
        max_bytes=settings.limits.source_bytes,
        read_options=(
            partial(upload_options, settings=settings) if settings.upload_options else None
        ),
        report=lambda failure: logger.error(
            "failed", extra={"detail": f"{type(failure).__name__}: {failure}"}
        ),
    )

"""The handler: has each upload of an event processed, and answers for every one of them."""

import json
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pipeline import events
from pipeline.completion import complete
from pipeline.errors import ConfigurationError, Rejected, Superseded, TransientFailure
from pipeline.model import Outcome, Removal, Source, Status
from pipeline.process import process, remove
from pipeline.queue import FailureQueue
from pipeline.settings import Settings
from pipeline.storage import CLIENT_CONFIG, Storage

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
    from pipeline.announcements import Announcements
    from pipeline.table import Table

SECONDS_TO_REPORT = 0.5

# In ASCII a key cannot break its line, not even for readers that know more line ends than \n.
logger = Logger(json_serializer=partial(json.dumps, default=str))
metrics = Metrics()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one record, and after how long."""

    record: Mapping[str, Any]
    request: Source | Removal | None
    outcome: Outcome
    error: Exception | None
    milliseconds: Mapping[str, float]


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP request, or every record of an S3 notification."""
    if events.is_http(event):
        return _respond(event, context)
    return _process(event, context)


def _respond(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the HTTP response. What nobody expected is raised, and answered by API Gateway."""
    answer: dict[str, Any] = _api().resolve(dict(event), context)
    logger.info("answered", extra={"route": event["routeKey"], "http_status": answer["statusCode"]})
    return answer


def _process(event: Mapping[str, Any], context: LambdaContext) -> dict[str, int]:
    """Return how many records ended in which status.

    Raises what went wrong with any of them, unless it was the file's own fault: then Lambda tries
    the whole event again, and finds done what is done. Rejections wait for a try in which nothing
    else went wrong, so that no upload is reported twice.
    """
    answers = [_answer(record, context) for record in events.records(event)]
    failures = [answer for answer in answers if answer.outcome.status is Status.FAILED]
    if failures:
        _log([answer for answer in answers if answer.outcome.status is not Status.REJECTED])
        raise _combined(failures)
    for answer in answers:
        if isinstance(answer.error, Rejected):
            _failure_queue().report(
                answer.error,
                request=answer.request,
                event={"Records": [answer.record]},
                request_id=context.aws_request_id,
            )
    _log(answers)
    return dict(Counter(answer.outcome.status.value for answer in answers))


def _answer(record: Mapping[str, Any], context: LambdaContext) -> Answer:
    request: Source | Removal | None = None
    error: Exception | None = None
    watch = Stopwatch()
    with watch.stage("total"):
        try:
            with _deadline(context):
                request = events.request(record)
                outcome = _outcome(request, watch)
        except Superseded as newer:
            outcome, error = Outcome(status=Status.SUPERSEDED), newer
        except Rejected as rejection:
            outcome, error = Outcome(status=Status.REJECTED), rejection
        # Nothing is swallowed: the handler raises it again when the other records are done.
        except Exception as failure:  # noqa: BLE001
            outcome, error = Outcome(status=Status.FAILED), failure
    return Answer(
        record=record,
        request=request,
        outcome=outcome,
        error=error,
        milliseconds=watch.milliseconds,
    )


def _outcome(request: Source | Removal, watch: "Stopwatch") -> Outcome:
    started_at = datetime.now(UTC)

    def completed(outcome: Outcome) -> None:
        with watch.stage("complete"):
            complete(outcome, _table(), _announcements(), started_at=started_at)

    if isinstance(request, Removal):
        return remove(request, _settings(), _storage(), stage=watch.stage, complete=completed)
    return process(request, _settings(), _storage(), stage=watch.stage, complete=completed)


@contextmanager
def _deadline(context: LambdaContext) -> Iterator[None]:
    """Raise `TransientFailure` before Lambda would kill the function without a word."""

    def expire(_: int, __: object) -> None:
        raise TransientFailure("out of time: more of it, or more memory, may help")

    seconds = context.get_remaining_time_in_millis() / 1000 - SECONDS_TO_REPORT
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _combined(failures: Sequence[Answer]) -> Exception:
    errors = [failure.error for failure in failures if failure.error]
    if len(errors) == 1:
        return errors[0]
    return ExceptionGroup(f"{len(errors)} uploads failed", errors)


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


def _log(answers: Sequence[Answer]) -> None:
    """Write one line and one set of metrics for each of *answers*."""
    for answer in answers:
        status = answer.outcome.status
        write = {Status.FAILED: logger.error, Status.REJECTED: logger.warning}.get(
            status, logger.info
        )
        write(status.value, extra=_line(answer))
        metrics.add_metric(status.value.capitalize(), MetricUnit.Count, 1)
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


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _storage() -> Storage:
    return Storage(
        boto3.client("s3", config=CLIENT_CONFIG),
        processed_bucket=_settings().processed_bucket,
        cache_control=_settings().cache_control,
    )


@cache
def _failure_queue() -> FailureQueue:
    return FailureQueue(boto3.client("sqs", config=CLIENT_CONFIG), _settings().failure_queue_url)


@cache
def _table() -> "Table | None":
    """The records, if they are on. What they need is imported only then, to start sooner."""
    if (metadata := _settings().metadata) is None:
        return None
    from pipeline.table import Table

    client = boto3.client("dynamodb", config=CLIENT_CONFIG)
    return Table(client, metadata.table, days_kept=metadata.days_kept)


@cache
def _announcements() -> "Announcements | None":
    if (bus := _settings().completion_bus) is None:
        return None
    from pipeline.announcements import Announcements

    return Announcements(boto3.client("events", config=CLIENT_CONFIG), bus)


@cache
def _api() -> "APIGatewayHttpResolver":
    """The upload API. All that only it needs is imported here, for the first request."""
    from pipeline.api import Api, resolver
    from pipeline.uploads import SIGNING_CONFIG, Uploads

    settings = _settings()
    if (upload_api := settings.upload_api) is None:
        raise ConfigurationError("an HTTP request, but the upload API is off")
    uploads = Uploads(
        boto3.client("s3", config=SIGNING_CONFIG),
        source_bucket=upload_api.bucket,
        processed_bucket=settings.processed_bucket,
        form_seconds=upload_api.form_seconds,
        link_seconds=upload_api.link_seconds,
        max_bytes=settings.limits.source_bytes,
    )
    api = Api(
        _storage(),
        _table(),
        uploads,
        source_bucket=upload_api.bucket,
        access=upload_api.access,
        max_bytes=settings.limits.source_bytes,
    )
    return resolver(
        api,
        report=lambda failure: logger.error(
            "failed", extra={"detail": f"{type(failure).__name__}: {failure}"}
        ),
    )

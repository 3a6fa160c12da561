"""The handler: which kind of event is this, and who answers it?"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from pipeline import events
from pipeline.attempts import Answer, Stopwatch, attempt, failure
from pipeline.backfill import backfill
from pipeline.completion import complete
from pipeline.errors import ConfigurationError, Rejected
from pipeline.model import Outcome, Removal, Source, Status
from pipeline.process import inspect, process, record, reject, remove, render
from pipeline.queue import FailureQueue
from pipeline.recipes import source_recipe
from pipeline.settings import Settings
from pipeline.storage import CLIENT_CONFIG, Storage
from pipeline.telemetry import log, logger, note

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
    from pipeline.announcements import Announcements
    from pipeline.table import Table

Event: TypeAlias = Mapping[str, Any]

Work: TypeAlias = Callable[..., Outcome]
"""One of the functions of `pipeline.process`, or one that is called like them."""


@logger.inject_lambda_context
def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP request, a state machine, or every record of what S3 has to tell."""
    if events.is_http(event):
        return _respond(event, context)
    if step := events.step(event):
        return _STEPS[step](event, context)
    return _process(event, context)


def _respond(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Return the HTTP response. What nobody expected is raised, and answered by API Gateway."""
    answer: dict[str, Any] = _api().resolve(dict(event), context)
    logger.info("answered", extra={"route": event["routeKey"], "http_status": answer["statusCode"]})
    return answer


def _process(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Return how many records ended in which status.

    Raises what went wrong with any of them, unless it was the file's own fault: then Lambda tries
    the whole event again, and finds done what is done. Rejections wait for a try in which nothing
    else went wrong, so that no upload is reported twice.
    """
    answers = [_attempt(one, context, events.request, _whole) for one in events.records(event)]
    _raise_failures(answers)
    for answer in answers:
        _report(answer, events.of(answer.record), context)
    log(answers)
    return dict(Counter(answer.outcome.status.value for answer in answers))


def _inspect(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Return what an upload is and what is missing of it, or how it has ended."""
    return _end(_attempt(event, context, events.announced, inspect))


def _render(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Publish one image of an upload."""
    work = partial(render, name=event["variant"])
    answer = _attempt(event, context, events.source, work)
    _raise_failures([answer])
    note(answer)
    return events.answer(answer.outcome)


def _record(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Publish an upload as a whole, whose images were rendered before."""
    work = partial(record, ahead=events.ahead(event))
    return _end(_attempt(event, context, events.source, work))


def _end(answer: Answer) -> dict[str, Any]:
    """Return what the next steps go by; count the upload if it has ended, and is not rejected.

    That is for the step that reports it.
    """
    _raise_failures([answer])
    if answer.outcome.status in (Status.INSPECTED, Status.REJECTED):
        note(answer)
    else:
        log([answer])
    return events.answer(answer.outcome)


def _reject(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Report the rejection that the steps before have come to."""
    work = partial(_rejected, events.rejected(event))
    answer = _attempt(event, context, events.source, work)
    _raise_failures([answer])
    _report(answer, event["event"], context)
    log([answer])
    return events.answer(answer.outcome)


def _backfill(event: Event, context: LambdaContext) -> dict[str, Any]:
    """Return what became of a batch; raise what went wrong when the rest of it is done."""
    work = partial(backfill, reviewed_only=event["reviewed_only"])
    read = partial(events.listed, event["bucket"])
    answers = [_attempt(item, context, read, work) for item in events.items(event)]
    _raise_failures(answers)
    log(answers)
    return events.batch([answer.outcome for answer in answers])


def _recipe(_: Event, __: LambdaContext) -> dict[str, Any]:
    """Return the recipe by which sources are processed now."""
    return {"recipe": source_recipe(_settings())}


_STEPS: Mapping[str, Callable[[Event, LambdaContext], dict[str, Any]]] = {
    "inspect": _inspect,
    "render": _render,
    "record": _record,
    "reject": _reject,
    "backfill": _backfill,
    "recipe": _recipe,
}


def _attempt(
    one: Event, context: LambdaContext, read: Callable[[Event], Any], work: Work
) -> Answer:
    """Have *work* done for what *read* makes of *one* record."""

    def timed(request: Any, watch: Stopwatch) -> Outcome:
        started_at = datetime.now(UTC)

        def completed(outcome: Outcome) -> None:
            with watch.stage("complete"):
                complete(outcome, _table(), _announcements(), started_at=started_at)

        return work(request, _settings(), _storage(), stage=watch.stage, complete=completed)

    seconds = context.get_remaining_time_in_millis() / 1000
    return attempt(one, read, timed, seconds=seconds, deadline=events.deadline(one))


def _whole(request: Source | Removal, *args: Any, **kwargs: Any) -> Outcome:
    """Do all that an event asks for."""
    work: Work = remove if isinstance(request, Removal) else process
    return work(request, *args, **kwargs)


def _rejected(
    rejection: Rejected, source: Source | None, _: Settings, storage: Storage, **told: Any
) -> Outcome:
    """Reject *source*; of an unreadable event there is none."""
    if source:
        reject(source, rejection, storage, complete=told["complete"])
    raise rejection


def _raise_failures(answers: Sequence[Answer]) -> None:
    """Raise what went wrong, once what has ended well beside it is logged."""
    if error := failure(answers):
        log([answer for answer in answers if answer.outcome.status is not Status.REJECTED])
        raise error


def _report(answer: Answer, event: Event, context: LambdaContext) -> None:
    """Report a rejection on the failure queue."""
    if isinstance(answer.error, Rejected):
        _failure_queue().report(
            answer.error, request=answer.request, event=event, request_id=context.aws_request_id
        )


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

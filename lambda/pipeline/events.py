"""Parse events into requests, and format outcomes as responses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_plus

from pipeline.errors import ConfigurationError, UnreadableEvent
from pipeline.model import Cause, Outcome, Request, Status

_ARCHIVES: Final = {"GLACIER", "DEEP_ARCHIVE"}
"""Storage classes whose objects have to be restored before they can be read."""

_LISTED: Final = (Status.UNREVIEWED, Status.GONE, Status.UNRESOLVED)
"""The statuses that need an operator's attention."""


def is_http(event: Mapping[str, Any]) -> bool:
    """Return whether *event* is a request to an HTTP API: payload format 2.0 of API Gateway."""
    return "http" in event.get("requestContext", {})


def subject(event: Mapping[str, Any]) -> str:
    """Return the subject of the token that came with an HTTP request; empty if there is none."""
    authorizer = event["requestContext"].get("authorizer") or {}
    claims = authorizer.get("jwt", {}).get("claims") or {}
    return str(claims.get("sub", ""))


def source_key(event: Mapping[str, Any]) -> str:
    """Return the source key in the path of an HTTP request, as far as API Gateway decodes it."""
    return str(event["pathParameters"]["key"])


def step(event: Mapping[str, Any]) -> str | None:
    """Return the name of the step that a state machine's *event* asks for, if any."""
    return event.get("step")


def records(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the records of an event from S3, which has two forms.

    A notification has a list of records, and an `s3:TestEvent` none; EventBridge sends one event
    for each. Raises `ConfigurationError` for any other event, which comes from an unsupported
    source.
    """
    if event.get("Event") == "s3:TestEvent":
        return ()
    if event.get("source") == "aws.s3":
        return (event,)
    if not isinstance(event.get("Records"), list):
        raise ConfigurationError(f"not an S3 notification: an event with the keys {sorted(event)}")
    return event["Records"]  # type: ignore[no-any-return]  # just seen to be a list


def request(record: Mapping[str, Any]) -> Request | UnreadableEvent:
    """Parse one of `records`; return an `UnreadableEvent` if it is malformed."""
    try:
        return from_eventbridge(record) if "detail" in record else from_notification(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return UnreadableEvent(f"a record without what S3 promises: {error!r}")
    except UnreadableEvent as error:
        return error


def single_record_event(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event with this record only, in either form."""
    is_whole = isinstance(record, Mapping) and "detail" in record
    return record if is_whole else {"Records": [record]}


def from_notification(record: Mapping[str, Any]) -> Request:
    """Read one record of an S3 notification.

    Keys come form-encoded: `a b+c.png` is sent as `a+b%2Bc.png`. Source: "Event message
    structure" in the Amazon S3 user guide.
    """
    family = record["eventName"].partition(":")[0]
    causes = {"ObjectCreated": Cause.UPLOAD, "ObjectRemoved": Cause.REMOVAL}
    if family not in causes:
        raise UnreadableEvent(f"eventName is {record['eventName']!r}: neither created nor removed")
    s3_object = record["s3"]["object"]
    return Request(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(s3_object["key"], errors="strict"),
        cause=causes[family],
        version=s3_object.get("versionId", ""),
        occurred_at=datetime.fromisoformat(record["eventTime"]),
    )


def from_eventbridge(event: Mapping[str, Any]) -> Request:
    """Read one event that S3 sends to EventBridge, where keys are not encoded.

    Source: "EventBridge event message structure" in the Amazon S3 user guide.
    """
    kind = event["detail-type"]
    causes = {"Object Created": Cause.UPLOAD, "Object Deleted": Cause.REMOVAL}
    if kind not in causes:
        raise UnreadableEvent(f"detail-type is {kind!r}: neither created nor deleted")
    s3_object = event["detail"]["object"]
    return Request(
        bucket=event["detail"]["bucket"]["name"],
        key=s3_object["key"],
        cause=causes[kind],
        version=s3_object.get("version-id", ""),
        occurred_at=datetime.fromisoformat(event["time"]),
    )


def from_step(event: Mapping[str, Any]) -> Request | UnreadableEvent:
    """Read the event of a workflow's step, and the review's decision."""
    given = records(event["event"])
    if len(given) != 1:
        return UnreadableEvent(f"an event of {len(given)} records, where one was promised")
    found = request(given[0])
    if isinstance(found, UnreadableEvent):
        return found
    return replace(
        found,
        reviewed_version=event.get("version") or "",
        refusal=event.get("refusal"),
    )


def is_too_late(event: Mapping[str, Any], now: float) -> bool:
    """Return whether the step's deadline has passed; *now* is in seconds since the epoch."""
    milliseconds = event.get("deadline")
    return milliseconds is not None and now > milliseconds / 1000


def batch_items(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the current objects of a batch that match the trigger.

    They are items of `ListObjectsV2` or rows of an S3 inventory, which may contain old versions,
    delete markers, other buckets and other prefixes.
    """
    trigger = event["trigger"]
    return [
        item
        for item in event["items"]
        if item.get("Bucket", event["bucket"]) == event["bucket"]
        and _listed_key(item).startswith(event["prefix"])
        and _listed_key(item).startswith(trigger["prefix"])
        and _listed_key(item).endswith(tuple(trigger["suffixes"]) or "")
        and item.get("IsLatest", "true") == "true"
        and item.get("IsDeleteMarker", "false") == "false"
        and item.get("StorageClass") not in _ARCHIVES
    ]


def from_listing(bucket: str, item: Mapping[str, Any]) -> Request | UnreadableEvent:
    """Read one of `batch_items`, an object of *bucket*."""
    try:
        etag = item["ETag"] if "ETag" in item else item["Etag"]
        return Request(
            bucket=bucket, key=_listed_key(item), cause=Cause.LISTING, etag=etag.strip('"')
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return UnreadableEvent(f"an object without what a list of them has: {error!r}")


def step_response(outcome: Outcome) -> dict[str, Any]:
    """Return the output of a workflow's step, for the next states and for the review."""
    response: dict[str, Any] = {"status": outcome.status.value, "detail": outcome.detail}
    if outcome.source:
        response["source"] = asdict(outcome.source)
    if outcome.status is Status.INSPECTED and outcome.info:
        response |= {
            "picture": asdict(replace(outcome.info, warnings={})),
            "variants": list(outcome.missing),
        }
    return response


def batch_response(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the output of a backfill's batch: counts by status, and the unsuccessful objects."""
    return {
        "statuses": dict(Counter(outcome.status.value for outcome in outcomes)),
        "rejections": [
            {
                "key": outcome.source.key if outcome.source else "",
                "reason": outcome.rejection.reason,
                "message": str(outcome.rejection),
            }
            for outcome in outcomes
            if outcome.rejection
        ],
        **{status.value: _keys(outcomes, status) for status in _LISTED},
    }


def _keys(outcomes: Sequence[Outcome], status: Status) -> list[str]:
    """Return the keys of those *outcomes* that an operator should look at, by *status*."""
    return [
        outcome.source.key for outcome in outcomes if outcome.status is status and outcome.source
    ]


def _listed_key(item: Mapping[str, Any]) -> str:
    """Return the key of an object, which is form-encoded in an inventory and raw in a listing.

    Source: "Locating your inventory list" in the Amazon S3 user guide.
    """
    key: str = item["Key"]
    return unquote_plus(key, errors="strict") if "Bucket" in item else key

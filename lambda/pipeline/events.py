"""Raw events to typed requests, and answers to what asked. Only this knows the shapes of either."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final
from urllib.parse import unquote_plus

from pipeline.errors import ConfigurationError, Rejected, UnreadableEvent, rejection
from pipeline.model import Outcome, Picture, Published, Removal, Source, Status

_ARCHIVES: Final = {"GLACIER", "DEEP_ARCHIVE"}
"""Storage classes whose objects have to be restored before they can be read."""


def is_http(event: Mapping[str, Any]) -> bool:
    """Tell whether *event* is a request to an HTTP API: payload format 2.0 of API Gateway."""
    return "http" in event.get("requestContext", {})


def subject(event: Mapping[str, Any]) -> str:
    """Return the subject of the token that came with an HTTP request; empty if there is none."""
    authorizer = event["requestContext"].get("authorizer") or {}
    claims = authorizer.get("jwt", {}).get("claims") or {}
    return str(claims.get("sub", ""))


def source_key(event: Mapping[str, Any]) -> str:
    """Return the source key in the path of an HTTP request.

    API Gateway has decoded all of it but `%25`, which an HTTP API leaves as it is.
    """
    return str(event["pathParameters"]["key"]).replace("%25", "%")


def step(event: Mapping[str, Any]) -> str | None:
    """Return the name of the step of a state machine that *event* asks for, if it does."""
    return event.get("step")


def records(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the records of what S3 has to tell, which comes in two shapes.

    A notification has a list of records, and an `s3:TestEvent` none; EventBridge sends one event
    for each. Raises `ConfigurationError` for any other event: something was wired to the function
    that it does not answer.
    """
    if event.get("Event") == "s3:TestEvent":
        return ()
    if event.get("source") == "aws.s3":
        return (event,)
    if not isinstance(event.get("Records"), list):
        raise ConfigurationError(f"not an S3 notification: an event with the keys {sorted(event)}")
    return event["Records"]  # type: ignore[no-any-return]  # just seen to be a list


def request(record: Mapping[str, Any]) -> Source | Removal:
    """Read one of `records`: an upload, or the removal of one. Raises `UnreadableEvent`."""
    try:
        return _announced(record) if "detail" in record else _notified(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableEvent(f"a record without what S3 promises: {error!r}") from error


def of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event with no other record than this, whatever it is."""
    is_announced = isinstance(record, Mapping) and "detail" in record
    return record if is_announced else {"Records": [record]}


def announced(event: Mapping[str, Any]) -> Source | Removal:
    """Read the event that a step is given. Raises `UnreadableEvent` if it tells of many uploads."""
    found = records(event["event"])
    if len(found) != 1:
        raise UnreadableEvent(f"an event of {len(found)} records, where one was promised")
    return request(found[0])


def source(event: Mapping[str, Any]) -> Source | None:
    """Read the source that steps pass on, if they know it."""
    return Source(**event["source"]) if event["source"] else None


def ahead(event: Mapping[str, Any]) -> tuple[Outcome, ...]:
    """Read what a step passes on of the images that were rendered ahead of it."""
    return tuple(
        Outcome(
            status=Status.RENDERED,
            picture=Picture.of(answer["picture"]),
            published=(Published.of(answer["published"]),),
        )
        for answer in event["rendered"]
        if answer["status"] == Status.RENDERED
    )


def rejected(event: Mapping[str, Any]) -> Rejected:
    """Read the rejection that a step passes on."""
    passed = event["rejection"]
    return rejection(passed["reason"], passed["message"], passed.get("found", {}))


def deadline(event: Mapping[str, Any]) -> float | None:
    """Return when all tries of a step have to be over, in seconds since the epoch, if ever.

    Whatever is in a list of records may be asked: only a step has a deadline.
    """
    milliseconds = event.get("deadline") if isinstance(event, Mapping) else None
    return None if milliseconds is None else milliseconds / 1000


def answer(outcome: Outcome) -> dict[str, Any]:
    """Return what a step answers, for the steps after it and for whoever reviews an upload."""
    told: dict[str, Any] = {"status": outcome.status.value}
    if outcome.status in (Status.INSPECTED, Status.RENDERED) and outcome.picture:
        told["picture"] = asdict(replace(outcome.picture, notes={}))
    if outcome.status is Status.INSPECTED and outcome.source:
        told |= {"source": asdict(outcome.source), "variants": list(outcome.missing)}
    if outcome.status is Status.RENDERED:
        [published] = outcome.published
        told["published"] = asdict(published)
    if outcome.rejection:
        told["rejection"] = {
            "reason": outcome.rejection.reason,
            "message": str(outcome.rejection),
            "found": outcome.rejection.found,
        }
        told |= {"source": asdict(outcome.source)} if isinstance(outcome.source, Source) else {}
    return told


def batch(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what a batch of a backfill answers: how many ended how, and which not as wanted."""
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
        "unreviewed": [
            outcome.source.key
            for outcome in outcomes
            if outcome.status is Status.UNREVIEWED and outcome.source
        ],
    }


def items(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return those objects of a batch that the trigger would look at, as they can be read now.

    They come as `ListObjectsV2` lists them or as rows of an S3 inventory, which may tell of old
    versions, of removals and of other buckets, and of more than the prefix that is wanted.
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


def listed(bucket: str, item: Mapping[str, Any]) -> Source:
    """Read one of `items`, which lies in *bucket*. Raises `UnreadableEvent`."""
    try:
        etag = item["ETag"] if "ETag" in item else item["Etag"]
        return Source(
            bucket=bucket, key=_listed_key(item), etag=etag.strip('"'), size=int(item["Size"])
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableEvent(f"an object without what a list of them has: {error!r}") from error


def _notified(record: Mapping[str, Any]) -> Source | Removal:
    """Read one record of an S3 notification.

    Keys come form-encoded: `a b+c.png` is sent as `a+b%2Bc.png`. Source: "Event message
    structure" in the Amazon S3 user guide.
    """
    family = record["eventName"].partition(":")[0]
    bucket = record["s3"]["bucket"]["name"]
    s3_object = record["s3"]["object"]
    key = unquote_plus(s3_object["key"], errors="strict")
    sequencer = s3_object.get("sequencer", "")
    if family == "ObjectRemoved":
        return Removal(bucket=bucket, key=key, sequencer=sequencer)
    if family != "ObjectCreated":
        raise UnreadableEvent(f"eventName is {record['eventName']!r}: neither created nor removed")
    return Source(
        bucket=bucket,
        key=key,
        etag=s3_object["eTag"],
        size=int(s3_object["size"]),
        sequencer=sequencer,
        version=s3_object.get("versionId", ""),
    )


def _announced(event: Mapping[str, Any]) -> Source | Removal:
    """Read one event that S3 sends to EventBridge, where keys are as they are.

    Source: "EventBridge event message structure" in the Amazon S3 user guide.
    """
    kind = event["detail-type"]
    bucket = event["detail"]["bucket"]["name"]
    s3_object = event["detail"]["object"]
    sequencer = s3_object.get("sequencer", "")
    if kind == "Object Deleted":
        return Removal(bucket=bucket, key=s3_object["key"], sequencer=sequencer)
    if kind != "Object Created":
        raise UnreadableEvent(f"detail-type is {kind!r}: neither created nor deleted")
    return Source(
        bucket=bucket,
        key=s3_object["key"],
        etag=s3_object["etag"],
        size=int(s3_object["size"]),
        sequencer=sequencer,
        version=s3_object.get("version-id", ""),
    )


def _listed_key(item: Mapping[str, Any]) -> str:
    """Return the key of an object, which an inventory has form-encoded, and a listing as it is.

    Source: "Locating your inventory list" in the Amazon S3 user guide.
    """
    key: str = item["Key"]
    return unquote_plus(key, errors="strict") if "Bucket" in item else key

"""Raw events to typed requests. The shapes of event sources are known here and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from pipeline.errors import ConfigurationError, UnreadableEvent
from pipeline.model import Removal, Source


def is_http(event: Mapping[str, Any]) -> bool:
    """Tell whether *event* is a request to an HTTP API: payload format 2.0 of API Gateway."""
    return "http" in event.get("requestContext", {})


def subject(event: Mapping[str, Any]) -> str:
    """Return the subject of the token that came with an HTTP request; empty if there is none."""
    authorizer = event["requestContext"].get("authorizer") or {}
    claims = authorizer.get("jwt", {}).get("claims") or {}
    return str(claims.get("sub", ""))


def source_key(event: Mapping[str, Any]) -> str:
    """Return the source key in the path of an HTTP request, which API Gateway has decoded."""
    return str(event["pathParameters"]["key"])


def records(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the records of an S3 notification; there are none in an `s3:TestEvent`.

    Raises `ConfigurationError` for any other event: something was wired to the function that
    it does not answer.
    """
    if event.get("Event") == "s3:TestEvent":
        return ()
    if not isinstance(event.get("Records"), list):
        raise ConfigurationError(f"not an S3 notification: an event with the keys {sorted(event)}")
    return event["Records"]  # type: ignore[no-any-return]  # just seen to be a list


def request(record: Mapping[str, Any]) -> Source | Removal:
    """Read one record of an S3 notification: an upload, or the removal of one.

    Keys come form-encoded: `a b+c.png` is sent as `a+b%2Bc.png`. Source: "Event message
    structure" in the Amazon S3 user guide. Raises `UnreadableEvent`.
    """
    try:
        family = record["eventName"].partition(":")[0]
        bucket = record["s3"]["bucket"]["name"]
        s3_object = record["s3"]["object"]
        key = unquote_plus(s3_object["key"], errors="strict")
        sequencer = s3_object.get("sequencer", "")
        if family == "ObjectRemoved":
            return Removal(bucket=bucket, key=key, sequencer=sequencer)
        if family == "ObjectCreated":
            return Source(
                bucket=bucket,
                key=key,
                etag=s3_object["eTag"],
                size=int(s3_object["size"]),
                sequencer=sequencer,
                version=s3_object.get("versionId", ""),
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableEvent(f"a record without what S3 promises: {error!r}") from error
    raise UnreadableEvent(f"eventName is {record['eventName']!r}: neither created nor removed")

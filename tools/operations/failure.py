"""Read the messages of the failure queue, and accept only those that contain an event of S3.

There are three kinds. Two have the same format: failures that Lambda or the workflow sends when its
retries are exhausted, and rejections, which the function itself sends. The third are events that
EventBridge could not deliver to the workflow, unchanged.

Permission to send to the queue is not permission to invoke the function: a message must ask for an
upload or a removal, and for exactly the one that the operator sees.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from tools.operations.terminal import printable

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


# https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html; a replay of an
# archive adds the last one.
_ENVELOPE = {
    *("version", "id", "detail-type", "source", "account", "time", "region", "resources"),
    *("detail", "replay-name"),
}


class Unreadable(Exception):
    """A message of an unknown kind, or one that asks for something other than an upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One message of the failure queue, and the event to retry."""

    id: str
    time: str
    reason: str
    detail: str
    objects: tuple[tuple[str, str] | None, ...]
    """Bucket and key of every object in the event; None for a record without an object."""
    event: Mapping[str, Any]

    @property
    def uploads(self) -> str:
        """The addresses of its uploads, safe for a terminal."""
        return ", ".join(
            printable(f"s3://{named[0]}/{named[1]}") if named else "a record without an upload"
            for named in self.objects
        )

    @property
    def buckets(self) -> set[str]:
        """The buckets that the event names."""
        return {named[0] for named in self.objects if named}

    def __str__(self) -> str:
        what = f"{self.time:25}  {printable(self.reason):20}  {self.uploads}"
        return f"{what}\n{'':27}{printable(self.detail)}"


def read(message: "MessageTypeDef") -> Failure:
    """Read one SQS message. Raises `Unreadable`."""
    try:
        body = json.loads(message["Body"])
        event, reason, detail = _undelivered(message) if "detail" in body else _framed(body)
        _refuse_all_but_s3(event, message["MessageId"])
        return Failure(
            id=message["MessageId"],
            time=_time(message["Attributes"]["SentTimestamp"]),
            reason=_text(reason),
            detail=_text(detail),
            objects=tuple(_objects(event)),
            event=event,
        )
    # Anyone who may send to the queue may send anything, such as brackets nested too deeply.
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{message['MessageId']} is not a failure of this pipeline") from error


def _refuse_all_but_s3(event: Mapping[str, Any], id_: str) -> None:
    """Raise `Unreadable` unless *event* is a notification or an event of S3, and nothing else."""
    is_notification = set(event) == {"Records"} and not any(
        # The function reads such a record as an event of EventBridge, whatever its `s3` names.
        isinstance(record, Mapping) and "detail" in record
        for record in event["Records"]
    )
    is_announcement = set(event) <= _ENVELOPE and event.get("source") == "aws.s3"
    if not (is_notification or is_announcement):
        raise Unreadable(
            f"{id_} asks for something other than an upload, with the members"
            f" {printable(', '.join(event))}"
        )


def _framed(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str]:
    """Return the event, the reason and the message of a failure."""
    event = body["requestPayload"]
    if rejection := body.get("rejection"):
        return event, rejection["reason"], rejection["message"]
    return event, body["requestContext"]["condition"], _error(body.get("responsePayload"))


def _undelivered(message: "MessageTypeDef") -> tuple[Mapping[str, Any], str, str]:
    """Return the same for a dead letter, which EventBridge describes in message attributes."""
    attributes: Mapping[str, Any] = message["MessageAttributes"]
    detail = attributes.get("ERROR_MESSAGE", {}).get("StringValue", "")
    return json.loads(message["Body"]), attributes["ERROR_CODE"]["StringValue"], detail


def _objects(event: Mapping[str, Any]) -> Iterator[tuple[str, str] | None]:
    """Yield bucket and key of each record. Notifications have form-encoded keys, events raw ones.

    A malformed record yields None; that may be why it was rejected.
    """
    if "detail" in event:
        detail = event["detail"]
        yield _text(detail["bucket"]["name"]), _text(detail["object"]["key"])
        return
    for record in event["Records"]:
        try:
            s3 = record["s3"]
            yield _text(s3["bucket"]["name"]), unquote_plus(s3["object"]["key"])
        except (KeyError, TypeError, AttributeError):
            yield None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _time(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds")


def _error(response: object) -> str:
    """Return the message of an error; a workflow contains Lambda's response as text."""
    if not isinstance(response, Mapping):
        return ""
    message = str(response.get("errorMessage", ""))
    try:
        return str(json.loads(message)["errorMessage"])
    except (ValueError, TypeError, KeyError):
        return message

"""The messages of the failure queue, read alike whoever wrote them.

There are three kinds. Two have one frame: records that Lambda or the workflow writes when its
retries are exhausted, and rejections, which the function writes itself. The third are events that
EventBridge could not give to the workflow, just as they are.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


class Unreadable(Exception):
    """A message of none of the kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One message of the failure queue, and the event to try again."""

    id: str
    time: str
    reason: str
    detail: str
    keys: tuple[str, ...]
    event: Mapping[str, Any]

    @property
    def uploads(self) -> str:
        """The addresses of the uploads that it is about, for a terminal."""
        return ", ".join(map(printable, self.keys))

    def __str__(self) -> str:
        what = f"{self.time:25}  {printable(self.reason):20}  {self.uploads}"
        return f"{what}\n{'':27}{printable(self.detail)}"


def read(message: "MessageTypeDef") -> Failure:
    """Read one SQS message. Raises `Unreadable`."""
    try:
        body = json.loads(message["Body"])
        event, reason, detail = _undelivered(message) if "detail" in body else _framed(body)
        return Failure(
            id=message["MessageId"],
            time=_time(message["Attributes"]["SentTimestamp"]),
            reason=_text(reason),
            detail=_text(detail),
            keys=tuple(_keys(event)),
            event=event,
        )
    # Anybody who may send to the queue may send anything. Brackets can be nested too deeply.
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{message['MessageId']} is no failure of this pipeline") from error


def printable(text: str) -> str:
    """Return *text* with all escaped that a terminal might obey, or show as something else."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _framed(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str]:
    """Return the event of a failure record, the reason for it, and a sentence about that."""
    event = body["requestPayload"]
    if rejection := body.get("rejection"):
        return event, rejection["reason"], rejection["message"]
    return event, body["requestContext"]["condition"], _error(body.get("responsePayload"))


def _undelivered(message: "MessageTypeDef") -> tuple[Mapping[str, Any], str, str]:
    """Return the same of a dead letter, of which EventBridge tells in attributes."""
    attributes: Mapping[str, Any] = message["MessageAttributes"]
    detail = attributes.get("ERROR_MESSAGE", {}).get("StringValue", "")
    return json.loads(message["Body"]), attributes["ERROR_CODE"]["StringValue"], detail


def _keys(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses of the uploads. Notifications have form-encoded keys, events raw ones."""
    if "detail" in event:
        detail = event["detail"]
        yield f"s3://{detail['bucket']['name']}/{detail['object']['key']}"
    for record in event.get("Records", []):
        try:
            s3 = record["s3"]
            yield f"s3://{s3['bucket']['name']}/{unquote_plus(s3['object']['key'])}"
        except (KeyError, TypeError, AttributeError):
            yield "a record without an upload"  # which may be why it was rejected


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _time(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds")


def _error(response: object) -> str:
    """Return the message of an error, also from a workflow, which has Lambda's answer as text."""
    if not isinstance(response, Mapping):
        return ""
    message = str(response.get("errorMessage", ""))
    try:
        return str(json.loads(message)["errorMessage"])
    except (ValueError, TypeError, KeyError):
        return message

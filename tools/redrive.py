"""Show what is on the failure queue and, after confirmation, let the function try it again.

The queue holds two kinds of messages in one frame: records that Lambda writes when its retries
are exhausted, and rejections, which the function writes itself.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import boto3
from terraform import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# While a message is looked at here, nobody else gets it. Nor does a second reading of this queue.
HOLD_SECONDS = 300

ACCEPTED = 202


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One message of the failure queue, and what to send to the function in its place."""

    id: str
    receipt: str
    time: str
    reason: str
    detail: str
    keys: tuple[str, ...]
    event: Mapping[str, Any]


def read(message: "MessageTypeDef") -> Failure:
    """Read one SQS message; raise ValueError if it is of neither kind."""
    try:
        body = json.loads(message["Body"])
        rejection = body.get("rejection")
        event = body["requestPayload"]
        return Failure(
            id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            time=_time(message["Attributes"]["SentTimestamp"]),
            reason=rejection["reason"] if rejection else body["requestContext"]["condition"],
            detail=rejection["message"] if rejection else _error(body.get("responsePayload")),
            keys=tuple(_keys(event)),
            event=event,
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"{message['MessageId']} is no failure of this pipeline") from error


def receive(sqs: "SQSClient", queue_url: str) -> Iterator["MessageTypeDef"]:
    """Yield everything that is on the queue now, each once."""
    while messages := sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=HOLD_SECONDS,
        AttributeNames=["SentTimestamp"],
    ).get("Messages"):
        yield from messages


def release(sqs: "SQSClient", queue_url: str, messages: Iterable["MessageTypeDef"]) -> None:
    """Let others receive *messages* at once, instead of when their time is up."""
    for message in messages:
        sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


def send(
    failures: Sequence[Failure],
    *,
    function: str,
    queue_url: str,
    functions: "LambdaClient",
    sqs: "SQSClient",
) -> Iterator[Failure]:
    """Invoke *function* with each failure again, and yield it when it is off the queue.

    A message is deleted only after Lambda has accepted its event, so none can be lost here. One
    that is interrupted in between is tried twice, which does no harm.
    """
    for failure in failures:
        answer = functions.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(failure.event)
        )
        if answer["StatusCode"] != ACCEPTED:
            raise SystemExit(f"Lambda did not accept {failure.id}: {answer['StatusCode']}")
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=failure.receipt)
        yield failure


def _keys(event: Mapping[str, Any]) -> Iterator[str]:
    for record in event.get("Records", []):
        s3 = record.get("s3", {})
        bucket, key = s3.get("bucket", {}).get("name"), s3.get("object", {}).get("key", "")
        yield f"s3://{bucket}/{unquote_plus(key)}"


def _time(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds")


def _error(response: object) -> str:
    if isinstance(response, Mapping):
        return str(response.get("errorMessage", ""))
    return ""


def _row(failure: Failure) -> str:
    what = ", ".join(json.dumps(key, ensure_ascii=False)[1:-1] for key in failure.keys)
    return f"{failure.time:25}  {failure.reason:20}  {what}\n{'':27}{failure.detail}"


def _deployment(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the queue and the function that were named, or those that Terraform deployed here."""
    if arguments.queue_url and arguments.function:
        return arguments.queue_url, arguments.function
    outputs = subprocess.run(
        ["terraform", "output", "-json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    deployed = json.loads(outputs.stdout) if outputs.returncode == 0 else {}
    try:
        queue_url, function = deployed["failure_queue_url"], deployed["function_name"]
    except KeyError:
        raise SystemExit(
            "Nothing is deployed from here: name the deployment with QUEUE=url FUNCTION=name."
        ) from None
    return arguments.queue_url or queue_url["value"], arguments.function or function["value"]


def main() -> None:
    """Read the command line, show, ask, and send."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue-url", help="default: the one that Terraform deployed here")
    parser.add_argument("--function", help="default: the one that Terraform deployed here")
    parser.add_argument("--reason", help="only these, such as RetriesExhausted or corrupt-image")
    parser.add_argument("--dry-run", action="store_true", help="only show")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    queue_url, function = _deployment(arguments)
    sqs = boto3.client("sqs")

    held = list(receive(sqs, queue_url))
    done: set[str] = set()
    try:
        chosen = [
            failure for failure in _failures(held) if arguments.reason in (None, failure.reason)
        ]
        print("\n".join(map(_row, chosen)))
        print(f"{len(chosen)} of {len(held)} messages on the failure queue.")
        if not chosen or arguments.dry_run:
            return
        if not arguments.yes and input(f"Send {len(chosen)} to {function} again? [y/N] ") != "y":
            return
        sending = send(
            chosen,
            function=function,
            queue_url=queue_url,
            functions=boto3.client("lambda"),
            sqs=sqs,
        )
        for number, failure in enumerate(sending, 1):
            done.add(failure.id)
            print(f"{number} of {len(chosen)}: {', '.join(failure.keys)}")
    finally:
        release(sqs, queue_url, [message for message in held if message["MessageId"] not in done])


def _failures(messages: Iterable["MessageTypeDef"]) -> Iterator[Failure]:
    for message in messages:
        try:
            yield read(message)
        except ValueError as error:
            print(f"left alone: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()

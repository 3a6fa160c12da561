"""Show what is on the failure queue and, after confirmation, have it tried again.

The queue holds three kinds of messages. Two have one frame: records that Lambda or the workflow
writes when its retries are exhausted, and rejections, which the function writes itself. The third
are events that EventBridge could not give to the workflow, just as they are.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_plus

import boto3
from terraform import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions import SFNClient

# While a message is looked at here, nobody else gets it. Nor does a second reading of this queue.
HOLD_SECONDS = 300

ACCEPTED = 202

Try: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Has an event tried again, and returns when it is certain that it will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One message of the failure queue, and the event to try again."""

    id: str
    receipt: str
    time: str
    reason: str
    detail: str
    keys: tuple[str, ...]
    event: Mapping[str, Any]


def read(message: "MessageTypeDef") -> Failure:
    """Read one SQS message; raise ValueError if it is of none of the kinds."""
    try:
        body = json.loads(message["Body"])
        event, reason, detail = _undelivered(message) if "detail" in body else _framed(body)
        return Failure(
            id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            time=_time(message["Attributes"]["SentTimestamp"]),
            reason=reason,
            detail=detail,
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
        MessageAttributeNames=["ERROR_CODE", "ERROR_MESSAGE"],
    ).get("Messages"):
        yield from messages


def release(sqs: "SQSClient", queue_url: str, messages: Iterable["MessageTypeDef"]) -> None:
    """Let others receive *messages* at once, instead of when their time is up."""
    for message in messages:
        sqs.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


def send(
    failures: Sequence[Failure], try_again: Try, *, queue_url: str, sqs: "SQSClient"
) -> Iterator[Failure]:
    """Have each failure tried again, and yield it when it is off the queue.

    A message is deleted only after its event was accepted, so none can be lost here. One that is
    interrupted in between is tried twice, which does no harm.
    """
    for failure in failures:
        try_again(failure.event)
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=failure.receipt)
        yield failure


def by_function(function: str, functions: "LambdaClient") -> Try:
    """Return how *function* tries an event again: all of it in one invocation."""

    def invoke(event: Mapping[str, Any]) -> None:
        answer = functions.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event)
        )
        if answer["StatusCode"] != ACCEPTED:
            raise SystemExit(f"Lambda did not accept an event: {answer['StatusCode']}")

    return invoke


def by_workflow(workflow: str, machines: "SFNClient") -> Try:
    """Return how *workflow* tries an event again: in one execution for each upload in it.

    The function by itself would pass by the review.
    """

    def start(event: Mapping[str, Any]) -> None:
        records = event.get("Records")
        parts = [event] if records is None else [{"Records": [record]} for record in records]
        for part in parts:
            machines.start_execution(stateMachineArn=workflow, input=json.dumps(part))

    return start


def _framed(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, str]:
    """Return the event of a failure record, the reason for it, and a sentence about that."""
    event = body["requestPayload"]
    if rejection := body.get("rejection"):
        return event, rejection["reason"], rejection["message"]
    return event, body["requestContext"]["condition"], _error(body.get("responsePayload"))


def _undelivered(message: "MessageTypeDef") -> tuple[Mapping[str, Any], str, str]:
    """Return the same of a dead letter, of which EventBridge tells in attributes."""
    attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
    reason = attributes.get("ERROR_CODE", {}).get("StringValue", "Undelivered")
    detail = attributes.get("ERROR_MESSAGE", {}).get("StringValue", "")
    return json.loads(message["Body"]), reason, detail


def _keys(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses of the uploads. Notifications have form-encoded keys, events raw ones."""
    if "detail" in event:
        detail = event["detail"]
        yield f"s3://{detail['bucket']['name']}/{detail['object']['key']}"
    for record in event.get("Records", []):
        s3 = record.get("s3", {})
        bucket, key = s3.get("bucket", {}).get("name"), s3.get("object", {}).get("key", "")
        yield f"s3://{bucket}/{unquote_plus(key)}"


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


def _row(failure: Failure) -> str:
    what = ", ".join(json.dumps(key, ensure_ascii=False)[1:-1] for key in failure.keys)
    return f"{failure.time:25}  {failure.reason:20}  {what}\n{'':27}{failure.detail}"


def _deployment(arguments: argparse.Namespace) -> tuple[str, str, Try]:
    """Return the queue, and who tries again: by name and in deed.

    Both are those that were named, or else those that Terraform deployed here: the workflow if
    there is one.
    """
    queue_url, workflow = arguments.queue_url, arguments.workflow
    function = arguments.function
    if not (queue_url and (workflow or function)):
        deployed = _deployed()
        queue_url = queue_url or deployed["failure_queue_url"]
        if not (workflow or function):
            workflow, function = deployed.get("workflow_arn"), deployed["function_name"]
    if workflow:
        return queue_url, workflow, by_workflow(workflow, boto3.client("stepfunctions"))
    return queue_url, function, by_function(function, boto3.client("lambda"))


def _deployed() -> Mapping[str, Any]:
    outputs = subprocess.run(
        ["terraform", "output", "-json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    deployed = json.loads(outputs.stdout) if outputs.returncode == 0 else {}
    if not deployed:
        raise SystemExit(
            "Nothing is deployed from here: name the deployment with QUEUE=url and WORKFLOW=arn"
            " or, where there is no workflow, FUNCTION=name."
        )
    return {name: output["value"] for name, output in deployed.items()}


def main() -> None:
    """Read the command line, show, ask, and send."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue-url", help="default: the one that Terraform deployed here")
    parser.add_argument("--workflow", help="default: the one that Terraform deployed here, if any")
    parser.add_argument("--function", help="default: the one that Terraform deployed here")
    parser.add_argument("--reason", help="only these, such as RetriesExhausted or corrupt-image")
    parser.add_argument("--dry-run", action="store_true", help="only show")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    queue_url, name, try_again = _deployment(arguments)
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
        if not arguments.yes and input(f"Send {len(chosen)} to {name} again? [y/N] ") != "y":
            return
        sending = send(chosen, try_again, queue_url=queue_url, sqs=sqs)
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

"""Show what is on the failure queue and, after confirmation, have it tried again."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from asking import agreed
from botocore.exceptions import BotoCoreError, ClientError
from redriving.failure import Failure, Unreadable, printable, read
from redriving.holding import HOLD_SECONDS, Holding
from terraform import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions import SFNClient

ACCEPTED = 202

Try: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Has an event tried again, and returns when it is certain that it will be.

Raises `RedriveError` or what botocore raises if it is not.
"""


class RedriveError(Exception):
    """Something is not tried again: the message says why, and what to do."""


def send(
    failures: Sequence[Failure], try_again: Try, held: Holding
) -> Iterator[tuple[Failure, Exception | None]]:
    """Have each failure tried again, and yield it with what went wrong, or off the queue.

    A message is deleted only after its event was accepted, so none can be lost here. One that is
    interrupted in between is tried twice, which does no harm. Raises `RedriveError` when the
    messages have been held for too long.
    """
    for failure in failures:
        if held.is_over:
            raise RedriveError(
                f"After {HOLD_SECONDS} seconds others may have the messages. What was not sent is"
                " left on the queue: run it again."
            )
        try:
            try_again(failure.event)
            held.delete(failure.id)
        except (RedriveError, ClientError, BotoCoreError) as error:
            yield failure, error
        else:
            yield failure, None


def by_function(function: str, functions: "LambdaClient") -> Try:
    """Return how *function* tries an event again: all of it in one invocation."""

    def invoke(event: Mapping[str, Any]) -> None:
        answer = functions.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event)
        )
        if answer["StatusCode"] != ACCEPTED:
            raise RedriveError(f"Lambda did not accept the event: {answer['StatusCode']}")

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


def redrive(held: Holding, name: str, try_again: Try, arguments: argparse.Namespace) -> bool:
    """Show the failures that are wanted, ask, send them to *name*; tell whether all are sent."""
    failures = _failures(held.messages.values())
    chosen = [failure for failure in failures if arguments.reason in (None, failure.reason)]
    print(*chosen, sep="\n")
    print(f"{len(chosen)} of {len(held.messages)} messages on the failure queue.")
    if not chosen or arguments.dry_run:
        return True
    if not (arguments.yes or agreed(f"Send {len(chosen)} to {name} again?")):
        return True
    return not _left(chosen, try_again, held)


def _left(chosen: Sequence[Failure], try_again: Try, held: Holding) -> int:
    """Send what was chosen, show how far it is, and return how many are left on the queue."""
    left = 0
    for number, (failure, error) in enumerate(send(chosen, try_again, held), 1):
        progress = f"{number} of {len(chosen)}: {failure.uploads}"
        if error:
            left += 1
            why = f"left on the queue, {failure.id}: {printable(str(error))}"
            print(f"{progress}: {why}", file=sys.stderr)
        else:
            print(progress)
    if left:
        print(f"{left} of {len(chosen)} left on the queue.", file=sys.stderr)
    return left


def _failures(messages: Iterable["MessageTypeDef"]) -> Iterator[Failure]:
    for message in messages:
        try:
            yield read(message)
        except Unreadable as error:
            print(f"unreadable, left alone: {error}", file=sys.stderr)


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
        raise RedriveError(
            "Nothing is deployed from here: name the deployment with QUEUE=url and WORKFLOW=arn"
            " or, where there is no workflow, FUNCTION=name."
        )
    return {name: output["value"] for name, output in deployed.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue-url", help="default: the one that Terraform deployed here")
    parser.add_argument("--workflow", help="default: the one that Terraform deployed here, if any")
    parser.add_argument("--function", help="default: the one that Terraform deployed here")
    parser.add_argument("--reason", help="only these, such as RetriesExhausted or corrupt-image")
    parser.add_argument("--dry-run", action="store_true", help="only show")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


def main() -> None:
    """Read the command line and do what it says."""
    arguments = _arguments()
    try:
        queue_url, name, try_again = _deployment(arguments)
        with Holding(boto3.client("sqs"), queue_url) as held:
            held.receive()
            is_done = redrive(held, name, try_again, arguments)
    except (RedriveError, ClientError, BotoCoreError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nWhat was not sent is left on the queue.")
    if not is_done:
        sys.exit(1)


if __name__ == "__main__":
    main()

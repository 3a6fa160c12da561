"""Show the failed uploads on the failure queue and, after confirmation, retry them."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from tools.command_line import parse
from tools.operations.deployment import DeploymentError, outputs
from tools.operations.failure import Failure, Unreadable, read
from tools.operations.queue import HOLD_SECONDS, HeldMessages
from tools.operations.regions import session
from tools.operations.terminal import confirm, printable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions import SFNClient

ACCEPTED = 202


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The source of the failures, and the target of the retries.

    Either *function* or *workflow* is None. *source_bucket* is None if the command line named the
    deployment.
    """

    queue_url: str
    source_bucket: str | None
    workflow: str | None
    function: str | None

    @property
    def name(self) -> str:
        return self.workflow or str(self.function)


Try: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Sends an event again, and returns once the target has accepted it.

Raises `RedriveError` or botocore's exceptions.
"""


class RedriveError(Exception):
    """A failure is not retried: the message says why, and what to do."""


def send(
    failures: Sequence[Failure], try_again: Try, held: HeldMessages
) -> Iterator[tuple[Failure, Exception | None]]:
    """Retry each failure, delete its message, and yield the failure with its error, if any.

    A message is deleted only after its event was accepted, so none is lost. An interruption in
    between leads to a second retry, which is harmless. Raises `RedriveError` when the messages
    become visible to others.
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
    """Return a sender to *function*: the whole event in one invocation."""

    def invoke(event: Mapping[str, Any]) -> None:
        response = functions.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event)
        )
        if response["StatusCode"] != ACCEPTED:
            raise RedriveError(f"Lambda did not accept the event: {response['StatusCode']}")

    return invoke


def by_workflow(workflow: str, machines: "SFNClient") -> Try:
    """Return a sender to *workflow*: one execution for each upload in the event.

    The function alone would skip the review.
    """

    def start(event: Mapping[str, Any]) -> None:
        records = event.get("Records")
        parts = [event] if records is None else [{"Records": [record]} for record in records]
        for part in parts:
            machines.start_execution(stateMachineArn=workflow, input=json.dumps(part))

    return start


def redrive(
    held: HeldMessages, target: Target, try_again: Try, arguments: argparse.Namespace
) -> bool:
    """Show the selected failures, ask, and retry them; return whether all were sent."""
    failures = list(_failures(held.messages.values()))
    chosen = [failure for failure in failures if arguments.reason in (None, failure.reason)]
    if failures and not chosen:
        raise RedriveError(_unknown_reason(arguments.reason, failures))
    print(*chosen, sep="\n")
    print(f"{len(chosen)} of {len(held.messages)} messages on the failure queue.")
    _tell_buckets(chosen, target.source_bucket)
    if not chosen or arguments.dry_run:
        return True
    if not (arguments.yes or confirm(f"Send {len(chosen)} to {printable(target.name)} again?")):
        return True
    return not _left(chosen, try_again, held)


def _unknown_reason(reason: str, failures: Iterable[Failure]) -> str:
    counts = Counter(printable(failure.reason) for failure in failures)
    found = ", ".join(f"{name} ({number})" for name, number in counts.most_common())
    return f"No failure on the queue has the reason {printable(reason)!r}. There are: {found}."


def _tell_buckets(failures: Iterable[Failure], source_bucket: str | None) -> None:
    """Warn of buckets other than the deployment's; if that is unknown, list them all."""
    buckets = Counter(bucket for failure in failures for bucket in failure.buckets)
    for bucket, number in sorted(buckets.items()):
        if source_bucket is None:
            print(f"{number} of them name the bucket {printable(bucket)}.")
        elif bucket != source_bucket:
            print(
                f"Warning: {number} of them name the bucket {printable(bucket)}, which is not the"
                f" source bucket, {source_bucket}.",
                file=sys.stderr,
            )


def _left(chosen: Sequence[Failure], try_again: Try, held: HeldMessages) -> int:
    """Send the selected failures, show progress, and return how many remain on the queue."""
    left = 0
    for number, (failure, error) in enumerate(send(chosen, try_again, held), 1):
        progress = f"{number} of {len(chosen)}: {failure.uploads}"
        if error:
            left += 1
            why = f"left on the queue, {failure.id}: {printable(error)}"
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


def _target(arguments: argparse.Namespace) -> Target:
    """Return the target on the command line, completed from the deployment of this repository.

    A workflow takes precedence over the function, which would skip the review.
    """
    if arguments.queue and (arguments.workflow or arguments.function):
        return Target(
            queue_url=arguments.queue,
            source_bucket=None,
            workflow=arguments.workflow,
            function=arguments.function,
        )
    deployed = _deployed()
    is_named = arguments.workflow or arguments.function
    return Target(
        queue_url=arguments.queue or deployed["failure_queue_url"],
        source_bucket=deployed["source_bucket"],
        workflow=arguments.workflow if is_named else deployed.get("workflow_arn"),
        function=arguments.function if is_named else deployed["function_name"],
    )


def _deployed() -> Mapping[str, Any]:
    try:
        deployed = outputs()
    except DeploymentError as error:
        raise RedriveError(str(error)) from error
    if not deployed:
        raise RedriveError(
            "Nothing is deployed from here: name the deployment with QUEUE=url and WORKFLOW=arn"
            " or, where there is no workflow, FUNCTION=name."
        )
    return deployed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue", help="default: the one that Terraform deployed here")
    parser.add_argument("--workflow", help="default: the one that Terraform deployed here, if any")
    parser.add_argument("--function", help="default: the one that Terraform deployed here")
    parser.add_argument("--reason", help="only these, such as RetriesExhausted or corrupt-image")
    parser.add_argument("--dry-run", action="store_true", help="only show")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parse(parser)


def main() -> None:
    """Run from the command line."""
    arguments = _arguments()
    try:
        target = _target(arguments)
        aws = session(target.workflow, target.function, target.queue_url)
        if target.workflow:
            try_again = by_workflow(target.workflow, aws.client("stepfunctions"))
        else:
            try_again = by_function(target.name, aws.client("lambda"))
        queues = session(target.queue_url, target.workflow, target.function).client("sqs")
        with HeldMessages(queues, target.queue_url) as held:
            held.receive()
            is_done = redrive(held, target, try_again, arguments)
    except (RedriveError, ClientError, BotoCoreError) as error:
        sys.exit(printable(error))
    except KeyboardInterrupt:
        sys.exit("\nUnsent failures stay on the queue.")
    if not is_done:
        sys.exit(1)

"""Functions on the local cloud: concurrency, the event queue, and ending every process."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from tests.e2e.conftest import eventually
from tools.local.cloud import Cloud, running_cloud
from tools.local.ministack.invocations import CORES

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

FUNCTION = """
import json, os, time
from pathlib import Path

def handler(event, context):
    folder = Path(event["folder"])
    running = folder / f"running-{os.getpid()}"
    running.touch()
    with (folder / "most").open("a") as most:
        most.write(f"{len(list(folder.glob('running-*')))}\\n")
    if "forks" in event and os.fork() == 0:
        (folder / "child").write_text(str(os.getpid()))
        time.sleep(60)
        os._exit(0)
    time.sleep(event["seconds"])
    running.unlink()
    if "fails" in event:
        raise RuntimeError("no luck")
    (folder / f"done-{event['number']}").write_text(str(os.stat(__file__).st_ino))
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}


@dataclass(frozen=True)
class Function:
    """A function that logs its actions, and its failure queue."""

    name: str
    queue: str
    folder: Path
    functions: "LambdaClient"
    sqs: "SQSClient"

    @classmethod
    def create(cls, name: str, folder: Path, client: Any) -> "Function":
        functions, sqs = client("lambda"), client("sqs")
        role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        functions.create_function(
            FunctionName=name,
            Role=role["Role"]["Arn"],
            Code={"ZipFile": zipped(FUNCTION)},
            Handler="index.handler",
            Runtime="python3.13",
            Timeout=2,
        )
        function = cls(name, queue, folder, functions, sqs)
        function.configure(MaximumRetryAttempts=1)
        return function

    def configure(self, **settings: Any) -> None:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        self.functions.put_function_event_invoke_config(
            FunctionName=self.name,
            DestinationConfig={"OnFailure": {"Destination": attributes["Attributes"]["QueueArn"]}},
            **settings,
        )

    def send(self, count: int = 1, **event: Any) -> None:
        for number in range(count):
            payload = {"folder": str(self.folder), "number": number, "seconds": 0, **event}
            self.functions.invoke(
                FunctionName=self.name, InvocationType="Event", Payload=json.dumps(payload)
            )

    def code_file(self, number: int) -> int:
        """Return the number of the file in the file system that a call runs."""
        payload = {"folder": str(self.folder), "number": number, "seconds": 0}
        self.functions.invoke(FunctionName=self.name, Payload=json.dumps(payload))
        return int((self.folder / f"done-{number}").read_text())

    def done(self) -> int:
        return len(list(self.folder.glob("done-*")))

    def most_at_once(self) -> int:
        return max(map(int, (self.folder / "most").read_text().split()))

    def failure(self) -> dict[str, Any] | None:
        response = self.sqs.receive_message(QueueUrl=self.queue)
        for message in response.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            failure: dict[str, Any] = json.loads(message["Body"])
            return failure
        return None


@pytest.fixture
def function(cloud: Cloud, tmp_path: Path) -> Iterator[Function]:
    """Create the function, which retries a failed event once."""
    function = Function.create(f"function-{uuid4()}", tmp_path, boto3.client)
    yield function
    function.functions.delete_function(FunctionName=function.name)


def test_a_burst_of_events_uses_every_core_once(function: Function) -> None:
    function.send(30, seconds=0.05)

    eventually(lambda: function.done() == 30, what="thirty events")
    assert function.most_at_once() <= (CORES or 1)


def test_events_beyond_the_reserved_concurrency_wait_and_none_is_lost(function: Function) -> None:
    function.functions.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=1
    )

    function.send(20, seconds=0.25)  # five seconds of work: MiniStack itself gives up after three

    eventually(lambda: function.done() == 20, what="twenty events, one at a time")
    assert function.most_at_once() == 1
    assert function.failure() is None


def test_events_for_a_function_that_may_not_run_go_to_the_failure_queue(function: Function) -> None:
    function.functions.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=0
    )

    function.send()

    failure = eventually(function.failure, what="a failure")
    assert failure["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert failure["requestContext"]["approximateInvokeCount"] == 0


def test_a_failed_event_is_retried_and_then_reported_with_its_error(function: Function) -> None:
    function.send(fails=True)

    failure = eventually(function.failure, what="a failure")
    assert failure["requestContext"]["condition"] == "RetriesExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    assert failure["responsePayload"]["errorMessage"] == "no luck"
    assert failure["requestPayload"]["fails"]


def test_a_call_is_answered_while_events_wait(function: Function) -> None:
    function.send(20, seconds=0.5)

    payload = {"folder": str(function.folder), "number": "call", "seconds": 0}
    response = function.functions.invoke(FunctionName=function.name, Payload=json.dumps(payload))

    assert response["StatusCode"] == 200
    assert function.done() < 20


def test_a_timeout_ends_every_process_of_the_function(function: Function) -> None:
    function.send(seconds=30, forks=True)

    child = eventually(lambda: written(function.folder / "child"), what="a child")
    eventually(lambda: not is_running(int(child)), what="the end of the child")


def test_only_new_code_is_unpacked(function: Function) -> None:
    before = function.code_file(1)

    function.functions.update_function_configuration(FunctionName=function.name, Timeout=3)
    in_another_environment = function.code_file(2)
    function.functions.update_function_code(
        FunctionName=function.name, ZipFile=zipped(f"{FUNCTION}# changed")
    )
    after = function.code_file(3)

    assert in_another_environment == before
    assert after != before


def test_stopping_the_cloud_ends_every_process_of_functions(tmp_path: Path) -> None:
    with running_cloud(tmp_path / "home") as own:
        client = partial(boto3.client, **client_options(own))
        function = Function.create("function", tmp_path, client)
        function.send(seconds=1.5, forks=True)
        child = eventually(lambda: written(tmp_path / "child"), what="a child")

    assert not is_running(int(child))


def zipped(code: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", code)
    return archive.getvalue()


def client_options(cloud: Cloud) -> dict[str, str]:
    environment = cloud.environment
    return {
        "endpoint_url": cloud.endpoint,
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "region_name": environment["AWS_REGION"],
        "verify": environment["AWS_CA_BUNDLE"],
    }


def written(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

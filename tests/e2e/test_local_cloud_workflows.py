"""The additions to MiniStack's Step Functions and EventBridge, tested with small machines."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import eventually
from tools.local.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

BUCKET = "words"
OBJECTS = 25
ACCOUNT = "000000000000"
RULE = f"arn:aws:events:eu-central-2:{ACCOUNT}:rule/words"

LISTED = {
    "Resource": "arn:aws:states:::s3:listObjectsV2",
    "Arguments": {"Bucket": BUCKET, "Prefix": "{% $states.input.prefix %}"},
    "ReaderConfig": {"MaxItems": "{% $states.input.max_objects %}"},
}
WRITTEN = {
    "Resource": "arn:aws:states:::s3:putObject",
    "Arguments": {
        "Bucket": BUCKET,
        "Prefix": "{% 'results/' & $states.context.Execution.Name %}",
    },
}
COUNTED = {
    "Count": {"Type": "Pass", "Output": "{% $count($states.input.Items) %}", "End": True},
}
INPUT = {"prefix": "in/", "max_objects": 100}


def machine(states: Mapping[str, Any], *, start: str) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": start, "States": states}


def distributed(children: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a machine that passes the bucket's objects to *children*, in batches of ten."""
    return machine(
        {
            "Map": {
                "Type": "Map",
                "ItemReader": LISTED,
                "ItemBatcher": {"MaxItemsPerBatch": 10},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                    "StartAt": next(iter(children)),
                    "States": children,
                },
                "ResultWriter": WRITTEN,
                "MaxConcurrency": 1,
                "End": True,
                **fields,
            }
        },
        start="Map",
    )


class Machines:
    """State machines, each with its own role."""

    def __init__(self) -> None:
        self.client: SFNClient = boto3.client("stepfunctions")
        self._number = 0

    def role(self, *allowed: str, service: str = "states.amazonaws.com") -> str:
        """Create a role with the named permissions, such as s3:*."""
        self._number += 1
        iam, name = boto3.client("iam"), f"machine-{self._number}"
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        for number, action in enumerate(allowed):
            document = policy({"Effect": "Allow", "Action": action, "Resource": "*"})
            iam.put_role_policy(RoleName=name, PolicyName=str(number), PolicyDocument=document)
        return arn

    def create(self, definition: Mapping[str, Any], role: str) -> str:
        self._number += 1
        return self.client.create_state_machine(
            name=f"machine-{self._number}", definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]

    def start(self, definition: Mapping[str, Any], *allowed: str, **given: Any) -> str:
        """Start a new machine with the permissions *allowed*, and return the execution."""
        machine = self.create(definition, self.role(*allowed))
        response = self.client.start_execution(
            stateMachineArn=machine, input=json.dumps({**INPUT, **given})
        )
        return response["executionArn"]

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for the end of *execution*, and return its description."""

        def look() -> dict[str, Any] | None:
            response = self.client.describe_execution(executionArn=execution)
            return None if response["status"] == "RUNNING" else dict(response)

        return eventually(look, what=execution)

    def map_run(self, execution: str) -> dict[str, Any]:
        [run] = self.client.list_map_runs(executionArn=execution)["mapRuns"]
        return dict(self.client.describe_map_run(mapRunArn=run["mapRunArn"]))


@pytest.fixture(scope="module")
def machines(cloud: Cloud) -> Machines:
    """Return an account with a bucket of words and no machine."""
    s3 = boto3.client("s3")
    s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"}
    )
    for number in range(OBJECTS):
        s3.put_object(Bucket=BUCKET, Key=f"in/{number:02}", Body=b"word")
    return Machines()


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def written(prefix: str) -> dict[str, Any]:
    """Return the JSON files under *prefix*, by the end of their names."""
    s3 = boto3.client("s3")
    entries = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        entry["Key"].rpartition("/")[2]: json.load(
            s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"]
        )
        for entry in entries
    }


def test_a_map_reads_in_batches_and_writes_results(machines: Machines) -> None:
    execution = machines.start(
        distributed(COUNTED), "s3:*", "states:StartExecution", max_objects=24
    )
    ended = machines.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    files = written(f"results/{ended['name']}/")
    assert json.loads(ended["output"])["MapRunArn"] == files["manifest.json"]["MapRunArn"]
    assert files.keys() == {"manifest.json", "SUCCEEDED_0.json"}
    results = files["SUCCEEDED_0.json"]
    assert [result["Output"] for result in results] == ["10", "10", "4"]
    first = json.loads(results[0]["Input"])["Items"][0]
    assert (first["Key"], first["Size"]) == ("in/00", 4)
    counts = machines.map_run(execution)["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["resultsWritten"]) == (24, 24, 24)


def test_a_stop_ends_the_children_too(machines: Machines) -> None:
    slow = {"Wait": {"Type": "Wait", "Seconds": 20, "Next": "Count"}, **COUNTED}
    execution = machines.start(distributed(slow), "s3:*", "states:StartExecution")

    def is_half_way() -> bool:
        runs = machines.client.list_map_runs(executionArn=execution)["mapRuns"]
        return bool(runs) and machines.map_run(execution)["itemCounts"]["succeeded"] == 10

    eventually(is_half_way, what="the first batch")
    machines.client.stop_execution(executionArn=execution)

    name = execution.rpartition(":")[2]
    manifest = eventually(lambda: written(f"results/{name}/").get("manifest.json"), what="results")
    run = machines.map_run(execution)
    assert run["status"] == "ABORTED"
    counts = run["itemCounts"]
    assert (counts["succeeded"], counts["aborted"], counts["pending"]) == (10, 10, 5)
    assert all(manifest["ResultFiles"].values())
    time.sleep(2)
    assert machines.map_run(execution)["itemCounts"] == counts
    assert machines.client.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_more_failures_than_tolerated_fail_the_map(machines: Machines) -> None:
    failing = {"Bad": {"Type": "Fail", "Error": "Bad", "Cause": "it is"}}
    execution = machines.start(
        distributed(failing, ToleratedFailurePercentage=30), "s3:*", "states:StartExecution"
    )
    ended = machines.ended(execution)
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"
    files = written(f"results/{ended['name']}/")
    assert [result["Error"] for result in files["FAILED_0.json"]] == ["Bad"]
    assert len(files["PENDING_0.json"]) == 2


@pytest.mark.parametrize(
    ("allowed", "error"),
    [
        (["s3:*"], "States.Permissions"),
        (["s3:PutObject", "states:StartExecution"], "States.ItemReaderFailed"),
        (["s3:ListBucket", "states:StartExecution"], "States.ResultWriterFailed"),
    ],
)
def test_a_map_is_limited_by_its_role(machines: Machines, allowed: list[str], error: str) -> None:
    assert machines.ended(machines.start(distributed(COUNTED), *allowed))["error"] == error


@pytest.mark.parametrize(
    ("service", "arguments", "error"),
    [
        ("lambda:invoke", {"FunctionName": "anything", "Payload": {}}, "Lambda.AWSLambdaException"),
        (
            "sqs:sendMessage",
            {"QueueUrl": f"https://127.0.0.1/{ACCOUNT}/any", "MessageBody": "x"},
            "SQS.SqsException",
        ),
    ],
)
def test_a_task_is_limited_by_the_role(
    machines: Machines, service: str, arguments: Mapping[str, Any], error: str
) -> None:
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{service}",
        "Arguments": arguments,
        "End": True,
    }
    ended = machines.ended(machines.start(machine({"Task": task}, start="Task"), "s3:*"))
    assert ended["error"] == error
    assert "is not authorized to perform" in ended["cause"]


def test_a_role_that_trusts_another_service_is_refused(machines: Machines) -> None:
    role = machines.role(service="lambda.amazonaws.com")
    with pytest.raises(ClientError, match="authorized to assume the provided role"):
        machines.create(distributed(COUNTED), role)


@pytest.mark.parametrize(
    ("allowed", "service", "code"),
    [
        (["s3:*"], "events.amazonaws.com", "NO_PERMISSIONS"),
        (["states:*"], "states.amazonaws.com", "FAILED_TO_ASSUME_ROLE"),
        (["states:*"], "events.amazonaws.com", "NO_RESOURCE"),
    ],
)
def test_an_event_that_cannot_be_delivered_is_a_dead_letter(
    machines: Machines, allowed: list[str], service: str, code: str
) -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName=f"dead-{code}")["QueueUrl"]
    arn = f"arn:aws:sqs:eu-central-2:{ACCOUNT}:dead-{code}"
    machine_arn = machines.create(distributed(COUNTED), machines.role())
    events.put_rule(Name="words", EventPattern=json.dumps({"source": ["words"]}))
    events.put_targets(
        Rule="words",
        Targets=[
            {
                "Id": "machine",
                "Arn": machine_arn if code != "NO_RESOURCE" else f"{machine_arn}-gone",
                "RoleArn": machines.role(*allowed, service=service),
                "DeadLetterConfig": {"Arn": arn},
            }
        ],
    )

    def send_and_look() -> list[Any]:
        events.put_events(Entries=[{"Source": "words", "DetailType": "new", "Detail": '{"a": 1}'}])
        received = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])
        return list(received.get("Messages", []))

    assert send_and_look() == []  # the queue's policy does not let EventBridge send
    sender = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(sender)})
    [message] = send_and_look()
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == code
    assert message["MessageAttributes"]["RULE_ARN"]["StringValue"] == RULE
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    assert machines.client.list_executions(stateMachineArn=machine_arn)["executions"] == []


def test_events_from_s3_name_the_version(machines: Machines) -> None:
    events, s3, sqs = boto3.client("events"), boto3.client("s3"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [BUCKET]}}}
    events.put_rule(Name="uploads", EventPattern=json.dumps(pattern))
    arn = f"arn:aws:sqs:eu-central-2:{ACCOUNT}:uploads"
    events.put_targets(Rule="uploads", Targets=[{"Id": "queue", "Arn": arn}])
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )

    version = s3.put_object(Bucket=BUCKET, Key="a+b c", Body=b"word")["VersionId"]

    message, *_ = eventually(
        lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), what="the event"
    )
    output = json.loads(message["Body"])["detail"]["object"]
    assert (output["key"], output["version-id"]) == ("a+b c", version)

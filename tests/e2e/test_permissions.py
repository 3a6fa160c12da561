"""The role has exactly the permissions that the function needs.

Two permissions cannot be tested here: the local cloud writes logs without checking, and returns 404
for a missing object where S3 returns 403 to callers that may not list the bucket.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.e2e.conftest import Pipeline
from tests.factories import picture, record

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

pytestmark = pytest.mark.usefixtures("usual_settings")

ROLE = "image-pipeline"

# A function that makes the one call that its event names.
CALLER = """
import boto3

def handler(event, context):
    getattr(boto3.client(event["service"]), event["call"])(**event["arguments"])
"""

newer = count(2**60)


@pytest.fixture(scope="module")
def functions(pipeline: Pipeline) -> "LambdaClient":
    return boto3.client("lambda")


@pytest.fixture(scope="module")
def processed_upload(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the key of a processed upload."""
    file: Path = tmp_path_factory.mktemp("permissions") / "photo.jpg"
    file.write_bytes(picture())
    pipeline.upload(file, "permissions.jpg")
    pipeline.published("web/permissions.webp")
    return "permissions.jpg"


@contextmanager
def without(pipeline: Pipeline, policy: str, action: str) -> Iterator[None]:
    """Remove one action from the role inside the block."""
    document: Any = pipeline.iam.get_role_policy(RoleName=ROLE, PolicyName=policy)["PolicyDocument"]
    reduced = [
        {**statement, "Action": [kept for kept in statement["Action"] if kept != action]}
        for statement in document["Statement"]
    ]
    assert reduced != document["Statement"], f"{policy} does not allow {action}"
    remaining = [statement for statement in reduced if statement["Action"]]
    _put(pipeline, policy, {**document, "Statement": remaining})
    try:
        yield
    finally:
        _put(pipeline, policy, document)


def _put(pipeline: Pipeline, policy: str, document: dict[str, Any]) -> None:
    if document["Statement"]:
        pipeline.iam.put_role_policy(
            RoleName=ROLE, PolicyName=policy, PolicyDocument=json.dumps(document)
        )
    else:
        pipeline.iam.delete_role_policy(RoleName=ROLE, PolicyName=policy)


def invoke(functions: "LambdaClient", function: str, event: object) -> tuple[bool, str]:
    """Return whether *function* succeeded, and its response."""
    response = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    return "FunctionError" not in response, response["Payload"].read().decode()


def announced(pipeline: Pipeline, key: str, *, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Return a newer event for the object under *key*, which may be missing."""
    bucket = pipeline.outputs["source_bucket"]
    found = pipeline.s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
    etag = found[0]["ETag"].strip('"') if found else "0" * 32
    announcement = record(key, bucket=bucket, etag=etag)
    return {"Records": [{**announcement, "eventName": name}]}


@pytest.mark.parametrize(
    ("policy", "action", "key", "event_name"),
    [
        ("read-source", "s3:GetObject", "permissions.jpg", "ObjectCreated:Put"),
        ("write-processed", "s3:GetObject", "permissions.jpg", "ObjectCreated:Put"),
        ("write-processed", "s3:PutObject", "permissions.jpg", "ObjectCreated:Put"),
        ("send-failures", "sqs:SendMessage", "any.jpg", "ObjectTagging:Put"),
    ],
)
def test_no_permission_is_superfluous(
    pipeline: Pipeline,
    functions: "LambdaClient",
    processed_upload: str,
    policy: str,
    action: str,
    key: str,
    event_name: str,
) -> None:
    function = pipeline.outputs["function_name"]
    if action == "s3:PutObject":  # otherwise there is nothing to write
        bucket = pipeline.outputs["processed_bucket"]
        pipeline.s3.delete_object(Bucket=bucket, Key="small/permissions.jpg")
    with without(pipeline, policy, action):
        succeeded, response = invoke(functions, function, announced(pipeline, key, name=event_name))
    assert not succeeded, response
    assert "AccessDenied" in response or "403" in response

    succeeded, response = invoke(functions, function, announced(pipeline, key, name=event_name))
    assert succeeded, response


def test_the_permission_to_delete_is_not_superfluous(
    pipeline: Pipeline, functions: "LambdaClient", tmp_path: Path
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture())
    pipeline.upload(file, "removed.jpg")
    pipeline.published("web/removed.webp")
    function = pipeline.outputs["function_name"]
    with without(pipeline, "write-processed", "s3:DeleteObject"):
        pipeline.s3.delete_object(Bucket=pipeline.outputs["source_bucket"], Key="removed.jpg")
        removal = announced(pipeline, "removed.jpg", name="ObjectRemoved:Delete")
        succeeded, response = invoke(functions, function, removal)
    assert not succeeded, response
    assert "AccessDenied" in response

    succeeded, response = invoke(functions, function, removal)
    assert (succeeded, json.loads(response)) == (True, {"removed": 1})
    assert pipeline.keys(prefix="small/removed") == []


@pytest.fixture(scope="module")
def caller(pipeline: Pipeline, functions: "LambdaClient") -> str:
    """Return a function that has the pipeline's role and makes a given call."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("caller.py", CALLER)
    functions.create_function(
        FunctionName="caller",
        Role=pipeline.iam.get_role(RoleName=ROLE)["Role"]["Arn"],
        Handler="caller.handler",
        Runtime="python3.13",
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="caller")
    return "caller"


def test_the_caller_has_the_role(
    pipeline: Pipeline, functions: "LambdaClient", caller: str
) -> None:
    call = {
        "service": "s3",
        "call": "list_objects_v2",
        "arguments": {"Bucket": pipeline.outputs["source_bucket"]},
    }
    succeeded, response = invoke(functions, caller, call)
    assert succeeded, response


@pytest.fixture(scope="module")
def another_queue(pipeline: Pipeline) -> str:
    """Create a foreign bucket and queue; return the queue's URL."""
    pipeline.s3.create_bucket(
        Bucket="another", CreateBucketConfiguration={"LocationConstraint": "eu-central-2"}
    )
    pipeline.s3.put_object(Bucket="another", Key="secret", Body=b"secret")
    return pipeline.sqs.create_queue(QueueName="another")["QueueUrl"]


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("s3", "put_object", {"Bucket": "{source_bucket}", "Key": "k", "Body": "b"}),
        ("s3", "delete_object", {"Bucket": "{source_bucket}", "Key": "permissions.jpg"}),
        ("s3", "get_object", {"Bucket": "another", "Key": "secret"}),
        ("s3", "put_object", {"Bucket": "another", "Key": "k", "Body": "b"}),
        ("s3", "list_objects_v2", {"Bucket": "another"}),
        ("s3", "list_buckets", {}),
        ("s3", "put_bucket_policy", {"Bucket": "{processed_bucket}", "Policy": "{{}}"}),
        ("s3", "delete_bucket", {"Bucket": "{processed_bucket}"}),
        ("sqs", "send_message", {"QueueUrl": "{another_queue}", "MessageBody": "b"}),
        ("sqs", "receive_message", {"QueueUrl": "{failure_queue_url}"}),
        ("sqs", "purge_queue", {"QueueUrl": "{failure_queue_url}"}),
        ("lambda", "invoke", {"FunctionName": "{function_name}"}),
        ("logs", "delete_log_group", {"logGroupName": "{log_group}"}),
        ("iam", "list_roles", {}),
    ],
)
def test_the_role_is_refused_everything_else(
    pipeline: Pipeline,
    functions: "LambdaClient",
    caller: str,
    another_queue: str,
    service: str,
    call: str,
    arguments: dict[str, str],
) -> None:
    names = {**pipeline.outputs, "another_queue": another_queue}
    filled = {name: value.format(**names) for name, value in arguments.items()}
    succeeded, response = invoke(
        functions, caller, {"service": service, "call": call, "arguments": filled}
    )
    assert not succeeded
    assert "AccessDenied" in response or "not authorized" in response, response


@pytest.fixture
def announcing(pipeline: Pipeline) -> Iterator[None]:
    """Turn completion events on inside the block."""
    pipeline.apply(events={})
    yield
    pipeline.apply()


@pytest.mark.usefixtures("announcing")
def test_the_role_sends_events_only_with_its_own_source(
    functions: "LambdaClient", caller: str
) -> None:
    def announce(source: str) -> tuple[bool, str]:
        entry = {"Source": source, "DetailType": "Image Processed", "Detail": "{}"}
        arguments = {"Entries": [entry]}
        event = {"service": "events", "call": "put_events", "arguments": arguments}
        return invoke(functions, caller, event)

    succeeded, response = announce("image-pipeline")
    assert succeeded, response
    succeeded, response = announce("billing")
    assert not succeeded
    assert "AccessDenied" in response

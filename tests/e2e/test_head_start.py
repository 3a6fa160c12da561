"""What the provider would wait for is there, just as it is planned, before Terraform imports it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from tools.local import head_start
from tools.local.cloud import Cloud
from tools.terraform import Event, Terraform

QUEUE: dict[str, Any] = {
    "delay_seconds": 0,
    "fifo_queue": False,
    "max_message_size": 262144,
    "message_retention_seconds": 1209600,
    "receive_wait_time_seconds": 0,
    "sqs_managed_sse_enabled": True,
    "tags": {"project": "test"},
    "visibility_timeout_seconds": 30,
}
ABORT = {
    "id": "abort",
    "status": "Enabled",
    "abort_incomplete_multipart_upload": [{"days_after_initiation": 7}],
}
EXPIRE = {
    "id": "expire",
    "status": "Enabled",
    "expiration": [{"days": 30}],
    "noncurrent_version_expiration": [{"noncurrent_days": 1}],
}
CLEAN = {
    "id": "clean",
    "status": "Enabled",
    "expiration": [{"days": None, "expired_object_delete_marker": True}],
}
TAGGED = {
    "id": "tagged",
    "status": "Enabled",
    "expiration": [{"days": 7}],
    "filter": [{"prefix": None, "tag": [{"key": "retired", "value": "true"}]}],
}
MOVE = {"id": "move", "status": "Enabled", "transition": [{"days": 1}]}


def change(kind: str, action: str = "create", **after: Any) -> dict[str, Any]:
    return {
        "address": f"{kind}.it",
        "type": kind,
        "mode": "managed",
        "change": {"actions": [action], "after": after},
    }


@pytest.fixture
def name() -> Iterator[str]:
    name = f"head-start-{uuid4()}"
    yield name
    s3 = boto3.client("s3")
    if name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.delete_bucket(Bucket=name)


class Planned(Terraform):
    """Terraform that has planned *changes*, whatever is planned again."""

    def __init__(self, folder: Path, changes: Sequence[dict[str, Any]]) -> None:
        super().__init__(folder, {})
        self._changes = changes

    def plan(self, on_event: object = None) -> list[Event]:
        return []

    def planned(self) -> list[dict[str, Any]]:
        return list(self._changes)


def imports(cloud: Cloud, folder: Path, *changes: dict[str, Any]) -> dict[str, str]:
    with head_start.given(Planned(folder, changes), cloud.environment):
        [file] = folder.iterdir()
        blocks = json.loads(file.read_text())["import"]
    assert not file.exists()
    return {block["to"]: block["id"] for block in blocks}


def test_a_queue_is_made_as_it_is_planned(cloud: Cloud, tmp_path: Path, name: str) -> None:
    found = imports(cloud, tmp_path, change("aws_sqs_queue", name=name, **QUEUE))

    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found == {"aws_sqs_queue.it": url}
    assert attributes["MessageRetentionPeriod"] == "1209600"
    assert attributes["MaximumMessageSize"] == "262144"
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"project": "test"}
    sqs.delete_queue(QueueUrl=url)


def test_the_policy_of_a_queue_is_set_as_it_is_planned(
    cloud: Cloud, tmp_path: Path, name: str
) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})

    found = imports(cloud, tmp_path, change("aws_sqs_queue_policy", queue_url=url, policy=policy))

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    assert found == {"aws_sqs_queue_policy.it": url}
    assert json.loads(attributes["Policy"]) == json.loads(policy)
    sqs.delete_queue(QueueUrl=url)


def test_a_bucket_and_its_rules_are_made_as_they_are_planned(
    cloud: Cloud, tmp_path: Path, name: str
) -> None:
    kind = "aws_s3_bucket_lifecycle_configuration"
    bucket = change("aws_s3_bucket", bucket=name)

    found = imports(
        cloud, tmp_path, bucket, change(kind, bucket=name, rule=[ABORT, EXPIRE, CLEAN, TAGGED])
    )

    s3 = boto3.client("s3")
    first, second, third, fourth = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert found == {"aws_s3_bucket.it": name, f"{kind}.it": name}
    assert first["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert second["Expiration"] == {"Days": 30}
    assert third["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert [rule["Filter"] for rule in (first, fourth)] == [
        {"Prefix": ""},
        {"Tag": {"Key": "retired", "Value": "true"}},
    ]
    assert second["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_rules_that_do_more_are_left_to_terraform(cloud: Cloud, tmp_path: Path, name: str) -> None:
    kind = "aws_s3_bucket_lifecycle_configuration"
    bucket = change("aws_s3_bucket", bucket=name)

    found = imports(cloud, tmp_path, bucket, change(kind, bucket=name, rule=[ABORT, MOVE]))

    assert found == {"aws_s3_bucket.it": name}


def test_what_is_there_already_is_left_alone(cloud: Cloud, tmp_path: Path, name: str) -> None:
    assert imports(cloud, tmp_path, change("aws_sqs_queue", "update", name=name, **QUEUE)) == {}

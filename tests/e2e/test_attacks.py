"""A deployed pipeline withstands plain HTTP and hostile keys."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Pipeline, eventually
from tests.factories import picture

pytestmark = pytest.mark.usefixtures("usual_settings")

HOSTILE_KEYS = [
    "../../etc/attack.jpg",
    "/attack.jpg",
    "./attack.jpg",
    # No newline, which `*` does not match in the local cloud's policies, and no character that is
    # invalid in XML, in which it lists its objects.
    'attack\r{"level": "INFO", "message": "published"}\t.jpg',
    "small/attack.jpg",
    ".pipeline/manifests/attack.jpg",
]


@pytest.fixture(scope="module")
def someone(pipeline: Pipeline) -> Iterator[Callable[..., Any]]:
    """Return a client factory for an endpoint, with a user who has all permissions.

    The local cloud checks no policy for the root user.
    """
    policy = {"Effect": "Allow", "Action": ["s3:*", "sqs:*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    iam, name = pipeline.iam, "someone"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield partial(
        boto3.client,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="all")
    iam.delete_user(UserName=name)


@pytest.mark.parametrize("bucket", ["source_bucket", "processed_bucket"])
@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("list_objects_v2", {}),
        ("put_object", {"Key": "attacks/plain", "Body": b"plain"}),
        ("get_object", {"Key": "attacks/there"}),
        ("delete_object", {"Key": "attacks/there"}),
    ],
)
def test_plain_http_is_refused_by_both_buckets(
    pipeline: Pipeline,
    someone: Callable[..., Any],
    bucket: str,
    call: str,
    arguments: dict[str, Any],
) -> None:
    name = pipeline.outputs[bucket]
    pipeline.s3.put_object(Bucket=name, Key="attacks/there", Body=b"there")
    plain = someone("s3", endpoint_url=pipeline.cloud.plain_endpoint)
    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(plain, call)(Bucket=name, **arguments)

    safe = someone("s3", endpoint_url=pipeline.cloud.endpoint)
    getattr(safe, call)(Bucket=name, **arguments)


def test_plain_http_is_refused_by_the_failure_queue(
    pipeline: Pipeline, someone: Callable[..., Any]
) -> None:
    wanted = {"QueueUrl": pipeline.outputs["failure_queue_url"], "AttributeNames": ["QueueArn"]}
    plain = someone("sqs", endpoint_url=pipeline.cloud.plain_endpoint)
    with pytest.raises(ClientError, match="AccessDenied"):
        plain.get_queue_attributes(**wanted)

    safe = someone("sqs", endpoint_url=pipeline.cloud.endpoint)
    assert "QueueArn" in safe.get_queue_attributes(**wanted)["Attributes"]


def test_hostile_keys_are_processed_like_any_other(pipeline: Pipeline) -> None:
    for key in HOSTILE_KEYS:
        pipeline.s3.put_object(Bucket=pipeline.outputs["source_bucket"], Key=key, Body=picture())

    for key in HOSTILE_KEYS:
        lines = eventually(partial(pipeline.lines, key), what=f"a log line for {key!r}")
        assert [line["message"] for line in lines] == ["published"], lines
        assert pipeline.published(f"small/{key}").size == (120, 80)

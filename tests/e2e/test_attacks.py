"""A deployed pipeline withstands plain HTTP, hostile files and hostile keys."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Pipeline, eventually
from tests.factories import picture

pytestmark = pytest.mark.usefixtures("usual_settings")


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


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"<!doctype html><script>alert(1)</script>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"%PDF-1.7\n",
    ],
    ids=["svg", "html", "eps", "pdf"],
)
def test_a_file_that_is_not_a_picture_is_rejected_whatever_its_name(
    pipeline: Pipeline, tmp_path: Path, content: bytes, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(content)
    key = f"attacks/{request.node.callspec.id}.jpg"
    pipeline.upload(file, key)

    assert pipeline.failure(key)["rejection"]["reason"] == "unsupported-format"
    assert pipeline.keys(f"small/{key}") == []


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/attack.jpg",
        "/attack.jpg",
        "./attack.jpg",
        # Neither a new line, for which `*` does not stand in the local cloud's policies, nor what
        # XML cannot hold, in which it lists its objects.
        'attack\r{"level": "INFO", "message": "published"}\t.jpg',
        "small/attack.jpg",
        ".pipeline/manifests/attack.jpg",
    ],
)
def test_a_hostile_key_is_processed_like_any_other(pipeline: Pipeline, key: str) -> None:
    pipeline.s3.put_object(Bucket=pipeline.outputs["source_bucket"], Key=key, Body=picture())
    lines = eventually(lambda: pipeline.lines(key), what="log line")

    assert [line["message"] for line in lines] == ["published"], lines
    assert pipeline.published(f"small/{key}").size == (120, 80)

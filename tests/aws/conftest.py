"""AWS services simulated by moto: no request leaves the process."""

import io
import os
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from pipeline.aws.client import CLIENT_CONFIG
from pipeline.sandbox import InProcess

from tests.factories import environment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


# Powertools reads it when the handler's module is imported, as on Lambda.
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "ImagePipeline"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace AWS by moto, with made-up credentials.

    All other AWS settings are removed: tests on the local cloud may have run in this process.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session())
        yield


@cache
def session() -> boto3.Session:
    """Return one session for all tests: each would load the descriptions of services anew."""
    return boto3.Session()


@pytest.fixture
def s3() -> "S3Client":
    """Return a client, with a versioned source bucket and an unversioned processed bucket."""
    client = boto3.client("s3", config=CLIENT_CONFIG)
    for bucket in ("source", "processed"):
        client.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
    client.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=CLIENT_CONFIG)


@pytest.fixture
def failure_queue_url(sqs: "SQSClient") -> str:
    return sqs.create_queue(QueueName="failures")["QueueUrl"]


@pytest.fixture
def dynamodb() -> "DynamoDBClient":
    """Return a client, with a table of records like Terraform's."""
    client = boto3.client("dynamodb", config=CLIENT_CONFIG)
    indexes = {"by-status": "status", "by-owner": "owner"}
    client.create_table(
        TableName="records",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("source_key", "updated_at", *indexes.values())
        ],
        KeySchema=[{"AttributeName": "source_key", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, attribute in indexes.items()
        ],
    )
    return client


@pytest.fixture
def configured(s3: "S3Client", failure_queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the handler's environment, and clear its caches."""
    import index

    monkeypatch.setattr(index, "_session", lambda: session()._session)

    for name, value in environment(FAILURE_QUEUE_URL=failure_queue_url).items():
        monkeypatch.setenv(name, value)
    # Rendering in this process saves starting a worker for each test.
    monkeypatch.setattr(index, "_renderer", InProcess)
    for name in dir(index):
        if clear := getattr(getattr(index, name), "cache_clear", None):
            clear()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return the stream that the handler's logger writes to."""
    from pipeline import telemetry

    stream = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return stream

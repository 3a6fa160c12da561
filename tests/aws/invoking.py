"""Call the handler as Lambda does, and read the results."""

import json
from typing import TYPE_CHECKING, Any

import index
from pipeline.aws.storage import OpenSource, Storage
from pipeline.errors import TransientFailure

from tests.factories import Context, record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

NASTY_KEY = "a b+c%é.jpg"


def upload(s3: "S3Client", key: str, body: bytes, **fields: Any) -> dict[str, Any]:
    """Put an object into the source bucket and return its notification record."""
    response = s3.put_object(Bucket="source", Key=key, Body=body)
    version = response.get("VersionId", "")
    etag = response["ETag"].strip('"')
    return record(key, etag=etag, size=len(body), version=version, **fields)


def handle(*records: dict[str, Any]) -> dict[str, int]:
    response: dict[str, int] = index.handler({"Records": list(records)}, Context())
    return response


def failures(sqs: "SQSClient", url: str) -> list[dict[str, Any]]:
    response = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in response.get("Messages", [])]


def processed_keys(s3: "S3Client") -> list[str]:
    listed = s3.list_objects_v2(Bucket="processed").get("Contents", [])
    return [found["Key"] for found in listed if not found["Key"].startswith(".pipeline/")]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class StorageWithout(Storage):
    """A storage that cannot read sources of one name."""

    unreadable = "unlucky.jpg"

    def get_source(self, bucket: str, key: str) -> OpenSource:
        if key == self.unreadable:
            raise TransientFailure("cannot read the source: SlowDown")
        return super().get_source(bucket, key)

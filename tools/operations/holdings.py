"""List the data that destroying a deployment deletes: objects, records, failed uploads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.operations.terminal import printable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

_MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The data of one resource. *is_kept*: Terraform cannot destroy it in its current state."""

    what: str
    is_empty: bool
    is_kept: bool

    def __str__(self) -> str:
        return f"{self.what}{', kept' if self.is_kept and not self.is_empty else ''}"


def holdings(resources: Iterator[Mapping[str, Any]], aws: "boto3.Session") -> Iterator[Held]:
    """Yield the data in the buckets, tables and queues among Terraform's *resources*."""
    for resource in resources:
        values = resource["values"]
        try:
            match resource["type"]:
                case "aws_s3_bucket":
                    yield _of_bucket(aws.client("s3"), values)
                case "aws_dynamodb_table":
                    yield _of_table(aws, values)
                case "aws_sqs_queue":
                    yield _of_queue(aws, values)
        except (ClientError, BotoCoreError) as error:
            name = f"{resource['type'].removeprefix('aws_')} {values.get('id', '')}"
            yield Held(what=f"{name}: {printable(error)}", is_empty=False, is_kept=False)


def _of_bucket(s3: "S3Client", values: Mapping[str, Any]) -> Held:
    name, objects, old, size, is_all = values["bucket"], 0, 0, 0, True
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        if objects + old >= _MOST:
            is_all = False
            break
        for version in page.get("Versions", ()):
            objects += version["IsLatest"]
            old += not version["IsLatest"]
            size += version["Size"]
        old += len(page.get("DeleteMarkers", ()))
    least = "" if is_all else "at least "
    return Held(
        what=f"s3://{name}: {least}{objects:,} objects and {old:,} old versions,"
        f" {least}{size / 1e6:,.1f} MB",
        is_empty=not objects and not old,
        is_kept=not values["force_destroy"],
    )


def _of_table(aws: "boto3.Session", values: Mapping[str, Any]) -> Held:
    table = aws.client("dynamodb").describe_table(TableName=values["name"])["Table"]
    return Held(
        what=f"table {values['name']}: about {table['ItemCount']:,} records",
        is_empty=False,  # DynamoDB counts only a few times a day
        is_kept=values["deletion_protection_enabled"],
    )


def _of_queue(aws: "boto3.Session", values: Mapping[str, Any]) -> Held:
    counts = aws.client("sqs").get_queue_attributes(
        QueueUrl=values["url"],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    messages = sum(map(int, counts.values()))
    return Held(
        what=f"queue {values['name']}: about {messages:,} failed uploads",
        is_empty=not messages,
        is_kept=False,
    )

"""Create the slowest resources before Terraform does, and let Terraform import them.

After creating a queue, its policy or a lifecycle rule, the provider polls it for up to a minute,
because AWS is eventually consistent. The local cloud is not. So these resources are created first,
exactly as planned, and Terraform imports them; it corrects any difference itself, slowly.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3

from tools.terraform import Event, Terraform

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

SLOW = frozenset({"aws_sqs_queue", "aws_sqs_queue_policy", "aws_s3_bucket_lifecycle_configuration"})

_BLOCKS = "head-start.tf.json"
_QUEUE_ATTRIBUTES = {
    "delay_seconds": "DelaySeconds",
    "max_message_size": "MaximumMessageSize",
    "message_retention_seconds": "MessageRetentionPeriod",
    "receive_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
    "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
    "visibility_timeout_seconds": "VisibilityTimeout",
}

Change = Mapping[str, Any]
Import = tuple[str, str]


@contextmanager
def given(
    terraform: Terraform,
    environment: Mapping[str, str],
    on_event: Callable[[Event], object] = lambda _: None,
) -> Iterator[None]:
    """Create the slow resources in the plan of *terraform*, and plan again to import them.

    Resources that depend on a queue or a bucket are known after its import: hence two rounds.
    The import blocks are removed afterwards. *on_event* gets Terraform's messages.
    """
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    options: Any = {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "verify": environment["AWS_CA_BUNDLE"],
    }
    sqs, s3 = session.client("sqs", **options), session.client("s3", **options)
    file = terraform.folder / _BLOCKS
    blocks: list[Mapping[str, str]] = []
    rounds = ((_make_queues, _make_buckets), (_make_policies, _make_rules))
    try:
        for of_queues, of_buckets in rounds:
            planned = terraform.planned()
            made = [*of_queues(planned, sqs), *of_buckets(planned, s3)]
            blocks += [{"to": address, "id": name} for address, name in made]
            file.write_text(json.dumps({"import": blocks}))
            terraform.plan(on_event)
        yield
    finally:
        file.unlink(missing_ok=True)


def _make_queues(changes: Sequence[Change], sqs: "SQSClient") -> Iterator[Import]:
    for address, planned in _planned(changes, "aws_sqs_queue"):
        if planned.get("name") and not planned.get("fifo_queue"):
            attributes: Any = {
                attribute: json.dumps(planned[field])
                for field, attribute in _QUEUE_ATTRIBUTES.items()
                if planned.get(field) is not None
            }
            response = sqs.create_queue(
                QueueName=planned["name"],
                Attributes=attributes,
                tags=planned.get("tags_all") or planned.get("tags") or {},
            )
            yield address, response["QueueUrl"]


def _make_policies(changes: Sequence[Change], sqs: "SQSClient") -> Iterator[Import]:
    for address, planned in _planned(changes, "aws_sqs_queue_policy"):
        if (url := planned.get("queue_url")) and (policy := planned.get("policy")):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
            yield address, url


def _make_buckets(changes: Sequence[Change], s3: "S3Client") -> Iterator[Import]:
    for address, planned in _planned(changes, "aws_s3_bucket"):
        if name := planned.get("bucket"):
            region: Any = {"LocationConstraint": s3.meta.region_name}
            s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
            yield address, name


def _make_rules(changes: Sequence[Change], s3: "S3Client") -> Iterator[Import]:
    for address, planned in _planned(changes, "aws_s3_bucket_lifecycle_configuration"):
        rules: Any = [_rule(rule) for rule in planned["rule"]]
        if (name := planned.get("bucket")) and None not in rules:
            s3.put_bucket_lifecycle_configuration(
                Bucket=name,
                LifecycleConfiguration={"Rules": rules},
                TransitionDefaultMinimumObjectSize="all_storage_classes_128K",
            )
            yield address, name


def _rule(planned: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a rule in the API's form; None if it has a setting that is not supported here."""
    rule: dict[str, Any] = {
        "ID": planned["id"],
        "Status": planned["status"],
        "Filter": _filter(planned),
    }
    actions = {
        "abort_incomplete_multipart_upload": (
            "AbortIncompleteMultipartUpload",
            {"days_after_initiation": "DaysAfterInitiation"},
        ),
        "expiration": (
            "Expiration",
            {"days": "Days", "expired_object_delete_marker": "ExpiredObjectDeleteMarker"},
        ),
        "noncurrent_version_expiration": (
            "NoncurrentVersionExpiration",
            {"noncurrent_days": "NoncurrentDays"},
        ),
    }
    for field, (action, days) in actions.items():
        for block in planned.get(field) or []:
            rule[action] = {name: block[own] for own, name in days.items() if block.get(own)}
    if planned.get("transition") or planned.get("noncurrent_version_transition"):
        return None
    return rule


def _filter(planned: Mapping[str, Any]) -> dict[str, Any]:
    for condition in planned.get("filter") or []:
        for tag in condition.get("tag") or []:
            return {"Tag": {"Key": tag["key"], "Value": tag["value"]}}
    return {"Prefix": ""}


def _planned(changes: Sequence[Change], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for change in changes:
        is_made = change["change"]["actions"] == ["create"]
        if change["type"] == kind and change["mode"] == "managed" and is_made:
            yield change["address"], change["change"]["after"]

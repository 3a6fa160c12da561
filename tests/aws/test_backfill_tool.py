"""A backfill counts the objects that it will read, and reads its results from S3."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.factories import picture, record
from tools.operations import results, scan
from tools.operations.backfill import order, resolved
from tools.operations.deployment import BackfillError, Deployment
from tools.operations.executions import Begun
from tools.operations.results import Results

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DEPLOYED = Deployment(
    state_machine_arn="arn:aws:states:eu-west-1:123456789012:stateMachine:backfill",
    source_bucket="source",
    processed_bucket="processed",
    failure_queue_url="queue",
    inventory_bucket="inventories",
    results_prefix=".pipeline/backfill/",
    prefix="in/",
    suffixes=[".jpg"],
    batch_size=10,
    max_concurrency=5,
    tolerated_failure_percentage=5,
    attempts=3,
    function_name="processor",
    memory_mb=1024,
    architecture="arm64",
    timeout_seconds=60,
    variants=2,
)
MANIFEST = "daily/2026-01-02T01-00Z/manifest.json"


def put(s3: "S3Client", *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket="source", Key=key, Body=picture())


def test_only_objects_that_match_the_trigger_are_counted(s3: "S3Client") -> None:
    put(s3, "in/a b+é.jpg", "in/b.jpg", "in/notes.txt", "elsewhere/a.jpg")
    s3.put_object(Bucket="source", Key="in/folder.jpg", Body=b"")
    found = scan.listing(s3, DEPLOYED, "in/")
    assert (found.objects, found.sources, found.bytes) == (4, 2, 2 * len(picture()))


@pytest.mark.parametrize(
    ("prefix", "trigger", "narrowed"),
    [("", "in/", "in/"), ("in/cats/", "in/", "in/cats/"), ("in/", "", "in/"), ("i", "in/", "in/")],
)
def test_the_narrower_prefix_is_used(prefix: str, trigger: str, narrowed: str) -> None:
    assert scan.narrowed(prefix, trigger) == narrowed


def test_a_prefix_outside_the_trigger_is_refused() -> None:
    with pytest.raises(BackfillError, match="trigger_prefix is 'in/'"):
        scan.narrowed("cats/", "in/")


def inventory(s3: "S3Client", rows: str, **changes: str) -> None:
    """Publish an inventory as S3 does."""
    s3.create_bucket(
        Bucket="inventories", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.put_object(Bucket="inventories", Key="data/1.csv.gz", Body=gzip.compress(rows.encode()))
    manifest = {
        "sourceBucket": "source",
        "destinationBucket": "arn:aws:s3:::inventories",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag",
        "files": [{"key": "data/1.csv.gz"}],
        **changes,
    }
    s3.put_object(Bucket="inventories", Key=MANIFEST, Body=json.dumps(manifest).encode())


ROWS = """\
"source","in/a+b%25.jpg","v2","true","false","700","e2"
"source","in/a+b%25.jpg","v1","false","false","300","e1"
"source","in/gone.jpg","v3","true","true","",""
"source","out/a.jpg","v4","true","false","700","e4"
"""


def test_only_current_versions_of_an_inventory_are_counted(s3: "S3Client") -> None:
    inventory(s3, ROWS)
    found = scan.inventory(s3, DEPLOYED, "in/", bucket="inventories", key=MANIFEST)
    assert (found.objects, found.sources, found.bytes) == (4, 1, 700)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"fileFormat": "ORC"}, "not of an inventory in CSV"),
        ({"fileSchema": "Bucket, Key"}, "has no ETag, Size"),
        ({"sourceBucket": "other"}, "is of other, not of source"),
    ],
)
def test_an_unusable_inventory_is_refused(
    s3: "S3Client", changes: dict[str, str], complaint: str
) -> None:
    inventory(s3, ROWS, **changes)
    with pytest.raises(BackfillError, match=complaint):
        scan.inventory(s3, DEPLOYED, "in/", bucket="inventories", key=MANIFEST)


def test_a_missing_inventory_is_reported_in_a_sentence(s3: "S3Client") -> None:
    with pytest.raises(BackfillError, match="cannot be read"):
        scan.inventory(s3, DEPLOYED, "in/", bucket="processed", key=MANIFEST)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("s3://inventories/manifest.csv", r"not s3://bucket/…/manifest\.json"),
        ("https://inventories/a/manifest.json", r"not s3://bucket/…/manifest\.json"),
        ("s3://other/a/manifest.json", "may not read other"),
    ],
)
def test_an_unusable_address_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(BackfillError, match=complaint):
        order(DEPLOYED, prefix="", manifest=address)


def test_an_order_limits_the_objects_that_are_read() -> None:
    ordered = order(DEPLOYED, prefix="", manifest=f"s3://inventories/{MANIFEST}")
    assert json.loads(ordered.input(300)) == {
        "prefix": "in/",
        "max_objects": 300,
        "manifest": {"bucket": "inventories", "key": MANIFEST},
    }


def batch(keys: int, **fields: Any) -> Mapping[str, Any]:
    items = [{"Key": str(number)} for number in range(keys)]
    return {"Input": json.dumps({"Items": items}), **fields}


def test_results_are_added_up_over_all_batches(s3: "S3Client") -> None:
    response = {
        "statuses": {"published": 1, "rejected": 1},
        "rejections": [{"key": "a.gif", "reason": "unsupported-format", "message": "a gif"}],
        "unreviewed": ["b.jpg"],
        "gone": [],
        "unresolved": ["c.jpg"],
    }
    cause = json.dumps({"errorMessage": "S3 does not answer"})
    files = {
        "SUCCEEDED": [batch(2, Status="SUCCEEDED", Output=json.dumps(response))] * 2,
        "FAILED": [
            batch(10, Status="FAILED", Error="TransientFailure", Cause=cause),
            batch(10, Status="FAILED", Error="States.Timeout", Cause="after 65 seconds"),
            batch(4, Status="ABORTED"),
        ],
        "PENDING": [batch(3, Status="PENDING")],
    }
    manifest = {
        "ResultFiles": {name: [{"Key": f"results/one/run/{name}_0.json"}] for name in files}
    }
    for name, content in {"manifest": manifest, **files}.items():
        end = "manifest.json" if name == "manifest" else f"{name}_0.json"
        s3.put_object(
            Bucket="processed", Key=f"results/one/run/{end}", Body=json.dumps(content).encode()
        )

    found = results.read(s3, "processed", "results/one/")

    assert found
    assert found.statuses == {"published": 2, "rejected": 2}
    assert (len(found.rejections), found.unreviewed) == (2, ["b.jpg", "b.jpg"])
    assert (found.gone, found.unresolved) == ([], ["c.jpg", "c.jpg"])
    assert found.failures == {
        "TransientFailure: S3 does not answer": 10,
        "States.Timeout: after 65 seconds": 10,
        "stopped": 4,
    }
    assert found.untried == 3


def test_without_results_none_is_returned(s3: "S3Client") -> None:
    assert results.read(s3, "processed", "results/one/") is None


def fail(sqs: "SQSClient", url: str, key: str) -> None:
    body = {
        "requestPayload": {"Records": [record(key, bucket="source")]},
        "rejection": {"reason": "corrupt-image", "message": "it ends too soon"},
    }
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))


def test_earlier_failures_of_sources_that_are_processed_now_are_resolved(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    put(
        s3, "in/made.jpg", "in/rejected.jpg", "in/unreviewed.jpg", "elsewhere/a.jpg", "in/gone.jpgx"
    )
    for key in ("in/made.jpg", "in/rejected.jpg", "in/unreviewed.jpg", "in/gone.jpg"):
        fail(sqs, failure_queue_url, key)
    fail(sqs, failure_queue_url, "elsewhere/a.jpg")
    deployed = replace(DEPLOYED, failure_queue_url=failure_queue_url)
    now = datetime.now(UTC)
    begun = Begun(at=now + timedelta(seconds=9), prefix="in/", manifest=None)
    found = Results(rejections=[{"key": "in/rejected.jpg"}], unreviewed=["in/unreviewed.jpg"])
    aws = boto3.Session()

    assert list(resolved(deployed, begun, aws, found)) == ["in/made.jpg"]
    # The held messages are visible again, and a later failure is not resolved.
    early = replace(begun, at=now - timedelta(hours=1))
    assert list(resolved(deployed, early, aws, found)) == []
    assert list(resolved(deployed, begun, aws, found)) == ["in/made.jpg"]


@pytest.mark.parametrize(
    ("manifest", "untried"), [({"bucket": "inventories", "key": MANIFEST}, 0), (None, 1)]
)
def test_no_failure_is_resolved_if_the_processed_sources_are_unknown(
    s3: "S3Client",
    sqs: "SQSClient",
    failure_queue_url: str,
    manifest: dict[str, str] | None,
    untried: int,
) -> None:
    put(s3, "in/made.jpg")
    fail(sqs, failure_queue_url, "in/made.jpg")
    deployed = replace(DEPLOYED, failure_queue_url=failure_queue_url)
    begun = Begun(at=datetime.now(UTC) + timedelta(seconds=9), prefix="", manifest=manifest)

    assert not list(resolved(deployed, begun, boto3.Session(), Results(untried=untried)))

"""A test upload is processed and cleaned up; the data of a deployment is counted."""

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from pipeline import selection
from pipeline.aws.table import Table
from pipeline.model import Cause, Format, Status
from pipeline.settings import Settings

from tests.aws.test_reconcile import Bench
from tests.factories import environment, variants
from tools.operations import trial
from tools.operations.holdings import holdings
from tools.operations.trial import TrialFailed
from tools.operations.upload import Pipeline, Upload

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

KEY = "test-1.jpg"
ALL = {"VARIANTS": variants(small={"width": 30}), "KEY_TEMPLATE": "{variant}/{stem}{extension}"}

CATS = {"width": 9, "prefixes": ["pets/cats/"]}
WIDTHS = "{variant}-{width}/{stem}{extension}"


class Function:
    """Runs the pipeline once for every event while a test upload waits."""

    def __init__(self, s3: "S3Client", table: Table | None = None, **changes: str) -> None:
        self.bench = Bench(s3, **(ALL | changes))
        self.bench.pipeline = replace(self.bench.pipeline, table=table)
        settings = Settings.from_environment(environment(**(ALL | changes)))
        self.upload = Upload(
            Pipeline(
                source_bucket="source",
                processed_bucket="processed",
                queue_url="",
                log_group="none",
                settings=settings,
                aws=boto3.Session(),
                storage=self.bench.storage,
            ),
            KEY,
        )

    def reconciles(self, _: float) -> None:
        """Process an upload or a removal."""
        is_there = self.upload.source().source is not None
        self.bench.run(KEY, Cause.UPLOAD if is_there else Cause.REMOVAL)

    def is_deaf(self, _: float) -> None:
        """Receive no event."""


def contents(s3: "S3Client") -> list[Any]:
    """Return every version of everything in both buckets."""
    listed = [s3.list_object_versions(Bucket=bucket) for bucket in ("source", "processed")]
    return [
        each for one in listed for each in [*one.get("Versions", ()), *one.get("DeleteMarkers", ())]
    ]


def test_a_test_upload_becomes_images_and_leaves_nothing(s3: "S3Client") -> None:
    function = Function(s3)

    passed = trial.run(function.upload, wait=function.reconciles)

    assert passed.images == ["small/test-1.jpg"]
    assert contents(s3) == []


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"VARIANTS": variants(all={"widths": [30, 60, 1000, 2000]}), "KEY_TEMPLATE": WIDTHS}, 3),
        ({"VARIANTS": variants(all={"width": 30, "formats": ["webp", "jpeg"]})}, 2),
        ({"VARIANTS": variants(all={"width": 30}, some={"width": 9, "prefixes": ["a/"]})}, 1),
        ({"MANIFEST": "{}"}, 1),
        ({"MANIFEST": "{}", "KEY_TEMPLATE": "{variant}/{stem}.{version}{extension}"}, 1),
    ],
    ids=["widths", "formats", "prefixes", "manifest", "versions"],
)
def test_all_images_of_a_test_upload_are_awaited_and_deleted(
    s3: "S3Client", changes: dict[str, Any], number: int
) -> None:
    function = Function(s3, **changes)

    passed = trial.run(function.upload, wait=function.reconciles, patience_seconds=5)

    assert len(passed.images) == number
    assert contents(s3) == []


def test_a_test_upload_waits_for_the_last_image(s3: "S3Client") -> None:
    two: Any = {"VARIANTS": variants(all={"widths": [30, 60]}), "KEY_TEMPLATE": WIDTHS}
    function = Function(s3, **two)
    waits = []

    def wait(seconds: float) -> None:
        function.reconciles(seconds)
        waits.append(len(contents(s3)))
        if len(waits) == 1:
            s3.delete_object(Bucket="processed", Key="all-30/test-1.jpg")

    assert len(trial.run(function.upload, wait=wait).images) == 2
    assert len(waits) == 2


def test_nothing_else_is_deleted(s3: "S3Client") -> None:
    function = Function(s3)
    s3.put_object(Bucket="source", Key="other.jpg", Body=b"x")
    s3.put_object(Bucket="processed", Key="small/test-1.png", Body=b"of someone else")

    trial.run(function.upload, wait=function.reconciles)

    assert {one["Key"] for one in contents(s3)} == {"other.jpg", "small/test-1.png"}


@pytest.mark.parametrize("changes", [{}, {"REMOVE_DELETED": "true"}])
def test_the_record_is_deleted_as_well(
    s3: "S3Client", dynamodb: "DynamoDBClient", changes: dict[str, str]
) -> None:
    table = Table(dynamodb, "records")
    function = Function(s3, table, METADATA='{"table": "records"}', **changes)
    statuses = []

    def wait(seconds: float) -> None:
        function.reconciles(seconds)
        record = table.get(KEY)
        statuses.append(record and record["status"])

    trial.run(function.upload, wait=wait)

    assert statuses[0] == "ready"
    assert ("deleted" in statuses) == bool(changes)  # the last of the function's own records
    assert table.get(KEY) is None
    assert contents(s3) == []


def test_an_upload_that_triggers_nothing_fails_and_is_deleted(s3: "S3Client") -> None:
    function = Function(s3)

    with pytest.raises(TrialFailed, match="After 0 s"):
        trial.run(function.upload, wait=function.is_deaf, patience_seconds=0.1)

    assert contents(s3) == []


def test_an_upload_before_s3_sends_events_is_repeated(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_AGAIN_SECONDS", 0)
    function = Function(s3)
    versions = []

    def wait(seconds: float) -> None:
        versions.append(len(contents(s3)))
        (function.reconciles if len(versions) == 3 else function.is_deaf)(seconds)

    trial.run(function.upload, wait=wait)

    assert versions == [1, 2, 3]
    assert contents(s3) == []


def log(status: str, detail: str) -> None:
    """Write a line about the test upload to the log."""
    line = {"message": status, "detail": detail, "source": {"key": KEY}}
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="none")
    logs.create_log_stream(logGroupName="none", logStreamName="one")
    logs.put_log_events(
        logGroupName="none",
        logStreamName="one",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": json.dumps(line)}],
    )


def test_a_rejection_ends_the_wait(s3: "S3Client") -> None:
    function = Function(s3)
    log("rejected", "ImageTooLarge: 3")

    with pytest.raises(TrialFailed, match="was rejected: ImageTooLarge: 3"):
        trial.run(function.upload, wait=function.is_deaf, patience_seconds=60)


def test_what_failed_until_the_end_is_told(s3: "S3Client") -> None:
    function = Function(s3)
    log("failed", "TransientFailure: AccessDenied")

    with pytest.raises(
        TrialFailed, match="last log line is failed: TransientFailure: AccessDenied"
    ):
        trial.run(function.upload, wait=function.is_deaf, patience_seconds=0.1)


@pytest.mark.parametrize("accepted", list(trial._FORMATS))
def test_there_is_a_picture_in_every_format(s3: "S3Client", accepted: Format) -> None:
    bench = Bench(s3, FORMATS=f'["{accepted.value}"]')
    bench.put("a", trial.picture(frozenset({accepted})))

    assert bench.run("a").status is Status.PUBLISHED


def test_there_is_no_picture_in_a_format_that_pillow_cannot_write() -> None:
    with pytest.raises(TrialFailed, match="no test picture for heic alone"):
        trial.picture(frozenset({Format.HEIC}))


def test_the_key_matches_the_trigger() -> None:
    settings = Settings.from_environment(environment())

    assert trial.key_for("in/", [".png", ".jpg"], settings).startswith("in/test-")
    assert trial.key_for("in/", [".png", ".jpg"], settings).endswith(".png")
    assert trial.key_for("", [], settings) != trial.key_for("", [], settings)


@pytest.mark.parametrize("trigger", ["", "pets/", "pets/cats/", "pets/cats/in/"])
def test_a_variant_is_made_for_the_key(trigger: str) -> None:
    some = variants(pups={"width": 9, "prefixes": ["dogs/"]}, kittens=CATS)
    settings = Settings.from_environment(environment(VARIANTS=some))

    key = trial.key_for(trigger, [], settings)

    assert key.startswith(trigger)
    assert selection.for_key(key, settings)


def test_the_data_of_a_deployment_is_counted(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str, dynamodb: "DynamoDBClient"
) -> None:
    for body in (b"old", b"new"):
        s3.put_object(Bucket="source", Key="a.jpg", Body=body)
    s3.put_object(Bucket="source", Key="b.jpg", Body=b"x" * 1_000_000)
    s3.delete_object(Bucket="source", Key="b.jpg")
    sqs.send_message(QueueUrl=failure_queue_url, MessageBody="failed")
    bucket = {"bucket": "source", "force_destroy": False}
    empty = {"bucket": "processed", "force_destroy": False}
    table = {"name": "records", "deletion_protection_enabled": True}
    queue = {"name": "failures", "url": failure_queue_url}
    resources = [
        {"type": "aws_s3_bucket", "values": bucket},
        {"type": "aws_s3_bucket", "values": empty},
        {"type": "aws_dynamodb_table", "values": table},
        {"type": "aws_sqs_queue", "values": queue},
        {"type": "aws_iam_role", "values": {"name": "shop"}},
        {"type": "aws_s3_bucket", "values": {**bucket, "bucket": "gone", "id": "gone"}},
    ]

    source, processed, records, failures, gone = holdings(iter(resources), boto3.Session())

    assert str(source) == "s3://source: 1 objects and 3 old versions, 1.0 MB, kept"
    assert str(processed) == "s3://processed: 0 objects and 0 old versions, 0.0 MB"
    assert str(records) == "table records: about 0 records, kept"
    assert str(failures) == "queue failures: about 1 failed uploads"
    assert str(gone).startswith("s3_bucket gone: ")
    assert [one.is_kept and not one.is_empty for one in (source, processed, records, failures)] == [
        *(True, False, True, False)
    ]

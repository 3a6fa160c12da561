"""A Map state in distributed mode does what the Step Functions developer guide says."""

import gzip
import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tools.local.ministack.distributed_map import (
    Child,
    MapRun,
    StateFailed,
    inputs,
    read_items,
    write_results,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAP_RUN = "arn:aws:states:eu-west-1:123456789012:mapRun:machine/Map:run-1"
LIST = "arn:aws:states:::s3:listObjectsV2"
GET = "arn:aws:states:::s3:getObject"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    """Return a client and a bucket, on moto."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.create_bucket(Bucket="bucket")
        yield client


def child(number: int, *, items: int = 1) -> Child:
    return Child(arn=f"arn:child:{number}", machine_arn="arn:machine", input=number, items=items)


def run(number: int, *, fails: int = 0, **limits: Any) -> tuple[MapRun, str, list[int]]:
    """Run children one after the other; the first ones fail."""
    map_run = MapRun(children=[child(n) for n in range(number)], max_concurrency=1, **limits)
    seen: list[int] = []

    def execute(child: Child) -> str:
        seen.append(child.input)
        if child.input < fails:
            raise StateFailed("Bad", "it is")
        return "done"

    status = map_run.run(execute, is_stopped=lambda: False)
    return map_run, status, seen


def test_items_come_in_batches_with_the_common_input() -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"prefix": "cats/"}}
    common = {"BatchInput": {"prefix": "cats/"}}
    assert inputs(["a", "b", "c"], batcher) == [
        ({**common, "Items": ["a", "b"]}, 2),
        ({**common, "Items": ["c"]}, 1),
    ]
    assert inputs(["a", "b"], None) == [("a", 1), ("b", 1)]


def test_a_listing_has_s3s_fields_of_each_object(s3: "S3Client") -> None:
    for key in ("cats/a b+é.jpg", "cats/b.jpg", "dogs/a.jpg"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"four")
    reader = {"Resource": LIST, "Arguments": {"Bucket": "bucket", "Prefix": "cats/"}}
    first, second = read_items(reader, s3)
    assert (first["Key"], first["Size"], first["StorageClass"]) == ("cats/a b+é.jpg", 4, "STANDARD")
    assert first["Etag"].startswith('"')
    assert second["Key"] == "cats/b.jpg"
    assert len(read_items({**reader, "ReaderConfig": {"MaxItems": 1}}, s3)) == 1


def test_an_inventory_has_its_rows_as_text(s3: "S3Client") -> None:
    rows = '"source","cats/a+b%25.jpg","4","e1"\n"source","b.jpg","0","e2"\n'
    s3.put_object(Bucket="bucket", Key="data/1.csv.gz", Body=gzip.compress(rows.encode()))
    manifest = {
        "sourceBucket": "source",
        "destinationBucket": "arn:aws:s3:::bucket",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, ETag",
        "files": [{"key": "data/1.csv.gz", "size": 60, "MD5checksum": "…"}],
    }
    s3.put_object(Bucket="bucket", Key="manifest.json", Body=json.dumps(manifest).encode())
    reader = {
        "Resource": GET,
        "Arguments": {"Bucket": "bucket", "Key": "manifest.json"},
        "ReaderConfig": {"InputType": "MANIFEST"},
    }
    first, _ = read_items(reader, s3)
    assert first == {"Bucket": "source", "Key": "cats/a+b%25.jpg", "Size": "4", "ETag": "e1"}


@pytest.mark.parametrize(
    "reader",
    [
        {"Resource": LIST, "Arguments": {"Bucket": "missing"}},
        {"Resource": GET, "Arguments": {"Bucket": "bucket", "Key": "missing"}},
        {
            "Resource": GET,
            "Arguments": {"Bucket": "bucket", "Key": "missing"},
            "ReaderConfig": {"InputType": "MANIFEST"},
        },
    ],
)
def test_an_unsupported_reader_fails_by_name(s3: "S3Client", reader: dict[str, Any]) -> None:
    with pytest.raises(StateFailed, match=r"States\.ItemReaderFailed"):
        read_items(reader, s3)


@pytest.mark.parametrize(
    ("limits", "status", "started"),
    [
        ({}, "FAILED", 1),
        ({"tolerated_count": 2}, "SUCCEEDED", 10),
        ({"tolerated_count": 1}, "FAILED", 2),
        ({"tolerated_percentage": 20}, "SUCCEEDED", 10),
        ({"tolerated_percentage": 10}, "FAILED", 2),
        ({"tolerated_percentage": 20, "tolerated_count": 0}, "FAILED", 1),
    ],
)
def test_no_child_starts_after_more_failed_than_tolerated(
    limits: dict[str, int], status: str, started: int
) -> None:
    _, ended, seen = run(10, fails=2, **limits)
    assert (ended, len(seen)) == (status, started)


def test_items_are_counted_instead_of_batches() -> None:
    map_run = MapRun(
        children=[child(0, items=10), child(1, items=3)], max_concurrency=1, tolerated_count=10
    )

    def execute(child: Child) -> None:
        if child.items == 10:
            raise StateFailed("Bad", "it is")

    assert map_run.run(execute, is_stopped=lambda: False) == "SUCCEEDED"
    items, executions = map_run.item_counts(), map_run.execution_counts()
    assert (items["failed"], items["succeeded"], items["total"]) == (10, 3, 13)
    assert (executions["failed"], executions["succeeded"], executions["total"]) == (1, 1, 2)


def test_a_stop_does_not_wait_for_children() -> None:
    stopped, running = threading.Event(), threading.Event()
    released = threading.Event()
    map_run = MapRun(children=[child(number) for number in range(3)], max_concurrency=1)

    def execute(child: Child) -> str:
        running.set()
        released.wait(10)
        return "too late"

    def stop() -> None:
        running.wait(10)
        stopped.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    status = map_run.run(execute, is_stopped=stopped.is_set)
    released.set()
    stopping.join()
    assert status == "ABORTED"
    assert [child.status for child in map_run.children] == ["ABORTED", "PENDING", "PENDING"]
    assert map_run.children[0].output is None


def test_results_are_in_one_file_for_each_status(s3: "S3Client") -> None:
    map_run, _, _ = run(4, fails=1, tolerated_count=1)
    map_run.children[3].status = "PENDING"
    writer = {"Arguments": {"Bucket": "bucket", "Prefix": "results/one"}}

    written = write_results(writer, map_run, MAP_RUN, s3)

    assert written == {"Bucket": "bucket", "Key": "results/one/run-1/manifest.json"}
    manifest = body(s3, written["Key"])
    assert manifest["MapRunArn"] == MAP_RUN
    results = {
        kind: [result for file in files for result in body(s3, file["Key"])]
        for kind, files in manifest["ResultFiles"].items()
    }
    assert [result["Output"] for result in results["SUCCEEDED"]] == ['"done"', '"done"']
    assert [(result["Error"], result["Input"]) for result in results["FAILED"]] == [("Bad", "0")]
    assert [result["Status"] for result in results["PENDING"]] == ["PENDING"]


def body(s3: "S3Client", key: str) -> Any:
    return json.load(s3.get_object(Bucket="bucket", Key=key)["Body"])

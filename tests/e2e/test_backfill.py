"""Existing objects are processed once, however often the backfill is started."""

import csv
import gzip
import io
import json
import signal
import time
from collections.abc import Mapping
from urllib.parse import quote_plus

import pytest

from tests.e2e.backfill import INVENTORIES, Backfill, ended
from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.upload_api import without
from tests.factories import picture
from tools import ROOT

OLD = 180


@pytest.fixture(scope="module")
def old(backfill: Backfill) -> None:
    """Put pictures into the bucket without triggering the function."""
    backfill.put({f"old/{number:03}.jpg": picture(90, 60 + number) for number in range(OLD)})


@pytest.fixture(scope="module")
def few(backfill: Backfill) -> Mapping[str, bytes]:
    """Put a dozen pictures and a text into the bucket without triggering the function."""
    files = {f"few/{number:02}.jpg": picture(300, 200 + number) for number in range(12)}
    backfill.put({**files, "few/text.jpg": b"no picture"})
    return files


def done_of_old(backfill: Backfill) -> int:
    """Return how many of the old pictures the running execution has processed."""
    machine = backfill.outputs["backfill"]["state_machine_arn"]
    running = backfill.machines.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    for execution in running["executions"]:
        arn = execution["executionArn"]
        for run in backfill.machines.list_map_runs(executionArn=arn)["mapRuns"]:
            described = backfill.machines.describe_map_run(mapRunArn=run["mapRunArn"])
            return described["itemCounts"]["succeeded"]
    return 0


def settled(backfill: Backfill) -> int:
    """Wait until the function is idle, and count the published images."""
    count = -1
    while count != (count := len(backfill.published("old/"))):
        time.sleep(3)
    return count


def test_a_resumed_backfill_processes_nothing_twice(backfill: Backfill, old: None) -> None:
    first = backfill.begin("--prefix", "old/", "--yes")
    eventually(lambda: done_of_old(backfill) > 0, what="the first batch")
    first.send_signal(signal.SIGINT)
    assert "The backfill continues" in ended(first, status=1)

    second = backfill.begin("--prefix", "old/", "--yes")
    eventually(lambda: done_of_old(backfill) >= OLD / 3, what="a third of the backfill")
    assert "Stopped." in backfill.run("--stop")
    output = ended(second, status=1)
    assert "A backfill is running already." in output
    assert "It ended as ABORTED." in output
    assert " not tried" in output
    done = settled(backfill)
    assert OLD / 3 <= done < OLD
    images = backfill.images("small/old/", "web/old/")

    output = backfill.run("--prefix", "old/", "--yes")

    assert f"{OLD - done} made" in output
    assert f"{done} up to date already" in output
    finished = backfill.images("small/old/", "web/old/")
    assert len(finished) == 2 * OLD
    assert {key: finished[key] for key in images} == images
    published = backfill.published("old/")
    assert len(published) == len(set(published)) == OLD


def test_current_images_are_left_alone(backfill: Backfill, old: None) -> None:
    backfill.run("--prefix", "old/", "--yes")
    before = backfill.images("small/old/", "web/old/")
    assert len(before) == 2 * OLD

    output = backfill.run("--prefix", "old/", "--yes")

    assert f"{OLD} up to date already" in output
    assert backfill.images("small/old/", "web/old/") == before


def test_a_rejected_file_is_reported_with_its_reason(
    backfill: Backfill, few: Mapping[str, bytes]
) -> None:
    output = backfill.run("--prefix", "few/", "--yes")
    assert f"{len(few)} made" in output
    assert '1 rejected, unsupported-format: "few/text.jpg"' in output
    line = json.loads((ROOT / output.rpartition(": ")[2].strip()).read_text())
    assert (line["key"], line["reason"]) == ("few/text.jpg", "unsupported-format")


def test_a_dry_run_only_prints_the_estimate(backfill: Backfill, few: Mapping[str, bytes]) -> None:
    output = backfill.make("PREFIX=few/", "DRY_RUN=1")
    assert "13 objects, 13 of them for the pipeline" in output
    assert "If all of them need processing, that is about $" in output


def test_the_objects_of_an_inventory_are_processed(backfill: Backfill, pipeline: Pipeline) -> None:
    keys = ["listed/a b+é%.jpg", "listed/b.jpg"]
    backfill.put({key: picture() for key in (*keys, "listed/not.jpg", "beside/c.jpg")})
    manifest = inventory(backfill, *keys, "beside/c.jpg")

    output = backfill.run("--manifest", manifest, "--prefix", "listed/", "--yes")

    assert "3 objects, 2 of them for the pipeline" in output
    assert "2 made" in output
    assert backfill.images("small/listed/").keys() == {f"small/{key}" for key in keys}
    assert not backfill.images("small/beside/")


def inventory(backfill: Backfill, *keys: str) -> str:
    """Publish an inventory of *keys* as S3 does, and return the address of its manifest."""
    s3, bucket = backfill.pipeline.s3, backfill.outputs["source_bucket"]
    s3.create_bucket(
        Bucket=INVENTORIES, CreateBucketConfiguration={"LocationConstraint": "eu-central-2"}
    )
    rows = io.StringIO()
    writer = csv.writer(rows, quoting=csv.QUOTE_ALL)
    for key in keys:
        head = s3.head_object(Bucket=bucket, Key=key)
        etag, size = head["ETag"].strip('"'), head["ContentLength"]
        writer.writerow([bucket, quote_plus(key, safe="/"), size, etag])
    data = "source/daily/data/1.csv.gz"
    s3.put_object(Bucket=INVENTORIES, Key=data, Body=gzip.compress(rows.getvalue().encode()))
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{INVENTORIES}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, ETag",
        "files": [{"key": data}],
    }
    key = "source/daily/2026-01-02T01-00Z/manifest.json"
    s3.put_object(Bucket=INVENTORIES, Key=key, Body=json.dumps(manifest).encode())
    return f"s3://{INVENTORIES}/{key}"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--prefix", "nowhere/"], "There is nothing for the pipeline under s3://"),
        (["--manifest", "s3://elsewhere/manifest.json"], "may not read elsewhere"),
        (["--manifest", f"s3://{INVENTORIES}/no/manifest.json"], "The inventory cannot be read"),
        (["--stop"], "No backfill is running."),
    ],
)
def test_an_impossible_backfill_is_reported_in_a_sentence(
    backfill: Backfill, options: list[str], complaint: str
) -> None:
    assert complaint in backfill.run(*options, "--yes", status=1)


def test_it_is_limited_by_its_role(backfill: Backfill, few: Mapping[str, bytes]) -> None:
    with without(backfill.pipeline, "invoke-function", role="image-pipeline-backfill"):
        output = backfill.run("--prefix", "few/", "--yes", status=1)
    assert "It ended as FAILED States.ExceedToleratedFailureThreshold." in output
    assert "in batches that failed, Lambda.AWSLambdaException" in output
    assert "is not authorized to perform: lambda:InvokeFunction" in output


# This test changes the deployment, so it is the last one.


def test_a_new_size_replaces_all_images_and_prune_deletes_orphans(
    backfill: Backfill, few: Mapping[str, bytes], pipeline: Pipeline
) -> None:
    backfill.run("--prefix", "few/", "--yes")
    before = backfill.images("small/few/", "web/few/")
    assert len(before) == 2 * len(few)

    backfill.apply(variants={"small": {"width": 50}, "large": {"width": 200}})
    output = backfill.run("--prefix", "few/", "--yes")

    assert f"{len(few)} made" in output
    stale = backfill.images("web/few/").keys()
    assert len(stale) == len(few)
    output = backfill.prune("web/few/", "--dry-run")
    assert f"{len(stale)} that no current variant produces" in output
    assert backfill.images("web/few/").keys() == stale
    backfill.prune("web/few/", "--yes")
    assert f"{len(few)} kept: their sources have them" in backfill.prune("small/few/", "--yes")

    after = backfill.images("small/few/", "web/few/", "large/few/")
    stems = {key.removeprefix("few/") for key in few}
    assert after.keys() == {f"{v}/few/{stem}" for v in ("small", "large") for stem in stems}
    assert all(after[key]["ETag"] != before[key]["ETag"] for key in after.keys() & before.keys())
    for key in after:
        assert pipeline.published(key).width == (50 if key.startswith("small") else 200)

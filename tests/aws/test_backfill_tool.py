"""A backfill is surveyed, and its results are read, as they lie in S3."""

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from backfill import order
from backfilling import estimate, results, survey
from backfilling.deployment import BackfillError, Deployment
from backfilling.survey import Survey
from pipeline.backfill import backfill
from pipeline.model import Source
from pipeline.recipes import source_recipe
from pipeline.settings import Settings
from pipeline.storage import Storage

from tests.factories import environment, picture, variants

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEPLOYED = Deployment(
    state_machine_arn="arn:aws:states:eu-west-1:123456789012:stateMachine:backfill",
    source_bucket="source",
    processed_bucket="processed",
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
SETTINGS = Settings.from_environment(
    environment(
        KEY_TEMPLATE="{variant}/{directory}{stem}{extension}",
        VARIANTS=variants(small={"width": 10}, tiny={"width": 5}),
    )
)
MANIFEST = "daily/2026-01-02T01-00Z/manifest.json"


def put(s3: "S3Client", *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket="source", Key=key, Body=picture())


def process(s3: "S3Client", key: str) -> None:
    """Have one source processed as a batch of the backfill does it."""
    head = s3.head_object(Bucket="source", Key=key)
    backfill(
        Source(bucket="source", key=key, etag=head["ETag"].strip('"'), size=head["ContentLength"]),
        SETTINGS,
        Storage(s3, processed_bucket="processed"),
        reviewed_only=False,
        stage=lambda _: nullcontext(),
        complete=lambda _: None,
    )


def surveyed(s3: "S3Client", *, recipe: str | None = None, reviewed_only: bool = False) -> Survey:
    return survey.survey(
        s3,
        survey.listing(s3, DEPLOYED, "in/"),
        DEPLOYED,
        recipe=recipe or source_recipe(SETTINGS),
        reviewed_only=reviewed_only,
    )


def test_what_is_up_to_date_is_not_to_be_made(s3: "S3Client") -> None:
    put(s3, "in/a b+é.jpg", "in/new.jpg", "in/replaced.jpg", "in/notes.txt", "elsewhere/a.jpg")
    process(s3, "in/a b+é.jpg")
    process(s3, "in/replaced.jpg")
    s3.put_object(Bucket="source", Key="in/replaced.jpg", Body=picture(9, 9))

    found = surveyed(s3)

    assert (found.objects, found.sources, found.current, found.to_make) == (4, 3, 1, 2)
    assert found.bytes > 100
    assert found.is_exact


def test_folders_are_not_to_be_made(s3: "S3Client") -> None:
    put(s3, "in/a.jpg")
    s3.put_object(Bucket="source", Key="in/folder/", Body=b"")
    found = survey.listing(s3, replace(DEPLOYED, suffixes=[]), "in/")
    assert (found.objects, found.sources) == (2, 1)


def test_another_recipe_makes_all_again(s3: "S3Client") -> None:
    put(s3, "in/a.jpg")
    process(s3, "in/a.jpg")
    assert surveyed(s3, recipe="another").to_make == 1


def test_what_was_never_published_waits_for_its_review(s3: "S3Client") -> None:
    put(s3, "in/allowed.jpg", "in/new.jpg")
    process(s3, "in/allowed.jpg")
    found = surveyed(s3, recipe="another", reviewed_only=True)
    assert (found.unreviewed, found.to_make) == (1, 1)


def test_of_very_many_a_sample_is_looked_at(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "SAMPLE", 4)
    keys = [f"in/{number}.jpg" for number in range(12)]
    put(s3, *keys)
    for key in keys:
        process(s3, key)
    found = surveyed(s3)
    assert not found.is_exact
    assert (found.sources, found.current, found.to_make) == (12, 12, 0)


def test_the_estimate_counts_the_requests_that_are_made(s3: "S3Client") -> None:
    put(s3, "in/a.jpg")
    made: Counter[str] = Counter()
    s3.meta.events.register("before-call.s3", lambda model, **_: made.update([model.name]))
    process(s3, "in/a.jpg")
    made["HeadObject"] -= 1  # of the test's own
    assert made["GetObject"] + made["HeadObject"] == estimate.GETS_PER_SOURCE + 2
    assert made["PutObject"] == estimate.PUTS_PER_SOURCE + 2
    made.clear()
    process(s3, "in/a.jpg")
    assert made == {"GetObject": 1, "HeadObject": 1}


@pytest.mark.parametrize(
    ("prefix", "trigger", "narrowed"),
    [("", "in/", "in/"), ("in/cats/", "in/", "in/cats/"), ("in/", "", "in/"), ("i", "in/", "in/")],
)
def test_the_narrower_prefix_holds(prefix: str, trigger: str, narrowed: str) -> None:
    assert survey.narrowed(prefix, trigger) == narrowed


def test_a_prefix_beside_the_trigger_is_refused() -> None:
    with pytest.raises(BackfillError, match="trigger_prefix is 'in/'"):
        survey.narrowed("cats/", "in/")


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


def test_of_an_inventory_only_what_can_be_read_now_counts(s3: "S3Client") -> None:
    inventory(s3, ROWS)
    found = survey.inventory(s3, DEPLOYED, "in/", bucket="inventories", key=MANIFEST)
    assert (found.objects, found.sources, found.bytes) == (4, 1, 700)
    [source] = found.sample
    assert (source.key, source.etag) == ("in/a b%.jpg", "e2")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"fileFormat": "ORC"}, "no inventory in CSV"),
        ({"fileSchema": "Bucket, Key"}, "lacks ETag, Size"),
        ({"sourceBucket": "other"}, "is of other, not of source"),
    ],
)
def test_an_inventory_of_no_use_is_refused(
    s3: "S3Client", changes: dict[str, str], complaint: str
) -> None:
    inventory(s3, ROWS, **changes)
    with pytest.raises(BackfillError, match=complaint):
        survey.inventory(s3, DEPLOYED, "in/", bucket="inventories", key=MANIFEST)


def test_an_inventory_that_is_not_there_is_a_sentence(s3: "S3Client") -> None:
    with pytest.raises(BackfillError, match="cannot be read"):
        survey.inventory(s3, DEPLOYED, "in/", bucket="processed", key=MANIFEST)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("s3://inventories/manifest.csv", r"not s3://bucket/…/manifest\.json"),
        ("https://inventories/a/manifest.json", r"not s3://bucket/…/manifest\.json"),
        ("s3://other/a/manifest.json", "may not read other"),
    ],
)
def test_an_address_of_no_use_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(BackfillError, match=complaint):
        order(DEPLOYED, prefix="", manifest=address)


def test_an_order_bounds_what_is_read() -> None:
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
    answer = {
        "statuses": {"published": 1, "rejected": 1},
        "rejections": [{"key": "a.gif", "reason": "unsupported-format", "message": "a gif"}],
        "unreviewed": ["b.jpg"],
    }
    cause = json.dumps({"errorMessage": "S3 does not answer"})
    files = {
        "SUCCEEDED": [batch(2, Status="SUCCEEDED", Output=json.dumps(answer))] * 2,
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
    assert found.failures == {
        "TransientFailure: S3 does not answer": 10,
        "States.Timeout: after 65 seconds": 10,
        "stopped": 4,
    }
    assert found.untried == 3


def test_no_results_are_none(s3: "S3Client") -> None:
    assert results.read(s3, "processed", "results/one/") is None

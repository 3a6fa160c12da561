"""The handler as the state machines call it: step by step, and batch by batch."""

import json
import time
from typing import TYPE_CHECKING, Any

import index
import pytest
from pipeline.errors import DeadlineExceeded, TransientFailure
from pipeline.model import Source

from tests.aws.invoking import (
    NASTY_KEY,
    Context,
    SlowStorage,
    StorageWithout,
    failures,
    handle,
    lines,
    processed_keys,
    upload,
)
from tests.factories import announced, environment, picture, variants

if TYPE_CHECKING:
    import io

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.usefixtures("configured")

TWO = environment(
    VARIANTS=variants(small={"width": 30}, web={"width": 60, "format": "webp"}),
    KEY_TEMPLATE="{variant}/{directory}{stem}{extension}",
)


@pytest.fixture
def two_variants(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VARIANTS", "KEY_TEMPLATE"):
        monkeypatch.setenv(name, TWO[name])


def put(s3: "S3Client", key: str, body: bytes, sequencer: str = "05") -> dict[str, Any]:
    """Put an object into the source bucket and return the event that announces it."""
    etag = s3.put_object(Bucket="source", Key=key, Body=body)["ETag"].strip('"')
    return announced(
        Source(bucket="source", key=key, etag=etag, size=len(body), sequencer=sequencer)
    )


def step(name: str, **passed: Any) -> dict[str, Any]:
    return index.handler({"step": name, "deadline": None, **passed}, Context())


def test_an_event_of_eventbridge_is_processed_as_a_whole(s3: "S3Client") -> None:
    assert index.handler(put(s3, NASTY_KEY, picture()), Context()) == {"published": 1}
    assert processed_keys(s3) == [NASTY_KEY]


@pytest.mark.usefixtures("two_variants")
def test_an_upload_is_published_step_by_step(s3: "S3Client", log: "io.StringIO") -> None:
    inspected = step("inspect", event=put(s3, NASTY_KEY, picture(300, 200)))
    assert inspected["status"] == "inspected"
    assert inspected["variants"] == ["small", "web"]
    assert inspected["picture"]["size"] == {"width": 300, "height": 200}
    assert processed_keys(s3) == []

    source = inspected["source"]
    rendered = [step("render", source=source, variant=name) for name in inspected["variants"]]
    assert [answer["published"]["width"] for answer in rendered] == [30, 60]
    assert processed_keys(s3) == ["small/a b+c%é.jpg", "web/a b+c%é.webp"]

    assert step("record", source=source, rendered=rendered)["status"] == "published"
    said = [line["message"] for line in lines(log.getvalue())]
    assert said == ["inspected", "rendered", "rendered", "published"]
    [published] = [line for line in lines(log.getvalue()) if line["message"] == "published"]
    assert [image["variant"] for image in published["published"]] == ["small", "web"]


@pytest.mark.usefixtures("two_variants")
def test_an_upload_is_counted_once(s3: "S3Client", capsys: pytest.CaptureFixture[str]) -> None:
    source = step("inspect", event=put(s3, "a.jpg", picture()))["source"]
    rendered = [step("render", source=source, variant=name) for name in ("small", "web")]
    step("record", source=source, rendered=rendered)
    rejection = {"reason": "refused", "message": "not in here"}
    step("reject", event={}, source=source, rejection=rejection)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [("Published" in each, "Rejected" in each) for each in metrics] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.usefixtures("two_variants")
def test_a_step_taken_twice_changes_nothing(s3: "S3Client") -> None:
    event = put(s3, "a.jpg", picture())
    inspected = step("inspect", event=event)
    source = inspected["source"]
    rendered = [step("render", source=source, variant=name) for name in ("small", "web")]
    step("record", source=source, rendered=rendered)
    before = s3.list_objects_v2(Bucket="processed")["Contents"]

    assert step("inspect", event=event)["variants"] == []
    assert step("render", source=source, variant="web")["status"] == "current"
    assert step("record", source=source, rendered=[])["status"] == "current"
    assert s3.list_objects_v2(Bucket="processed")["Contents"] == before


@pytest.mark.usefixtures("two_variants")
def test_recording_makes_what_was_not_rendered(s3: "S3Client") -> None:
    source = step("inspect", event=put(s3, "a.jpg", picture()))["source"]
    rendered = [
        step("render", source=source, variant="small"),
        step("render", source=source, variant="is no more"),
    ]
    assert rendered[1]["status"] == "skipped"
    assert step("record", source=source, rendered=rendered)["status"] == "published"
    assert processed_keys(s3) == ["small/a.jpg", "web/a.webp"]


@pytest.mark.usefixtures("two_variants")
def test_a_newer_upload_ends_the_steps_of_an_older_one(s3: "S3Client") -> None:
    event = put(s3, "a.jpg", picture(300, 200))
    source = step("inspect", event=event)["source"]
    rendered = step("render", source=source, variant="small")
    handle(upload(s3, "a.jpg", picture(30, 60), sequencer="06"))

    assert step("render", source=source, variant="web")["status"] == "superseded"
    assert step("record", source=source, rendered=[rendered])["status"] == "superseded"
    assert step("inspect", event=event)["status"] == "superseded"
    stamp = s3.head_object(Bucket="processed", Key="small/a.jpg")["Metadata"]
    assert stamp["source-sequencer"] == "06"


def test_a_rejection_is_reported_by_its_own_step(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str, log: "io.StringIO"
) -> None:
    event = put(s3, "text.jpg", b"no picture")
    inspected = step("inspect", event=event)
    assert inspected["status"] == "rejected"
    assert failures(sqs, failure_queue_url) == []

    step("reject", event=event, source=inspected["source"], rejection=inspected["rejection"])
    [message] = failures(sqs, failure_queue_url)
    assert message["rejection"]["reason"] == "unsupported-format"
    assert message["requestPayload"] == event
    found, reported = lines(log.getvalue())
    assert found["message"] == reported["message"] == "rejected"
    assert reported["reason"] == "unsupported-format"


def test_an_unreadable_event_is_reported_without_a_source(
    sqs: "SQSClient", failure_queue_url: str
) -> None:
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": {}}
    inspected = step("inspect", event=event)
    step("reject", event=event, source=None, rejection=inspected["rejection"])
    [message] = failures(sqs, failure_queue_url)
    assert message["rejection"]["reason"] == "unreadable-event"


@pytest.mark.usefixtures("two_variants")
def test_what_was_put_of_a_refused_upload_is_taken_back(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    event = put(s3, "a.jpg", picture())
    source = step("inspect", event=event)["source"]
    step("render", source=source, variant="small")
    rejection = {"reason": "refused", "message": "not in here"}
    step("reject", event=event, source=source, rejection=rejection)
    assert processed_keys(s3) == []
    [message] = failures(sqs, failure_queue_url)
    assert message["rejection"]["message"] == "not in here"


@pytest.mark.usefixtures("two_variants")
def test_an_inspected_removal_is_done_with(s3: "S3Client") -> None:
    handle(upload(s3, "a.jpg", picture()))
    s3.delete_object(Bucket="source", Key="a.jpg")
    removal = announced(Source(bucket="source", key="a.jpg", etag="", size=0, sequencer="06"))
    answer = step("inspect", event=removal | {"detail-type": "Object Deleted"})
    assert answer == {"status": "removed"}
    assert processed_keys(s3) == []


def test_a_step_gives_up_at_the_deadline(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_storage", lambda: SlowStorage(s3, processed_bucket="processed"))
    start = time.time()
    with pytest.raises(DeadlineExceeded, match="out of time"):
        step("inspect", event=put(s3, "a.jpg", picture()), deadline=(start + 0.3) * 1000)
    assert 0.3 < time.time() - start < 5


def listed(s3: "S3Client", *keys: str) -> list[dict[str, Any]]:
    """Return objects as the ItemReader of Step Functions lists them."""
    heads = {key: s3.head_object(Bucket="source", Key=key) for key in keys}
    return [
        {"Key": key, "Etag": head["ETag"], "Size": head["ContentLength"], "LastModified": 1}
        for key, head in heads.items()
    ]


def backfill(items: list[dict[str, Any]], *, reviewed_only: bool = False) -> dict[str, Any]:
    trigger = {"prefix": "", "suffixes": []}
    passed = {"bucket": "source", "prefix": "", "trigger": trigger, "items": items}
    return step("backfill", reviewed_only=reviewed_only, **passed)


def test_a_batch_is_processed_and_summed_up(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    handle(upload(s3, "old.jpg", picture()))
    upload(s3, "new é.jpg", picture(400, 300))
    upload(s3, "text.jpg", b"no picture")
    answer = backfill(listed(s3, "old.jpg", "new é.jpg", "text.jpg"))
    assert answer["statuses"] == {"current": 1, "published": 1, "rejected": 1}
    [rejection] = answer["rejections"]
    assert (rejection["key"], rejection["reason"]) == ("text.jpg", "unsupported-format")
    assert processed_keys(s3) == ["new é.jpg", "old.jpg"]
    # It is in the summary: a queue is no place for all that is no image in an old bucket.
    assert failures(sqs, failure_queue_url) == []


class StorageWithoutSources(StorageWithout):
    """A storage that cannot read a source."""

    def fetch(self, source: Any, *, max_bytes: int) -> Any:
        raise AssertionError(f"downloaded {source.key}")


def test_what_is_up_to_date_is_not_downloaded(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(upload(s3, "old.jpg", picture()))
    storage = StorageWithoutSources(s3, processed_bucket="processed")
    monkeypatch.setattr(index, "_storage", lambda: storage)
    assert backfill(listed(s3, "old.jpg"))["statuses"] == {"current": 1}


def test_what_is_made_otherwise_now_is_made_again(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(upload(s3, "old.jpg", picture(300, 200)))
    monkeypatch.setenv("VARIANTS", variants(small={"width": 30, "format": "webp"}))
    index._settings.cache_clear()
    assert backfill(listed(s3, "old.jpg"))["statuses"] == {"published": 1}
    assert processed_keys(s3) == ["old.webp"]
    assert backfill(listed(s3, "old.jpg"))["statuses"] == {"current": 1}


def test_a_backfill_does_not_overtake_a_live_upload(s3: "S3Client") -> None:
    upload(s3, "a.jpg", picture(300, 200))
    items = listed(s3, "a.jpg")
    handle(upload(s3, "a.jpg", picture(30, 60)))
    assert backfill(items)["statuses"] == {"superseded": 1}


def test_nothing_is_backfilled_that_no_review_has_allowed(s3: "S3Client") -> None:
    handle(upload(s3, "allowed.jpg", picture()))
    upload(s3, "unknown.jpg", picture())
    answer = backfill(listed(s3, "allowed.jpg", "unknown.jpg"), reviewed_only=True)
    assert answer["statuses"] == {"current": 1, "unreviewed": 1}
    assert answer["unreviewed"] == ["unknown.jpg"]
    assert processed_keys(s3) == ["allowed.jpg"]


def test_a_batch_fails_when_the_rest_of_it_is_done(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = StorageWithout(s3, processed_bucket="processed")
    monkeypatch.setattr(index, "_storage", lambda: storage)
    upload(s3, "unlucky.jpg", picture())
    upload(s3, "a.jpg", picture())
    with pytest.raises(TransientFailure):
        backfill(listed(s3, "unlucky.jpg", "a.jpg"))
    assert processed_keys(s3) == ["a.jpg"]


def test_the_recipe_is_that_of_the_manifests(s3: "S3Client") -> None:
    handle(upload(s3, "a.jpg", picture()))
    [manifest] = s3.list_objects_v2(Bucket="processed", Prefix=".pipeline/")["Contents"]
    body = s3.get_object(Bucket="processed", Key=manifest["Key"])["Body"].read().decode()
    assert step("recipe")["recipe"] in body

"""The handler as a state machine calls it: inspect, publish, and a batch of a backfill."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, BinaryIO

import index
import pytest
from pipeline.errors import DeadlineExceeded, TransientFailure
from pipeline.model import Cause, Limits, Request
from pipeline.sandbox import InProcess
from pipeline.sandbox.in_process import OpenedInProcess

from tests.aws.invoking import failures, handle, processed_keys, upload
from tests.factories import Context, eventbridge_event, picture, record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.usefixtures("configured")

TRIGGER = {"prefix": "", "suffixes": []}


@pytest.fixture
def reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUST_BE_REVIEWED", "true")


def step(name: str, event: Any, **fields: Any) -> dict[str, Any]:
    response: dict[str, Any] = index.handler({"step": name, "event": event, **fields}, Context())
    return response


def events_of(s3: "S3Client", key: str, body: bytes) -> tuple[list[dict[str, Any]], str]:
    """Upload *body*; return the event in both forms, and the version."""
    announced = upload(s3, key, body)
    version = announced["s3"]["object"]["versionId"]
    request = Request(bucket="source", key=key, cause=Cause.UPLOAD, version=version)
    return [{"Records": [announced]}, eventbridge_event(request)], version


@pytest.mark.parametrize("shape", [0, 1])
def test_an_inspection_reports_a_missing_source(s3: "S3Client", shape: int) -> None:
    events, version = events_of(s3, "a b.jpg", picture())
    response = step("inspect", events[shape])
    assert (response["status"], response["variants"]) == ("inspected", ["default"])
    assert (response["source"]["key"], response["source"]["version"]) == ("a b.jpg", version)
    assert processed_keys(s3) == []


@pytest.mark.usefixtures("reviewed")
@pytest.mark.parametrize("shape", [0, 1])
def test_the_reviewed_version_is_published(s3: "S3Client", shape: int) -> None:
    events, version = events_of(s3, "a.jpg", picture())
    assert step("publish", events[shape], version=version, refusal=None)["status"] == "published"
    assert processed_keys(s3) == ["a.jpg"]


@pytest.mark.usefixtures("reviewed")
def test_another_version_is_not_published(s3: "S3Client") -> None:
    events, version = events_of(s3, "a.jpg", picture())
    upload(s3, "a.jpg", picture(9, 9))
    assert step("publish", events[0], version=version, refusal=None)["status"] == "superseded"
    assert processed_keys(s3) == []


@pytest.mark.usefixtures("reviewed")
def test_a_refusal_is_reported_once(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    events, version = events_of(s3, "a.jpg", picture())
    response = step("publish", events[0], version=version, refusal="no cats here")
    assert response["status"] == "rejected"
    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "refused"
    assert failure["rejection"]["message"] == "no cats here"
    assert failure["requestPayload"] == events[0]


@pytest.mark.usefixtures("reviewed")
def test_an_upload_without_a_review_is_reported_and_not_published(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    assert handle(upload(s3, "a.jpg", picture())) == {"unreviewed": 1}
    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "unreviewed"
    assert failure["rejection"]["source"]["key"] == "a.jpg"
    assert processed_keys(s3) == []


def test_an_event_of_several_uploads_is_rejected(
    s3: "S3Client", sqs: "SQSClient", failure_queue_url: str
) -> None:
    event = {"Records": [record("a.jpg"), record("b.jpg")]}
    assert step("publish", event)["status"] == "rejected"
    [failure] = failures(sqs, failure_queue_url)
    assert failure["rejection"]["reason"] == "unreadable-event"


@pytest.mark.parametrize("name", ["inspect", "publish"])
def test_no_step_starts_after_the_deadline(s3: "S3Client", name: str) -> None:
    events, _ = events_of(s3, "a.jpg", picture())
    with pytest.raises(DeadlineExceeded, match="out of time"):
        step(name, events[0], deadline=1)
    assert processed_keys(s3) == []


class Slow(InProcess):
    """A renderer that uses up its time for a large file."""

    orders: list[int]
    patience: float

    @contextmanager
    def open(
        self,
        file: BinaryIO,
        limits: Limits,
        *,
        deadline: float | None = None,
        reopen: Callable[[], BinaryIO] | None = None,
    ) -> Iterator[OpenedInProcess]:
        with super().open(file, limits, deadline=deadline) as opened:
            self.orders.append(opened.info.size.width)
            assert deadline is not None
            if opened.info.size.width == 999 and deadline - monotonic() < self.patience:
                sleep(max(0, deadline - monotonic()))
                raise TransientFailure("out of time")
            yield opened


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    renderer = Slow()
    renderer.orders = []
    renderer.patience = 1.5
    monkeypatch.setattr(index, "_renderer", lambda: renderer)
    return renderer


def batch(s3: "S3Client", retry: int = 0) -> dict[str, Any]:
    """Process the whole source bucket in an invocation of 2.5 seconds."""
    listed = s3.list_objects_v2(Bucket="source")["Contents"]
    items = [
        {"Key": entry["Key"], "Etag": entry["ETag"], "Size": entry["Size"]} for entry in listed
    ]
    event = {"step": "backfill", "bucket": "source", "items": items, "prefix": "", "retry": retry}
    response: dict[str, Any] = index.handler(event | {"trigger": TRIGGER}, Context(3000))
    return response


def test_a_slow_file_does_not_delay_the_others(s3: "S3Client", slow: Slow) -> None:
    upload(s3, "a.jpg", picture(999, 9))
    for name in ("b.jpg", "c.jpg", "d.jpg"):
        upload(s3, name, picture(30, 20))
    assert batch(s3)["statuses"] == {"published": 4}  # the slow one in the remaining time
    assert slow.orders == [999, 30, 30, 30, 999]


def test_a_retry_starts_with_another_file(s3: "S3Client", slow: Slow) -> None:
    for width, name in enumerate(("a.jpg", "b.jpg", "c.jpg"), 10):
        upload(s3, name, picture(width, 9))
    batch(s3, retry=1)
    assert slow.orders == [12, 10, 11]


def test_a_batch_lists_unsuccessful_objects(s3: "S3Client") -> None:
    upload(s3, "a.jpg", picture())
    upload(s3, "b.jpg", b"no picture")
    response = batch(s3)
    assert response["statuses"] == {"published": 1, "rejected": 1}
    [rejection] = response["rejections"]
    assert (rejection["key"], rejection["reason"]) == ("b.jpg", "unsupported-format")
    assert batch(s3)["statuses"] == {"current": 1, "rejected": 1}


def test_a_batch_of_processed_objects_is_pruned(s3: "S3Client") -> None:
    handle(upload(s3, "a.jpg", picture()))
    s3.copy_object(Bucket="processed", Key="old.jpg", CopySource="processed/a.jpg")
    event = {"step": "prune", "bucket": "source", "items": [{"Key": "a.jpg"}, {"Key": "old.jpg"}]}
    response = index.handler(event | {"prune": {"dry_run": False, "gone": False}}, Context())
    assert response["statuses"] == {"kept": 1, "stale": 1}
    assert processed_keys(s3) == ["a.jpg"]

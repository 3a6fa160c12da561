"""Records and completion events, from the handler to DynamoDB and EventBridge."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import index
import pytest
from pipeline.aws.table import Table
from pipeline.errors import TransientFailure
from pipeline.model import Outcome, Status
from pipeline.records import Record, State, of_outcome

from tests.aws.invoking import NASTY_KEY, failures, handle, upload
from tests.factories import picture, record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.usefixtures("configured")

Announced = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def table(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Table:
    """Turn records on, and return them."""
    monkeypatch.setenv("METADATA", json.dumps({"table": "records"}))
    return Table(dynamodb, "records")


@pytest.fixture
def announced(sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch) -> Announced:
    """Turn events on, and return what takes those that have come from a rule's target."""
    monkeypatch.setenv("COMPLETION_BUS", "default")
    events: Any = boto3.client("events")
    url = sqs.create_queue(QueueName="announced")["QueueUrl"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["image-pipeline"]}))
    arn = "arn:aws:sqs:eu-west-1:123456789012:announced"
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
    return lambda: failures(sqs, url)


def removed(source_key: str = "a.jpg", **changes: Any) -> Record:
    now = datetime.now(UTC)
    record = of_outcome(
        Outcome(status=Status.REMOVED, confirmed_at=now),
        source_key=source_key,
        bucket="source",
        started_at=now,
        now=now,
    )
    return replace(record, **changes)


def throttled(*_: Any, **__: Any) -> None:
    raise TransientFailure("throttled")


def timeless(fields: Any) -> dict[str, Any]:
    """Return *fields* without the one that a record has of an earlier moment."""
    return {name: value for name, value in fields.items() if name != "confirmed_at"}


def test_an_upload_is_recorded_with_its_images(s3: "S3Client", table: Table) -> None:
    handle(upload(s3, "a.jpg", picture(300, 200)))
    record = table.get("a.jpg")
    assert record
    assert (record["status"], record["width"], record["height"]) == ("ready", 300, 200)
    [image] = record["images"]
    there = s3.head_object(Bucket="processed", Key=image["key"])
    assert (image["etag"], image["bytes"]) == (there["ETag"].strip('"'), there["ContentLength"])
    assert record["placeholder"]
    assert record["dominant_color"].startswith("#")


def test_a_duplicate_event_leaves_the_record_as_it_was(s3: "S3Client", table: Table) -> None:
    event = upload(s3, "a.jpg", picture())
    handle(event)
    before = table.get("a.jpg")
    assert handle(event) == {"current": 1}
    assert table.get("a.jpg") == before


def test_a_record_that_could_not_be_written_is_written_by_the_next_try(
    s3: "S3Client", table: Table, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = upload(s3, "a.jpg", picture())
    with monkeypatch.context() as unlucky:
        unlucky.setattr(Table, "put", throttled)
        with pytest.raises(TransientFailure, match="throttled"):
            handle(event)
        assert announced() == []
    assert handle(event) == {"current": 1}
    record = table.get("a.jpg")
    assert record
    assert record["placeholder"]  # though nothing was rendered this time
    assert len(announced()) == 1


def test_an_event_that_could_not_be_put_is_put_by_the_next_try(
    s3: "S3Client", table: Table, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = upload(s3, "a.jpg", picture())
    with monkeypatch.context() as unlucky:
        unlucky.setenv("COMPLETION_BUS", "gone")
        with pytest.raises(TransientFailure, match="cannot send a completion event"):
            handle(event)
    index._settings.cache_clear()
    index._pipeline.cache_clear()
    index._completion_bus.cache_clear()
    handle(event)
    assert len(announced()) == 1


def test_a_rejection_is_recorded_and_announced_with_its_reason(
    s3: "S3Client", table: Table, announced: Announced
) -> None:
    handle(upload(s3, "text.jpg", b"just text"))
    record = table.get("text.jpg")
    assert record
    assert (record["status"], record["reason"]) == ("rejected", "unsupported-format")
    [event] = announced()
    assert event["detail-type"] == "Image Rejected"
    assert timeless(event["detail"]) == timeless(record)


def test_an_event_says_what_the_record_says(
    s3: "S3Client", table: Table, announced: Announced
) -> None:
    handle(upload(s3, "a.jpg", picture()))
    [event] = announced()
    assert (event["source"], event["detail-type"]) == ("image-pipeline", "Image Processed")
    assert timeless(event["detail"]) == timeless(table.get("a.jpg"))
    assert event["detail"]["confirmed_at"] >= event["detail"]["started_at"][:19]


def test_events_need_no_records(s3: "S3Client", announced: Announced) -> None:
    handle(upload(s3, "a.jpg", picture()))
    assert [event["detail"]["source_key"] for event in announced()] == ["a.jpg"]


def test_a_removal_is_recorded_but_not_announced(
    s3: "S3Client", table: Table, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMOVE_DELETED", "true")
    handle(upload(s3, "a.jpg", picture()))
    s3.delete_object(Bucket="source", Key="a.jpg")
    assert handle(record("a.jpg", name="ObjectRemoved:Delete")) == {"removed": 1}
    fields = table.get("a.jpg")
    assert fields
    assert fields["status"] == "deleted"
    assert "images" not in fields
    assert [event["detail-type"] for event in announced()] == ["Image Processed"]


def test_nothing_is_recorded_or_announced_unless_it_is_on(
    s3: "S3Client", dynamodb: "DynamoDBClient"
) -> None:
    handle(upload(s3, "a.jpg", picture()))
    assert dynamodb.scan(TableName="records")["Items"] == []
    assert index._table() is None
    assert index._completion_bus() is None


def test_records_expire_when_that_is_wanted(dynamodb: "DynamoDBClient") -> None:
    table = Table(dynamodb, "records", days_kept=7)
    table.put(removed(), over=None)
    record = table.get("a.jpg")
    assert record
    in_days = (record["expires_at"] - datetime.now(UTC).timestamp()) / 86400
    assert in_days == pytest.approx(7, abs=0.01)


def test_a_record_replaces_only_the_one_that_was_read(table: Table) -> None:
    assert table.put(removed(), over=None)
    first = table.get("a.jpg")
    assert not table.put(removed(), over=None)
    assert table.put(removed(updated_at="2026-01-01T00:00:00.000+00:00"), over=first)
    assert not table.put(removed(), over=first)
    now = table.get("a.jpg")
    assert now
    assert now["updated_at"] == "2026-01-01T00:00:00.000+00:00"


def test_the_most_recent_come_first_in_pages(table: Table) -> None:
    for number in range(5):
        at = f"2026-01-01T00:00:0{number}.000+00:00"
        table.put(removed(f"{number}", status=State.READY, updated_at=at), over=None)
    table.put(removed("bad", status=State.REJECTED), over=None)
    first = table.recent(State.READY, owner=None, limit=3, after=None)
    second = table.recent(State.READY, owner=None, limit=3, after=first.next)
    assert [record["source_key"] for record in first.records] == ["4", "3", "2"]
    assert [record["source_key"] for record in second.records] == ["1", "0"]
    assert second.next is None
    rejected = table.recent(State.REJECTED, owner=None, limit=3, after=None)
    assert [record["source_key"] for record in rejected.records] == ["bad"]


def test_everyone_has_a_list_of_ones_own(s3: "S3Client", table: Table) -> None:
    for key in ("uploads/alice/a.jpg", "uploads/bob/b.jpg", "c.jpg"):
        handle(upload(s3, key, picture()))
    page = table.recent(State.READY, owner="alice", limit=3, after=None)
    assert [record["source_key"] for record in page.records] == ["uploads/alice/a.jpg"]


def test_a_table_that_cannot_be_reached_is_a_transient_failure(
    dynamodb: "DynamoDBClient",
) -> None:
    table = Table(dynamodb, "no-such-table")
    for call in (
        lambda: table.put(removed(), over=None),
        lambda: table.get("a.jpg"),
        lambda: table.recent(State.READY, owner=None, limit=1, after=None),
    ):
        with pytest.raises(TransientFailure):
            call()


def test_record_and_event_have_the_urls_of_a_cdn(
    s3: "S3Client", table: Table, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDN_URL", "https://images.example.com")
    handle(upload(s3, NASTY_KEY, picture()))
    [event] = announced()
    for fields in (event["detail"], table.get(NASTY_KEY)):
        assert fields
        [image] = fields["images"]
        assert image["url"] == "https://images.example.com/a%20b%2Bc%25%C3%A9.jpg"


def test_a_record_from_before_the_cdn_gets_its_urls_without_a_new_image(
    s3: "S3Client", table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = upload(s3, "a.jpg", picture())
    handle(event)
    monkeypatch.setenv("CDN_URL", "https://images.example.com")
    index._settings.cache_clear()
    index._pipeline.cache_clear()
    assert handle(event) == {"current": 1}
    record = table.get("a.jpg")
    assert record
    assert record["images"][0]["url"] == "https://images.example.com/a.jpg"

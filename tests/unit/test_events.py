"""Events are parsed into sources, with the keys that users chose."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from pipeline import events
from pipeline.errors import ConfigurationError, ImageTooLarge, UnreadableEvent
from pipeline.model import Cause, Format, ImageInfo, Outcome, Request, Size, Source, Status

from tests.factories import eventbridge_event, record

NASTY_KEYS = [
    "plain.jpg",
    "a b+c%é.png",
    "100%.jpg",
    "a+b%2Bc.png",
    "катя/ネコ 🐈.webp",
    "../up.jpg",
    "/leading.jpg",
    "line\nbreak\ttab.jpg",
    "x" * 1024,
    "é" * 512,
]


def read(record: Any) -> Request:
    """Return the request of a readable record."""
    request = events.request(record)
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize("key", NASTY_KEYS)
def test_keys_are_decoded_once(key: str) -> None:
    assert read(record(key)).key == key


def test_a_record_as_documented_by_aws_is_read() -> None:
    # "Event message structure", Amazon S3 user guide, shortened.
    documented = {
        "eventVersion": "2.2",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventTime": "1970-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:CompleteMultipartUpload",
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "images",
            "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
            "object": {
                "key": "red+flower.jpg",
                "size": 1024,
                "eTag": "0123456789abcdef0123456789abcdef-2",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    assert events.request(documented) == Request(
        bucket="photos",
        key="red flower.jpg",
        cause=Cause.UPLOAD,
        version="096fKKXTRTtl3on89fVO.nfljtsv6qko",
        occurred_at=datetime(1970, 1, 1, tzinfo=UTC),
    )


def test_an_upload_to_a_bucket_without_versions_has_none() -> None:
    assert read(record("a.jpg")).version == ""


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"])
def test_a_removal_is_read(name: str) -> None:
    removed = record("a b.jpg", name=name)
    del removed["s3"]["object"]["size"], removed["s3"]["object"]["eTag"]
    assert (read(removed).key, read(removed).cause) == ("a b.jpg", Cause.REMOVAL)


def test_the_test_event_has_no_records() -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}
    assert list(events.records(event)) == []


@pytest.mark.parametrize("event", [{}, {"Records": "none"}, {"detail-type": "Object Created"}])
def test_an_event_of_another_kind_is_a_configuration_error(event: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="not an S3 notification"):
        events.records(event)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"eventName": "ObjectCreated:Put"},
        {"eventName": "ObjectCreated:Put", "s3": None},
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {}}},
        {**record("a.jpg"), "eventName": "ObjectTagging:Put"},
        {**record("a.jpg"), "eventName": None},
        {**record("a.jpg"), "eventTime": "yesterday"},
    ],
)
def test_a_broken_record_is_unreadable(broken: dict[str, object]) -> None:
    assert isinstance(events.request(broken), UnreadableEvent)


@pytest.mark.parametrize("broken", [None, "x", "detail", 7, [], ["detail"]])
def test_a_record_that_is_not_an_object_is_unreadable_and_passed_on_unchanged(broken: Any) -> None:
    event = {"Records": [broken]}
    [record] = events.records(event)
    assert isinstance(events.request(record), UnreadableEvent)
    assert events.single_record_event(record) == event


def test_a_key_that_is_not_utf_8_is_unreadable() -> None:
    broken = record("a.jpg")
    broken["s3"]["object"]["key"] = "%FF.jpg"
    assert isinstance(events.request(broken), UnreadableEvent)


@pytest.mark.parametrize("key", NASTY_KEYS)
@pytest.mark.parametrize("cause", [Cause.UPLOAD, Cause.REMOVAL])
def test_keys_from_eventbridge_are_not_decoded(key: str, cause: Cause) -> None:
    now = datetime.now(UTC)
    request = Request(bucket="source", key=key, cause=cause, version="v", occurred_at=now)
    assert events.request(eventbridge_event(request)) == request


def test_an_event_of_eventbridge_as_documented_by_aws_is_read() -> None:
    # "EventBridge event message structure", Amazon S3 user guide.
    documented = {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2021-11-12T00:00:00Z",
        "region": "ca-central-1",
        "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
        "detail": {
            "version": "0",
            "bucket": {"name": "amzn-s3-demo-bucket1"},
            "object": {
                "key": "example-key",
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": "617f08299329d189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "1.2.3.4",
            "reason": "PutObject",
        },
    }
    [record] = events.records(documented)
    assert events.request(record) == Request(
        bucket="amzn-s3-demo-bucket1",
        key="example-key",
        cause=Cause.UPLOAD,
        version="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        occurred_at=datetime(2021, 11, 12, tzinfo=UTC),
    )


def test_other_events_of_eventbridge_are_unreadable() -> None:
    event = eventbridge_event(read(record("a.jpg")))
    differences: list[dict[str, Any]] = [
        {"detail-type": "Object Restore Completed"},
        {"detail": {}},
    ]
    for difference in differences:
        assert isinstance(events.request(event | difference), UnreadableEvent)


@pytest.mark.parametrize(
    "event", [{"Records": [record("a b.jpg")]}, eventbridge_event(read(record("a b.jpg")))]
)
def test_a_step_accepts_an_event_in_either_form(event: dict[str, Any]) -> None:
    request = events.from_step({"event": event, "version": "v7", "refusal": "too loud"})
    assert isinstance(request, Request)
    assert (request.key, request.reviewed_version, request.refusal) == ("a b.jpg", "v7", "too loud")


def test_a_step_accepts_only_one_upload() -> None:
    event = {"event": {"Records": [record("a.jpg"), record("b.jpg")]}}
    assert isinstance(events.from_step(event), UnreadableEvent)


INFO = ImageInfo(format=Format.PNG, size=Size(width=3, height=2), frames=1, has_alpha=True)
SOURCE = Source(bucket="source", key="é.png", etag="e", size=9, version="v")


def test_an_inspection_describes_the_upload_to_the_review() -> None:
    outcome = Outcome(status=Status.INSPECTED, source=SOURCE, info=INFO, missing=("small", "web"))
    response = json.loads(json.dumps(events.step_response(outcome)))
    assert (response["status"], response["variants"]) == ("inspected", ["small", "web"])
    assert (response["source"]["key"], response["source"]["version"]) == ("é.png", "v")
    assert response["picture"]["size"] == {"width": 3, "height": 2}


def test_a_batch_returns_counts_and_unsuccessful_objects() -> None:
    rejection = ImageTooLarge("300 megapixels")
    response = events.batch_response(
        [
            Outcome(status=Status.PUBLISHED, source=SOURCE),
            Outcome(status=Status.REJECTED, source=SOURCE, rejection=rejection),
            Outcome(status=Status.UNREVIEWED, source=SOURCE),
        ]
    )
    assert response == {
        "statuses": {"published": 1, "rejected": 1, "unreviewed": 1},
        "rejections": [{"key": "é.png", "reason": "image-too-large", "message": "300 megapixels"}],
        "unreviewed": ["é.png"],
        "gone": [],
        "unresolved": [],
    }


TRIGGER = {"prefix": "", "suffixes": []}


def batch(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"bucket": "source", "prefix": "", "trigger": TRIGGER, "items": list(items), **changes}


@pytest.mark.parametrize("key", NASTY_KEYS)
def test_an_object_is_read_from_a_listing_and_from_an_inventory(key: str) -> None:
    # As the ItemReader of Step Functions gives them: "ItemReader (Map)" in its developer guide.
    listing = {"Etag": '"e"', "Key": key, "Size": 9, "StorageClass": "STANDARD"}
    inventory = {
        "Bucket": "source",
        "Key": quote_plus(key),
        "VersionId": "v",
        "IsLatest": "true",
        "IsDeleteMarker": "false",
        "Size": "9",
        "ETag": "e",
        "StorageClass": "STANDARD",
    }
    items = events.batch_items(batch(listing, inventory))
    assert [events.from_listing("source", item) for item in items] == [
        Request(bucket="source", key=key, cause=Cause.LISTING, etag="e")
    ] * 2


@pytest.mark.parametrize(
    "difference",
    [
        {"Bucket": "another"},
        {"IsLatest": "false"},
        {"IsDeleteMarker": "true"},
        {"StorageClass": "DEEP_ARCHIVE"},
        {"Key": "dogs/rex.jpg"},
        {"Key": "cats/tom.txt"},
        {"Key": "cats/old/tom.jpg"},
    ],
)
def test_a_batch_contains_only_objects_that_match_the_trigger(difference: dict[str, str]) -> None:
    item = {"Bucket": "source", "Key": "cats/new/tom.jpg", "Size": "9", "ETag": "e"}
    trigger = {"prefix": "cats/", "suffixes": [".jpg", ".png"]}
    event = batch(item, item | difference, trigger=trigger, prefix="cats/new/")
    assert events.batch_items(event) == [item]


def test_an_object_without_an_etag_is_unreadable() -> None:
    assert isinstance(events.from_listing("source", {"Key": "a.jpg"}), UnreadableEvent)

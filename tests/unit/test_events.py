"""Events become sources, with keys as the user wrote them."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from pipeline import events
from pipeline.errors import ConfigurationError, ImageTooLarge, UnreadableEvent
from pipeline.model import Format, Outcome, Picture, Published, Removal, Size, Source, Status

from tests.factories import announced, record

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


@pytest.mark.parametrize("key", NASTY_KEYS)
def test_keys_are_decoded_once(key: str) -> None:
    assert events.request(record(key)).key == key


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
    source = events.request(documented)
    assert isinstance(source, Source)
    assert source.bucket == "photos"
    assert source.key == "red flower.jpg"
    assert source.size == 1024
    assert source.etag == "0123456789abcdef0123456789abcdef-2"
    assert source.version == "096fKKXTRTtl3on89fVO.nfljtsv6qko"
    assert source.sequencer == "0055AED6DCD90281E5"


def test_version_and_sequencer_may_be_missing() -> None:
    bare = record("a.jpg")
    del bare["s3"]["object"]["sequencer"]
    source = events.request(bare)
    assert isinstance(source, Source)
    assert (source.version, source.sequencer) == ("", "")


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"])
def test_a_removal_is_read(name: str) -> None:
    removed = record("a b.jpg", sequencer="07")
    removed["eventName"] = name
    del removed["s3"]["object"]["size"], removed["s3"]["object"]["eTag"]
    assert events.request(removed) == Removal(bucket="source", key="a b.jpg", sequencer="07")


def test_the_test_event_has_no_records() -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}
    assert list(events.records(event)) == []


@pytest.mark.parametrize("event", [{}, {"Records": "none"}, {"detail-type": "Object Created"}])
def test_an_event_of_another_kind_is_a_wiring_fault(event: dict[str, object]) -> None:
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
    ],
)
def test_a_broken_record_is_rejected(broken: dict[str, object]) -> None:
    with pytest.raises(UnreadableEvent):
        events.request(broken)


@pytest.mark.parametrize("broken", [None, "x", "detail", 7, [], ["detail"]])
def test_a_record_that_is_no_object_is_rejected_and_passed_on_as_it_came(broken: Any) -> None:
    event = {"Records": [broken]}
    [record] = events.records(event)
    assert events.deadline(record) is None
    with pytest.raises(UnreadableEvent):
        events.request(record)
    assert events.of(record) == event


def test_a_key_that_is_not_utf_8_is_rejected() -> None:
    broken = record("a.jpg")
    broken["s3"]["object"]["key"] = "%FF.jpg"
    with pytest.raises(UnreadableEvent):
        events.request(broken)


@pytest.mark.parametrize("key", NASTY_KEYS)
def test_keys_from_eventbridge_are_taken_as_they_are(key: str) -> None:
    source = Source(bucket="source", key=key, etag="e", size=1, sequencer="05", version="v")
    removal = Removal(bucket="source", key=key, sequencer="05")
    assert events.request(announced(source)) == source
    assert events.request(announced(removal)) == removal


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
    assert events.request(record) == Source(
        bucket="amzn-s3-demo-bucket1",
        key="example-key",
        etag="b1946ac92492d2347c6235b4d2611184",
        size=5,
        sequencer="617f08299329d189",
        version="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
    )


def test_other_events_of_eventbridge_are_unreadable() -> None:
    event = announced(Removal(bucket="source", key="a.jpg"))
    with pytest.raises(UnreadableEvent, match="Object Restore Completed"):
        events.request(event | {"detail-type": "Object Restore Completed"})
    with pytest.raises(UnreadableEvent, match="bucket"):
        events.request(event | {"detail": {}})


@pytest.mark.parametrize(
    "event", [{"Records": [record("a b.jpg")]}, announced(events.request(record("a b.jpg")))]
)
def test_a_step_takes_an_event_of_either_shape(event: dict[str, Any]) -> None:
    assert events.announced({"step": "inspect", "event": event}).key == "a b.jpg"


def test_a_step_takes_one_upload_only() -> None:
    with pytest.raises(UnreadableEvent, match="2 records"):
        events.announced({"event": {"Records": [record("a.jpg"), record("b.jpg")]}})


PICTURE = Picture(format=Format.PNG, size=Size(width=3, height=2), frames=1, has_alpha=True)
IMAGE = Published(variant="small", key="é.png", format=Format.PNG, width=3, height=2, bytes=70)
SOURCE = Source(bucket="source", key="é.png", etag="e", size=9, sequencer="05", version="v")


def through_json(answer: dict[str, Any]) -> Any:
    """Return *answer* as the next step gets it."""
    return json.loads(json.dumps(answer))


def test_what_one_step_answers_the_next_one_reads() -> None:
    inspected = Outcome(
        status=Status.INSPECTED, source=SOURCE, picture=PICTURE, missing=("small", "web")
    )
    answer = through_json(events.answer(inspected))
    assert answer["variants"] == ["small", "web"]
    assert events.source(answer) == SOURCE

    rendered = Outcome(status=Status.RENDERED, source=SOURCE, picture=PICTURE, published=(IMAGE,))
    gone = Outcome(status=Status.SKIPPED, source=SOURCE)
    answers = [through_json(events.answer(outcome)) for outcome in (rendered, gone)]
    [ahead] = events.ahead({"rendered": answers})
    assert (ahead.picture, ahead.published) == (PICTURE, (IMAGE,))


def test_a_rejection_passes_through_the_steps() -> None:
    rejection = ImageTooLarge("300 megapixels", found={"width": 30_000})
    outcome = Outcome(status=Status.REJECTED, source=SOURCE, rejection=rejection)
    read = events.rejected(through_json(events.answer(outcome)))
    assert (type(read), str(read), read.found) == (ImageTooLarge, "300 megapixels", rejection.found)


def test_a_rejection_for_an_unknown_reason_is_none() -> None:
    with pytest.raises(ValueError, match="'boredom'"):
        events.rejected({"rejection": {"reason": "boredom", "message": ""}})


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
    items = events.items(batch(listing, inventory))
    assert [events.listed("source", item) for item in items] == [
        Source(bucket="source", key=key, etag="e", size=9)
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
def test_a_batch_is_of_what_the_trigger_looks_at(difference: dict[str, str]) -> None:
    item = {"Bucket": "source", "Key": "cats/new/tom.jpg", "Size": "9", "ETag": "e"}
    trigger = {"prefix": "cats/", "suffixes": [".jpg", ".png"]}
    event = batch(item, item | difference, trigger=trigger, prefix="cats/new/")
    assert events.items(event) == [item]


def test_an_object_without_an_etag_is_unreadable() -> None:
    with pytest.raises(UnreadableEvent, match="Etag"):
        events.listed("source", {"Key": "a.jpg", "Size": 9})

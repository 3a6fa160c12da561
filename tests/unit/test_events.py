"""Events become sources, with keys as the user wrote them."""

import pytest
from pipeline import events
from pipeline.errors import ConfigurationError, UnreadableEvent
from pipeline.model import Removal, Source

from tests.factories import record

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


def test_a_key_that_is_not_utf_8_is_rejected() -> None:
    broken = record("a.jpg")
    broken["s3"]["object"]["key"] = "%FF.jpg"
    with pytest.raises(UnreadableEvent):
        events.request(broken)

"""The contents of a record, and reading it back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pipeline.errors import CorruptImage
from pipeline.model import Format, Image, ImageInfo, Outcome, Size, Source, Status
from pipeline.records import Record, State, image_info_of, images_of, of_outcome

SOURCE = Source(bucket="source", key="uploads/alice/a.jpg", etag="e1", size=1000, version="v1")
PUBLISHED = Outcome(
    status=Status.PUBLISHED,
    source=SOURCE,
    info=ImageInfo(
        format=Format.JPEG,
        size=Size(width=300, height=200),
        frames=1,
        has_alpha=False,
        dominant_color="#c81e3c",
        placeholder="1QcSHQ==",
        warnings={"icc_profile": "damaged"},
        digital_source_type="trainedAlgorithmicMedia",
        has_c2pa=True,
        exif={"camera": "Canon EOS R5"},
    ),
    images=(
        Image(
            variant="web",
            key="a.webp",
            etag='"e2"',
            format=Format.WEBP,
            width=60,
            height=40,
            bytes=99,
            warnings={"over_limit_by": 12},
        ),
    ),
    confirmed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def record(outcome: Outcome, key: str = SOURCE.key, cdn_url: str | None = None) -> Record:
    now = datetime.now(UTC)
    return of_outcome(
        replace(outcome, confirmed_at=PUBLISHED.confirmed_at),
        source_key=key,
        bucket="source",
        cdn_url=cdn_url,
        started_at=now - timedelta(milliseconds=500),
        now=now,
    )


def test_a_record_contains_everything_about_an_upload() -> None:
    fields = record(PUBLISHED).fields()
    assert fields.pop("milliseconds") == 500
    assert fields.pop("started_at") < fields.pop("updated_at")
    assert fields == {
        "source_key": "uploads/alice/a.jpg",
        "owner": "alice",
        "bucket": "source",
        "status": "ready",
        "etag": "e1",
        "version": "v1",
        "confirmed_at": "2026-01-02T03:04:05+00:00",
        "bytes": 1000,
        "format": "jpeg",
        "width": 300,
        "height": 200,
        "frames": 1,
        "has_alpha": False,
        "dominant_color": "#c81e3c",
        "placeholder": "1QcSHQ==",
        "warnings": {"icc_profile": "damaged"},
        "digital_source_type": "trainedAlgorithmicMedia",
        "has_c2pa": True,
        "exif": {"camera": "Canon EOS R5"},
        "images": [
            {
                "variant": "web",
                "key": "a.webp",
                "format": "webp",
                "width": 60,
                "height": 40,
                "bytes": 99,
                "etag": "e2",
                "warnings": {"over_limit_by": 12},
            }
        ],
    }


def test_images_have_urls_if_there_is_a_cdn() -> None:
    [image] = record(PUBLISHED, cdn_url="https://images.example.com").fields()["images"]
    assert image["url"] == "https://images.example.com/a.webp"


def test_a_rejection_is_recorded_with_its_reason_and_without_images() -> None:
    rejection = CorruptImage("it ends too soon", details={"format": "jpeg"})
    fields = record(Outcome(status=Status.REJECTED, source=SOURCE, rejection=rejection)).fields()
    assert (fields["status"], fields["reason"]) == ("rejected", "corrupt-image")
    assert (fields["message"], fields["details"]) == ("it ends too soon", {"format": "jpeg"})
    assert (fields["etag"], fields["bytes"]) == ("e1", 1000)
    assert "images" not in fields


@pytest.mark.parametrize("cdn_url", [None, "https://images.example.com"])
def test_a_record_survives_a_round_trip(cdn_url: str | None) -> None:
    fields = record(PUBLISHED, cdn_url=cdn_url).fields()
    assert image_info_of(fields) == PUBLISHED.info
    assert images_of(fields) == PUBLISHED.images


def test_a_removal_is_recorded_as_deleted() -> None:
    gone = record(Outcome(status=Status.REMOVED))
    assert (gone.status, gone.etag) == (State.DELETED, "")
    assert "images" not in gone.fields()


@pytest.mark.parametrize("key", ["a.jpg", "uploads/a.jpg", "uploads//a.jpg", "my/uploads/a/b.jpg"])
def test_an_upload_outside_the_upload_api_has_no_owner(key: str) -> None:
    assert "owner" not in record(Outcome(status=Status.REMOVED), key).fields()


def test_times_do_not_change_the_record() -> None:
    first, again = record(PUBLISHED), record(PUBLISHED)
    assert again.says_the_same_as({**first.fields(), "expires_at": 1, "confirmed_at": "later"})
    assert not again.says_the_same_as({**first.fields(), "version": "another"})
    assert not again.says_the_same_as(None)


def test_a_cdn_changes_the_record() -> None:
    with_cdn = record(PUBLISHED, cdn_url="https://images.example.com")
    assert not with_cdn.says_the_same_as(record(PUBLISHED).fields())


def test_an_outcome_that_is_not_confirmed_is_not_recorded() -> None:
    with pytest.raises(ValueError, match="not confirmed"):
        of_outcome(
            replace(PUBLISHED, confirmed_at=None),
            source_key="a.jpg",
            bucket="source",
            started_at=datetime.now(UTC),
            now=datetime.now(UTC),
        )

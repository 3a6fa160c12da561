"""What a record says, and which of two is newer."""

from datetime import UTC, datetime, timedelta

import pytest
from pipeline.errors import CorruptImage
from pipeline.model import Format, Outcome, Picture, Published, Removal, Size, Source, Status
from pipeline.records import Record, State, comparable, of_outcome
from pipeline.stamps import is_newer

SOURCE = Source(
    bucket="source", key="uploads/alice/a.jpg", etag="e1", size=1000, sequencer="05", version="v1"
)
PUBLISHED = Outcome(
    status=Status.PUBLISHED,
    source=SOURCE,
    picture=Picture(
        format=Format.JPEG,
        size=Size(width=300, height=200),
        frames=1,
        has_alpha=False,
        dominant_color="#c81e3c",
        placeholder="1QcSHQ==",
    ),
    images=(
        Published(variant="web", key="a.webp", format=Format.WEBP, width=60, height=40, bytes=99),
    ),
    etags={"a.webp": '"e2"'},
    recipe="r",
)


def record(outcome: Outcome) -> Record:
    return of_outcome(outcome, started_at=datetime.now(UTC) - timedelta(milliseconds=500))


def test_a_record_says_all_there_is_to_know() -> None:
    fields = record(PUBLISHED).fields()
    assert 500 <= fields.pop("milliseconds") < 1500
    assert fields.pop("started_at") < fields.pop("updated_at")
    assert fields == {
        "source_key": "uploads/alice/a.jpg",
        "owner": "alice",
        "bucket": "source",
        "status": "ready",
        "etag": "e1",
        "version": "v1",
        "sequencer": "05" + "0" * 30,
        "recipe": "r",
        "bytes": 1000,
        "format": "jpeg",
        "width": 300,
        "height": 200,
        "frames": 1,
        "has_alpha": False,
        "dominant_color": "#c81e3c",
        "placeholder": "1QcSHQ==",
        "images": [
            {
                "variant": "web",
                "key": "a.webp",
                "format": "webp",
                "width": 60,
                "height": 40,
                "bytes": 99,
                "etag": "e2",
            }
        ],
    }


def test_a_rejection_is_recorded_with_its_reason_and_without_images() -> None:
    rejection = CorruptImage("it ends too soon", found={"format": "jpeg"})
    fields = record(Outcome(status=Status.REJECTED, source=SOURCE, rejection=rejection)).fields()
    assert (fields["status"], fields["reason"]) == ("rejected", "corrupt-image")
    assert (fields["message"], fields["found"]) == ("it ends too soon", {"format": "jpeg"})
    assert (fields["etag"], fields["bytes"]) == ("e1", 1000)
    assert "images" not in fields


def test_a_removal_is_recorded_as_deleted() -> None:
    removal = Removal(bucket="source", key="a.jpg", sequencer="06")
    gone = record(Outcome(status=Status.REMOVED, source=removal))
    assert (gone.status, gone.etag) == (State.DELETED, "")
    assert "images" not in gone.fields()


@pytest.mark.parametrize("key", ["a.jpg", "uploads/a.jpg", "uploads//a.jpg", "my/uploads/a/b.jpg"])
def test_what_did_not_come_by_the_upload_api_has_no_owner(key: str) -> None:
    removal = Removal(bucket="source", key=key, sequencer="06")
    assert "owner" not in record(Outcome(status=Status.REMOVED, source=removal)).fields()


def test_the_time_it_took_makes_no_other_record() -> None:
    first, again = record(PUBLISHED), record(PUBLISHED)
    assert again.says_the_same_as({**first.fields(), "expires_at": 1})
    assert not again.says_the_same_as({**first.fields(), "recipe": "another"})


@pytest.mark.parametrize("one", ["", "05", "0A", "0a1", "0A10", "FF"])
@pytest.mark.parametrize("other", ["", "05", "0A", "0a1", "0A10", "FF"])
def test_sequencers_compare_as_text_like_everywhere_else(one: str, other: str) -> None:
    assert (comparable(one) > comparable(other)) == is_newer(one, other)

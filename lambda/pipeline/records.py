"""The record of a source: what became of its newest upload, for whoever asks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pipeline.model import Outcome, Picture, Published, Removal, Source, Status

SEQUENCER_WIDTH: Final = 32
"""More digits than S3 has ever sent."""

UPLOADS: Final = "uploads/"
"""Where the upload API puts sources: `uploads/<owner>/...`."""


class State(StrEnum):
    """What a source has come to."""

    READY = "ready"
    REJECTED = "rejected"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is true of *source_key* as of *sequencer*, which compares as text.

    *facts* are what there is to say about it, as plain numbers, texts, lists and mappings.
    """

    source_key: str
    status: State
    sequencer: str
    etag: str
    started_at: str  # in UTC, as ISO 8601: compares as text, too
    updated_at: str
    facts: Mapping[str, Any]

    @property
    def milliseconds(self) -> int:
        """The time that it took."""
        took = datetime.fromisoformat(self.updated_at) - datetime.fromisoformat(self.started_at)
        return round(took.total_seconds() * 1000)

    def fields(self) -> dict[str, Any]:
        """Return everything in one flat mapping, as it is stored and sent."""
        return {
            "source_key": self.source_key,
            "status": self.status.value,
            "sequencer": self.sequencer,
            "etag": self.etag,
            "started_at": self.started_at,
            "updated_at": self.updated_at,
            "milliseconds": self.milliseconds,
            **self.facts,
        }

    def says_the_same_as(self, stored: Mapping[str, Any]) -> bool:
        """Tell whether *stored* fields are those of this record, but for the time it took."""
        timing = {"started_at", "updated_at", "milliseconds", "expires_at"}
        return _without(timing, stored) == _without(timing, self.fields())


def of_outcome(outcome: Outcome, *, started_at: datetime) -> Record:
    """Return the record of an *outcome* that is true of its source now."""
    source = outcome.source
    if source is None:
        raise ValueError(f"an outcome of nothing: {outcome.status}")
    return Record(
        source_key=source.key,
        status=_STATES[outcome.status],
        sequencer=comparable(source.sequencer),
        etag=source.etag if isinstance(source, Source) else "",
        started_at=started_at.isoformat(timespec="milliseconds"),
        updated_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        facts={**_owner(source.key), **_upload(source), **_result(outcome)},
    )


def of_picture(picture: Picture) -> dict[str, Any]:
    """Return what a record says of the picture that a source showed."""
    return {
        "format": picture.format.value,
        "width": picture.size.width,
        "height": picture.size.height,
        "frames": picture.frames,
        "has_alpha": picture.has_alpha,
        "dominant_color": picture.dominant_color,
        "placeholder": picture.placeholder,
    }


def of_image(image: Published) -> dict[str, Any]:
    """Return what a record says of one of a source's images."""
    return {**asdict(image), "format": image.format.value}


def comparable(sequencer: str) -> str:
    """Return *sequencer* in a form that compares as `stamps.is_newer` does, but as text."""
    return sequencer.upper().ljust(SEQUENCER_WIDTH, "0")


_STATES: Final = {
    Status.PUBLISHED: State.READY,
    Status.CURRENT: State.READY,
    Status.REJECTED: State.REJECTED,
    Status.REMOVED: State.DELETED,
}


def _owner(key: str) -> dict[str, str]:
    """Return whose a source is that came by the upload API, for the index of each one's own."""
    owner, slash, _ = key.removeprefix(UPLOADS).partition("/")
    return {"owner": owner} if slash and owner and key.startswith(UPLOADS) else {}


def _upload(source: Source | Removal) -> dict[str, Any]:
    if isinstance(source, Removal):
        return {"bucket": source.bucket}
    return {"bucket": source.bucket, "version": source.version, "bytes": source.size}


def _result(outcome: Outcome) -> dict[str, Any]:
    if outcome.rejection:
        rejection = outcome.rejection
        return {
            "reason": rejection.reason,
            "message": str(rejection),
            "found": dict(rejection.found),
        }
    if outcome.picture is None:
        return {}
    return {
        "recipe": outcome.recipe,
        **of_picture(outcome.picture),
        "images": [
            {**of_image(image), "etag": outcome.etags[image.key].strip('"')}
            for image in outcome.images
        ],
    }


def _without(names: set[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}

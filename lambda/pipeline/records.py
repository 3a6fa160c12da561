"""The record of a source: the outcome of its newest upload."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pipeline.model import Image, ImageInfo, Outcome, Source, Status
from pipeline.urls import image_url

UPLOADS: Final = "uploads/"
"""The prefix of sources from the upload API: `uploads/<owner>/...`."""


class State(StrEnum):
    """The state of a source."""

    READY = "ready"
    REJECTED = "rejected"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The outcome for *source_key*.

    *facts* hold everything else as JSON values. *confirmed_at* is the time of the final check by
    the clock of S3; consumers order events by it.
    """

    source_key: str
    status: State
    etag: str
    started_at: str  # in UTC, as ISO 8601: compares as text, too
    updated_at: str
    confirmed_at: str
    facts: Mapping[str, Any]

    @property
    def milliseconds(self) -> int:
        """The processing time."""
        took = datetime.fromisoformat(self.updated_at) - datetime.fromisoformat(self.started_at)
        return round(took.total_seconds() * 1000)

    def fields(self) -> dict[str, Any]:
        """Return everything in one flat mapping, as it is stored and sent."""
        fields = {
            "source_key": self.source_key,
            "status": self.status.value,
            "etag": self.etag,
            "started_at": self.started_at,
            "updated_at": self.updated_at,
            "confirmed_at": self.confirmed_at,
            "milliseconds": self.milliseconds,
            **self.facts,
        }
        plain: dict[str, Any] = json.loads(json.dumps(fields, default=str))
        return plain

    def says_the_same_as(self, stored: Mapping[str, Any] | None) -> bool:
        """Return whether *stored* has the fields of this record, ignoring times."""
        return stored is not None and _without_times(stored) == _without_times(self.fields())


def of_outcome(
    outcome: Outcome,
    *,
    source_key: str,
    bucket: str,
    cdn_url: str | None = None,
    started_at: datetime,
    now: datetime,
) -> Record:
    """Return the record of a confirmed *outcome*. With *cdn_url*, its images have URLs below it."""
    if outcome.confirmed_at is None:
        raise ValueError(f"an outcome that is not confirmed: {outcome.status}")
    source = outcome.source
    return Record(
        source_key=source_key,
        status=_STATES[outcome.status],
        etag=source.etag if source else "",
        started_at=started_at.isoformat(timespec="milliseconds"),
        updated_at=now.isoformat(timespec="milliseconds"),
        confirmed_at=timestamp(outcome.confirmed_at),
        facts={
            "bucket": bucket,
            **_owner(source_key),
            **_upload(source),
            **_result(outcome, cdn_url),
        },
    )


def timestamp(at: datetime) -> str:
    """Format the time of a response from S3, which has whole seconds."""
    return at.isoformat(timespec="seconds")


def of_picture(picture: ImageInfo) -> dict[str, Any]:
    """Return the fields of a record that describe the source image."""
    asked_for = {
        "blurred_placeholder": picture.blurred_placeholder,
        "exif": dict(picture.exif),
    }
    return {
        "format": picture.format.value,
        "width": picture.size.width,
        "height": picture.size.height,
        "frames": picture.frames,
        "has_alpha": picture.has_alpha,
        "dominant_color": picture.dominant_color,
        "placeholder": picture.placeholder,
        "digital_source_type": picture.digital_source_type,
        "has_c2pa": picture.has_c2pa,
        **{name: value for name, value in asked_for.items() if value},
    }


def of_image(image: Image, cdn_url: str | None) -> dict[str, Any]:
    """Return the fields of a record that describe a processed image."""
    fields = {**asdict(image), "format": image.format.value, "etag": image.etag.strip('"')}
    url = {"url": image_url(cdn_url, image.key)} if cdn_url else {}
    return {name: value for name, value in fields.items() if name != "warnings" or value} | url


def is_of(record: Mapping[str, Any], source: Source | None) -> bool:
    """Return whether *record* describes the upload *source*, or there is no record."""
    upload = (source.etag, source.version) if source else ("", None)
    return (record["etag"], record.get("version")) == upload


def image_info_of(record: Mapping[str, Any]) -> ImageInfo:
    """Read the fields of `of_picture`."""
    fields = {name: record[name] for name in _INFO}
    size = {"width": record["width"], "height": record["height"]}
    told = {name: record[name] for name in _OPTIONAL_INFO if name in record}
    return ImageInfo.of({**fields, **told, "size": size})


def images_of(record: Mapping[str, Any]) -> tuple[Image, ...]:
    """Read the fields of `of_image` of every image; a rejection has none."""
    return tuple(
        Image.of({**_without_url(fields), "etag": f'"{fields["etag"]}"'})
        for fields in record.get("images", ())
    )


_INFO: Final = ("format", "frames", "has_alpha", "dominant_color", "placeholder")
_OPTIONAL_INFO: Final = (
    *("digital_source_type", "has_c2pa"),
    *("blurred_placeholder", "exif", "warnings"),
)

_STATES: Final = {
    Status.PUBLISHED: State.READY,
    Status.CURRENT: State.READY,
    Status.REJECTED: State.REJECTED,
    Status.REMOVED: State.DELETED,
}


def _owner(key: str) -> dict[str, str]:
    """Return the owner of a source from the upload API, for the index by owner."""
    owner, slash, _ = key.removeprefix(UPLOADS).partition("/")
    return {"owner": owner} if slash and owner and key.startswith(UPLOADS) else {}


def _upload(source: Source | None) -> dict[str, Any]:
    if source is None:
        return {}
    options = {
        "options": str(source.options),
        "ignored_options": list(source.options.ignored),
    }
    return {
        "version": source.version,
        "bytes": source.size,
        **{name: value for name, value in options.items() if value},
    }


def _result(outcome: Outcome, cdn_url: str | None) -> dict[str, Any]:
    if rejection := outcome.rejection:
        return {
            "reason": rejection.reason,
            "message": str(rejection),
            "details": dict(rejection.details),
        }
    if outcome.info is None:
        return {}
    warnings = {"warnings": dict(outcome.info.warnings)} if outcome.info.warnings else {}
    return {
        **of_picture(outcome.info),
        **warnings,
        "images": [of_image(image, cdn_url) for image in outcome.images],
    }


def _without_url(image: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in image.items() if name != "url"}


def _without_times(fields: Mapping[str, Any]) -> dict[str, Any]:
    times = {"started_at", "updated_at", "confirmed_at", "milliseconds", "expires_at"}
    return {name: value for name, value in fields.items() if name not in times}

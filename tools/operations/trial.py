"""Make a test upload to a deployed pipeline, and clean up after it."""

import io
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image
from pipeline.model import Format
from pipeline.records import State
from pipeline.settings import Settings

from tools.operations.upload import LogLine, Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PATIENCE_SECONDS = 330
"""S3 takes up to five minutes to send a new bucket's events to EventBridge."""

_AGAIN_SECONDS = 30  # an upload before S3 sends events never gets one
_LOOK_SECONDS = 1
_REMOVAL_SECONDS = 30

# Pillow's names; the first format that the pipeline accepts is used.
_FORMATS = (Format.JPEG, Format.PNG, Format.WEBP, Format.GIF, Format.TIFF, Format.BMP, Format.AVIF)


class TrialFailed(Exception):
    """The test upload failed: the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The seconds that a test upload took, and the keys of its images."""

    seconds: float
    images: Sequence[str]


def key_for(prefix: str, suffixes: Sequence[str], settings: Settings) -> str:
    """Return a unique key that matches the trigger, and that a variant is made for."""
    beginning = next(
        max(prefix, own, key=len)
        for variant in settings.variants
        for own in settings.prefixes.get(variant.name, ("",))
        if own.startswith(prefix) or prefix.startswith(own)
    )
    return f"{beginning}test-{secrets.token_hex(8)}{suffixes[0] if suffixes else '.jpg'}"


def run(
    upload: Upload, *, patience_seconds: float = PATIENCE_SECONDS, wait: Callable[[float], None]
) -> Passed:
    """Upload a picture, wait for its images, and delete everything again.

    Raises `TrialFailed`.
    """
    try:
        return _go_through(upload, patience_seconds, wait)
    finally:
        remove(upload, wait)


def _go_through(upload: Upload, patience: float, wait: Callable[[float], None]) -> Passed:
    s3: S3Client = upload.pipeline.aws.client("s3")
    body = picture(upload.pipeline.settings.limits.formats)
    start = put_at = time.monotonic()
    s3.put_object(Bucket=upload.pipeline.source_bucket, Key=upload.key, Body=body)
    while (now := time.monotonic()) < start + patience:
        wait(_LOOK_SECONDS)
        if keys := _results(upload):
            return Passed(seconds=now - start, images=keys)
        if reason := _rejection(upload):
            raise TrialFailed(f"The test upload was {reason}.")
        if now > put_at + _AGAIN_SECONDS:
            put_at = now
            s3.put_object(Bucket=upload.pipeline.source_bucket, Key=upload.key, Body=body)
    last = "".join(f"; its last log line is {_told(line)}" for line in _lines(upload)[-1:])
    raise TrialFailed(f"After {patience:.0f} s the test upload was not processed{last}.")


def _results(upload: Upload) -> list[str]:
    """Return the keys of the images if everything is there that an upload gets, otherwise none."""
    settings, images, source = upload.pipeline.settings, upload.own_images(), upload.source().source
    is_done = (
        source is not None
        and not upload.missing(source, images)
        and (settings.manifest is None or upload.manifest() is not None)
        and (settings.metadata is None or upload.record() is not None)
    )
    return [image.key for found in images.values() for image in found] if is_done else []


def _rejection(upload: Upload) -> str | None:
    """Return the rejection of the upload in the log, if any."""
    lines = (line for line in _lines(upload) if line.status in ("rejected", "unreviewed"))
    return next(map(_told, lines), None)


def _lines(upload: Upload) -> list[LogLine]:
    """Return the log lines about the upload; none if they are unreadable."""
    with suppress(ClientError, BotoCoreError):
        return upload.lines(datetime.now(UTC) - timedelta(minutes=10))
    return []


def _told(line: LogLine) -> str:
    return f"{line.status}: {line.fields.get('detail', '')}"


def remove(upload: Upload, wait: Callable[[float], None]) -> None:
    """Delete the source with all its versions, its images, its manifest and its record."""
    pipeline, s3 = upload.pipeline, upload.pipeline.aws.client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=pipeline.source_bucket, Prefix=upload.key
    )
    for page in pages:
        for version in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            s3.delete_object(
                Bucket=pipeline.source_bucket,
                Key=version["Key"],
                VersionId=version["VersionId"],
            )
    if pipeline.settings.metadata and pipeline.settings.remove_deleted:
        _await_removal(upload, wait)
    for found in upload.own_images().values():
        for image in found:
            pipeline.storage.delete(image)
    if manifest := upload.manifest():
        pipeline.storage.delete(manifest)
    if metadata := pipeline.settings.metadata:
        pipeline.aws.client("dynamodb").delete_item(
            TableName=metadata.table, Key={"source_key": {"S": upload.key}}
        )


def _await_removal(upload: Upload, wait: Callable[[float], None]) -> None:
    """Wait until the function has processed the removal, since it writes the last record."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while time.monotonic() < deadline:
        record = upload.record()
        if record is None or record["status"] == State.DELETED:
            return
        wait(_LOOK_SECONDS)


def picture(accepted: frozenset[Format]) -> bytes:
    """Return a small picture in an accepted format. Raises `TrialFailed`."""
    wanted = next((format_ for format_ in _FORMATS if format_ in accepted), None)
    if wanted is None:
        raise TrialFailed(f"There is no test picture for {', '.join(sorted(accepted))} alone.")
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, wanted.value)
    return file.getvalue()

"""Show everything about one upload: source, images, record, log lines, failure."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pipeline.aws.storage import SourceState, StoredImage
from pipeline.errors import PipelineError
from pipeline.model import Source

from tools.command_line import parse
from tools.operations import logs
from tools.operations.deployment import DeploymentError, deployment
from tools.operations.failure import Failure
from tools.operations.regions import session
from tools.operations.terminal import printable
from tools.operations.upload import LogLine, Pipeline, Upload

_FEW = 10
_DAYS = 14  # the retention of the failure queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything about an upload; an error takes the place of anything unreadable."""

    source: SourceState
    images: Mapping[str, Sequence[StoredImage]]
    record: Mapping[str, Any] | None
    lines: Sequence[LogLine] | Exception
    failures: Sequence[Failure] | Exception


def find(upload: Upload) -> Story:
    """Collect everything; an error from the log or the queue does not hide the rest."""
    return Story(
        source=upload.source(),
        images=upload.images(),
        record=upload.record(),
        lines=_lines(upload),
        failures=_failures(upload),
    )


def _lines(upload: Upload) -> Sequence[LogLine] | Exception:
    try:
        return upload.lines(datetime.now(UTC) - timedelta(days=_DAYS))
    except (ClientError, BotoCoreError) as error:
        return error


def _failures(upload: Upload) -> Sequence[Failure] | Exception:
    try:
        return upload.failures()
    except (ClientError, BotoCoreError) as error:
        return error


def tell(upload: Upload, story: Story) -> Iterator[str]:
    """Yield the story in lines, its outcome first."""
    yield _verdict(upload, story)
    yield ""
    yield f"source    {_source(upload, story.source)}"
    for variant, found in story.images.items():
        output = [_image(upload, image, story.source.source) for image in found] or ["none"]
        yield f"image     {printable(variant)}: {'; '.join(output)}"
    if upload.pipeline.settings.metadata:
        yield f"record    {_record(story.record)}"
    yield from _section("log", story.lines, lambda line: logs.shown(line) or line.status)
    yield from _section("failure", story.failures, str)


def _section(name: str, found: Sequence[Any] | Exception, text: Any) -> Iterator[str]:
    if isinstance(found, Exception):
        yield f"{name:10}cannot be read: {printable(found)}"
        return
    for number, one in enumerate(found[-_FEW:] or ["none"]):
        output = one if isinstance(one, str) else text(one)
        yield f"{name if number == 0 else '':10}{output}".replace("\n", f"\n{'':10}")


def _verdict(upload: Upload, story: Story) -> str:
    """Return the outcome in one sentence, and what to do if it is not final."""
    key, source = printable(upload.key), story.source.source
    if source is None:
        return f"{key} is not in the source bucket."
    if source.is_folder or not story.images:
        return f"{key} gets no image: it is a folder, or the prefixes of no variant match it."
    if not upload.missing(source, story.images):
        current = [
            image
            for found in story.images.values()
            for image in found
            if upload.is_current(image, source)
        ]
        return f"{key} is processed: {len(current)} of {len(current)} images are current."
    if isinstance(story.failures, Sequence) and story.failures:
        failure = story.failures[-1]
        return f"{key} failed: {printable(failure.reason)}. `make redrive` retries it."
    if isinstance(story.lines, Sequence) and story.lines:
        return f"{key} is not processed; its last log line is {_last(story.lines)}."
    return (
        f"{key} is not processed, and there is no log line about it: `make backfill` processes it"
        " if trigger_prefix and trigger_suffixes match it."
    )


def _last(lines: Sequence[LogLine]) -> str:
    line = lines[-1]
    return printable(f"{line.status}, {line.fields.get('detail', '')}".rstrip(", "))


def _source(upload: Upload, state: SourceState) -> str:
    address = printable(f"s3://{upload.pipeline.source_bucket}/{upload.key}")
    if state.source is None:
        return f"{address}: {'deleted' if state.is_deleted else 'none'}"
    return (
        f"{address}: {state.source.size:,} bytes, ETag {state.source.etag},"
        f" version {printable(state.source.version)}"
    )


def _image(upload: Upload, image: StoredImage, source: Source | None) -> str:
    if not image.provenance.is_of(upload.key):
        what = "of another source, or of another program"
    elif source and upload.is_current(image, source):
        what = "current"
    else:
        what = "of an earlier content"
    return f"{printable(image.key)} ({image.bytes:,} bytes, {what})"


def _record(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "none"
    reason = f" ({record['reason']}: {record.get('message', '')})" if "reason" in record else ""
    return printable(f"{record['status']}{reason}, written {record['updated_at']}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", help="the key of the upload in the source bucket")
    key = parse(parser).key
    if not key:
        sys.exit("Which upload? make status KEY=photo.jpg")
    try:
        deployed = deployment()
        pipeline = Pipeline.of(deployed, session(deployed["function_arn"]))
        upload = Upload(pipeline, key)
        print("\n".join(tell(upload, find(upload))))
    except (DeploymentError, PipelineError, ClientError, BotoCoreError) as error:
        sys.exit(printable(error))

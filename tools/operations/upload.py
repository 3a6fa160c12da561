"""Read everything about one upload: source, images, record, log lines, failures."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from pipeline import manifests, selection
from pipeline.aws.storage import SourceState, Storage, StoredImage, StoredManifest
from pipeline.aws.table import Table
from pipeline.errors import KeyReserved, KeyTooLong
from pipeline.keys import candidate_keys, manifest_key
from pipeline.model import ImageInfo, Source, Variant
from pipeline.settings import Settings

from tools.operations.failure import Failure, Unreadable, read
from tools.operations.queue import HeldMessages

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient

# These are special in a filter pattern of CloudWatch.
_PLAIN = re.compile(r'[^"\\*]*')

_MAX_PATTERN = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of the function's log, with its time."""

    at: datetime
    fields: Mapping[str, Any]

    @property
    def status(self) -> str:
        return str(self.fields.get("message", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A deployed pipeline: its buckets, and the current settings of its function."""

    source_bucket: str
    processed_bucket: str
    queue_url: str
    log_group: str
    settings: Settings
    aws: boto3.Session
    storage: Storage

    @classmethod
    def of(cls, outputs: Mapping[str, Any], aws: boto3.Session) -> "Pipeline":
        """Return the pipeline with these Terraform outputs."""
        function = aws.client("lambda").get_function_configuration(
            FunctionName=outputs["function_name"]
        )
        variables = function["Environment"]["Variables"] | {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
            "LAMBDA_TASK_ROOT": "/var/task",
        }
        settings = Settings.from_environment(variables)
        return cls(
            source_bucket=outputs["source_bucket"],
            processed_bucket=outputs["processed_bucket"],
            queue_url=outputs["failure_queue_url"],
            log_group=outputs["log_group"],
            settings=settings,
            aws=aws,
            storage=Storage(
                aws.client("s3"),
                processed_bucket=outputs["processed_bucket"],
                read_options=partial(selection.upload_options, settings=settings),
            ),
        )


class Upload:
    """The upload under *key* of a pipeline's source bucket. Every method reads it again.

    The methods raise botocore's exceptions or `TransientFailure`.
    """

    def __init__(self, pipeline: Pipeline, key: str) -> None:
        self.pipeline = pipeline
        self.key = key

    def source(self) -> SourceState:
        return self.pipeline.storage.head_source(self.pipeline.source_bucket, self.key)

    def images(self) -> dict[str, list[StoredImage]]:
        """Return, by variant, the objects under the keys that its images may have.

        Variants that are not made for this key are left out. If keys have versions, they are those
        that the manifest lists.
        """
        keys: dict[str, set[str]] = {}
        for variant in selection.for_key(self.key, self.pipeline.settings):
            keys.setdefault(variant.name, set()).update(self._candidates(variant))
        manifest = self.manifest() if self.pipeline.settings.has_versions else None
        if manifest and (listed := manifests.read(manifest.body)):
            for one in listed.images:
                keys.setdefault(one.variant, set()).add(one.key)
        head = self.pipeline.storage.head
        return {
            variant: [image for key in sorted(found) if (image := head(key))]
            for variant, found in keys.items()
        }

    def own_images(self) -> dict[str, list[StoredImage]]:
        """Return those of `images` that were made from this key."""
        return {
            variant: [image for image in found if image.provenance.is_of(self.key)]
            for variant, found in self.images().items()
        }

    def missing(self, source: Source, images: Mapping[str, Sequence[StoredImage]]) -> list[str]:
        """Return the names of the variants of which *images* lack one that *source* has now.

        A variant with several widths has only those that the source is wide enough for, which the
        images know: they describe their source.
        """
        settings = self.pipeline.settings
        variants = selection.chosen(selection.for_key(self.key, settings), source.options)
        current = {
            image.key: image
            for found in images.values()
            for image in found
            if self.is_current(image, source)
        }
        facts = next(filter(None, (one.provenance.read_facts() for one in current.values())), None)
        if facts and not settings.has_versions:
            wanted = selection.distinct(variants, ImageInfo.of(facts["source"]))
            names = [one.name for one in wanted if not self._candidates(one) & current.keys()]
        else:
            names = [
                variant.name
                for variant in variants
                if not any(image.key in current for image in images[variant.name])
            ]
        return list(dict.fromkeys(names))

    def is_current(self, image: StoredImage, source: Source) -> bool:
        """Return whether *image* was made from what *source* is now."""
        provenance = image.provenance
        return provenance.is_of(self.key) and provenance.source_identity == source.identity

    def manifest(self) -> StoredManifest | None:
        """Return the manifest of this upload, or None if there is none."""
        if configured := self.pipeline.settings.manifest:
            with suppress(KeyTooLong, KeyReserved):  # no manifest can exist under such a key
                key = manifest_key(configured.key_template, source_key=self.key)
                found = self.pipeline.storage.get_manifest(key)
                return found if found and found.provenance.is_of(self.key) else None
        return None

    def record(self) -> Mapping[str, Any] | None:
        """Return the record, or None without a record or a table."""
        if (metadata := self.pipeline.settings.metadata) is None:
            return None
        return Table(self.pipeline.aws.client("dynamodb"), metadata.table).get(self.key)

    def lines(self, since: datetime) -> list[LogLine]:
        """Return the function's log lines about it since then, the oldest first."""
        pattern = f'{{ $.source.key = "{self.key}" }}'
        if not _PLAIN.fullmatch(self.key) or len(pattern) > _MAX_PATTERN:
            pattern = "{ $.source.key = * }"
        found = log_lines(
            self.pipeline.aws.client("logs"), self.pipeline.log_group, since, pattern=pattern
        )
        return [line for line in found if key_of(line) == self.key]

    def failures(self) -> list[Failure]:
        """Return the messages on the failure queue that name it, without deleting them."""
        sqs: SQSClient = self.pipeline.aws.client("sqs")
        with HeldMessages(sqs, self.pipeline.queue_url) as held:
            held.receive()
            found = [failure for message in held.messages.values() if (failure := _read(message))]
        named = (self.pipeline.source_bucket, self.key)
        return [failure for failure in found if named in failure.objects]

    def _candidates(self, variant: Variant) -> frozenset[str]:
        template = self.pipeline.settings.key_template
        return candidate_keys(template, variant, source_key=self.key)


def key_of(line: LogLine) -> str | None:
    """Return the key of the source that *line* is about, if any."""
    source = line.fields.get("source")
    return source.get("key") if isinstance(source, Mapping) else None


def log_lines(
    logs: "CloudWatchLogsClient", group: str, since: datetime, *, pattern: str = ""
) -> Iterator[LogLine]:
    """Yield the JSON lines of the log group *group*, without pure metrics."""
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since.timestamp() * 1000), filterPattern=pattern
    )
    for page in pages:
        for event in page["events"]:
            try:
                fields = json.loads(event["message"])
            except ValueError:
                fields = {"message": event["message"].strip()}
            if isinstance(fields, dict) and "_aws" not in fields:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield LogLine(at=at, fields=fields)


def _read(message: Any) -> Failure | None:
    try:
        return read(message)
    except Unreadable:
        return None

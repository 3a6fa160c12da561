"""What a backfill would find: how many objects there are, and how many of them to make."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import map_items
from botocore.exceptions import ClientError
from pipeline import events, manifests
from pipeline.backfill import settled_as
from pipeline.model import Source, Status

from backfilling.deployment import BackfillError, Deployment

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

SAMPLE = 10_000
"""Of how many objects the manifests are read; of more, those of this many at random."""

READERS = 32
_NEEDED = {"Key", "Size", "ETag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How many objects a backfill reads, and how many of them are *sources* that it processes.

    *sample* are those whose manifests are to be read: all, or as many at random.
    """

    objects: int
    sources: int
    bytes: int
    sample: Sequence[Source]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """How many sources are as they would be made today, and how many nobody has allowed yet.

    It is exact if all were looked at, and not a sample.
    """

    objects: int
    sources: int
    bytes: int
    current: int
    unreviewed: int
    is_exact: bool

    @property
    def to_make(self) -> int:
        return self.sources - self.current - self.unreviewed


def narrowed(prefix: str, trigger_prefix: str) -> str:
    """Return the longer of the prefixes, of which one has to begin with the other."""
    if prefix.startswith(trigger_prefix):
        return prefix
    if trigger_prefix.startswith(prefix):
        return trigger_prefix
    raise BackfillError(
        f"Nothing under {prefix!r} is processed: trigger_prefix is {trigger_prefix!r}."
    )


def listing(s3: "S3Client", deployment: Deployment, prefix: str) -> Found:
    """Look at what lies in the source bucket under *prefix*."""
    return _found(map_items.listed(s3, deployment.source_bucket, prefix), deployment, prefix)


def inventory(
    s3: "S3Client", deployment: Deployment, prefix: str, *, bucket: str, key: str
) -> Found:
    """Look at what an inventory says that lies there. Raises `BackfillError` if it is no good."""
    try:
        manifest = map_items.read_manifest(s3, bucket, key)
        missing = _NEEDED - set(map_items.columns(manifest))
        if missing:
            raise BackfillError(
                f"The inventory lacks {', '.join(sorted(missing))}: add it to its optional fields."
            )
        if manifest["sourceBucket"] != deployment.source_bucket:
            raise BackfillError(
                f"The inventory is of {manifest['sourceBucket']}, not of"
                f" {deployment.source_bucket}."
            )
        return _found(map_items.inventoried(s3, manifest), deployment, prefix)
    except (ClientError, ValueError, KeyError) as error:
        raise BackfillError(f"The inventory cannot be read: {error}.") from error


def survey(
    s3: "S3Client",
    found: Found,
    deployment: Deployment,
    *,
    recipe: str,
    reviewed_only: bool,
) -> Survey:
    """Read the manifests of the sources, or of a sample of them, and count."""

    def settled(source: Source) -> Status | None:
        manifest = _manifest(s3, deployment.processed_bucket, source)
        return settled_as(source, manifest, recipe=recipe, reviewed_only=reviewed_only)

    with ThreadPoolExecutor(READERS) as pool:
        states = Counter(pool.map(settled, found.sample))
    share = found.sources / max(1, len(found.sample))
    return Survey(
        objects=found.objects,
        sources=found.sources,
        bytes=found.bytes,
        current=round(states[Status.CURRENT] * share),
        unreviewed=round(states[Status.UNREVIEWED] * share),
        is_exact=len(found.sample) == found.sources,
    )


def recipe(functions: "LambdaClient", function: str) -> str:
    """Ask the function by which recipe it makes images now."""
    answer = functions.invoke(FunctionName=function, Payload=json.dumps({"step": "recipe"}))
    body = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise BackfillError(f"The function {function} does not tell its recipe: {body}.")
    told: str = body["recipe"]
    return told


def _found(items: Iterable[dict[str, Any]], deployment: Deployment, prefix: str) -> Found:
    """Count *items*, and keep some of them: every one has the same chance to be among those."""
    objects = sources = size = 0
    sample: list[Source] = []
    for objects, item in enumerate(items, 1):  # noqa: B007 - the last number is the answer
        source = _source(item, deployment, prefix)
        if source is None:
            continue
        sources += 1
        size += source.size
        if len(sample) < SAMPLE:
            sample.append(source)
        elif (place := random.randrange(sources)) < SAMPLE:  # noqa: S311 - no secret
            sample[place] = source
    return Found(objects=objects, sources=sources, bytes=size, sample=sample)


def _source(item: dict[str, Any], deployment: Deployment, prefix: str) -> Source | None:
    """Return what the function makes of one item, or None if it leaves it alone."""
    batch = {
        "bucket": deployment.source_bucket,
        "items": [item],
        "prefix": prefix,
        "trigger": {"prefix": deployment.prefix, "suffixes": deployment.suffixes},
    }
    for taken in events.items(batch):
        source = events.listed(deployment.source_bucket, taken)
        if not source.is_folder:
            return source
    return None


def _manifest(s3: "S3Client", bucket: str, source: Source) -> manifests.Manifest | None:
    """Return the manifest of *source*, or None."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=manifests.manifest_key(source.key))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return manifests.load(answer["Body"].read())

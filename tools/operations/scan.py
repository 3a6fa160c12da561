"""Count what a backfill would read: all objects, and the sources among them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pipeline import events

from tools.operations import map_items
from tools.operations.deployment import BackfillError, Deployment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NEEDED = {"Key", "Size", "ETag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The number of objects that a backfill reads, and the number and bytes of sources."""

    objects: int
    sources: int
    bytes: int


def narrowed(prefix: str, trigger_prefix: str) -> str:
    """Return the longer prefix; it must begin with the other one."""
    if prefix.startswith(trigger_prefix):
        return prefix
    if trigger_prefix.startswith(prefix):
        return trigger_prefix
    raise BackfillError(
        f"Nothing under {prefix!r} is processed: trigger_prefix is {trigger_prefix!r}."
    )


def listing(s3: "S3Client", deployment: Deployment, prefix: str) -> Found:
    """Count the objects of the source bucket under *prefix*."""
    return _counted(map_items.listed(s3, deployment.source_bucket, prefix), deployment, prefix)


def inventory(
    s3: "S3Client", deployment: Deployment, prefix: str, *, bucket: str, key: str
) -> Found:
    """Count the objects in an inventory. Raises `BackfillError` if it cannot be used."""
    try:
        manifest = map_items.read_manifest(s3, bucket, key)
        missing = _NEEDED - set(map_items.columns(manifest))
        if missing:
            raise BackfillError(
                f"The inventory has no {', '.join(sorted(missing))}: add it to its optional fields."
            )
        if manifest["sourceBucket"] != deployment.source_bucket:
            raise BackfillError(
                f"The inventory is of {manifest['sourceBucket']}, not of"
                f" {deployment.source_bucket}."
            )
        return _counted(map_items.inventoried(s3, manifest), deployment, prefix)
    except (ClientError, ValueError, KeyError) as error:
        raise BackfillError(f"The inventory cannot be read: {error}.") from error


def exists(s3: "S3Client", bucket: str, key: str) -> bool:
    """Return whether *bucket* contains *key*, using the permission to list it."""
    response = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(entry["Key"] == key for entry in response.get("Contents", []))


def objects(s3: "S3Client", bucket: str, prefix: str) -> int:
    """Return the number of objects in *bucket* under *prefix*."""
    return sum(1 for _ in map_items.listed(s3, bucket, prefix))


def _counted(items: Iterable[dict[str, Any]], deployment: Deployment, prefix: str) -> Found:
    total = sources = size = 0
    for item in items:
        total += 1
        batch = {
            "bucket": deployment.source_bucket,
            "items": [item],
            "prefix": prefix,
            "trigger": {"prefix": deployment.prefix, "suffixes": deployment.suffixes},
        }
        taken = events.batch_items(batch)
        if taken and int(item["Size"]):
            sources += 1
            size += int(item["Size"])
    return Found(objects=total, sources=sources, bytes=size)

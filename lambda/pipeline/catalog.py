"""What is known of a source, from whatever there is to know it from."""

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline import records
from pipeline.manifests import Manifest
from pipeline.model import Removal, Source
from pipeline.records import State
from pipeline.storage import ExistingManifest

WAITING = "waiting"


class Table(Protocol):
    """What the catalogue needs of `pipeline.table.Table`."""

    def get(self, source_key: str) -> Mapping[str, Any] | None: ...


class Storage(Protocol):
    """What the catalogue needs of `pipeline.storage.Storage`."""

    def find(self, removal: Removal) -> Source | None: ...

    def manifest(self, source_key: str) -> ExistingManifest | None: ...


def look_up(
    key: str, bucket: str, storage: Storage, table: Table | None
) -> Mapping[str, Any] | None:
    """Return the record of *key* in the source *bucket*, or what can be said without one.

    What has not ended is waiting; for ever, if its retries ran out. Raises `TransientFailure`.
    """
    record = table.get(key) if table else None
    # What was deleted may have been uploaded again since.
    if record and record["status"] != State.DELETED:
        return record
    existing = storage.manifest(key)
    if existing and (known := _of_manifest(existing.manifest)):
        return known
    if storage.find(Removal(bucket=bucket, key=key)):
        return {"source_key": key, "status": WAITING}
    return None


def _of_manifest(manifest: Manifest) -> dict[str, Any] | None:
    """Return what *manifest* tells of the newest upload that has ended, if of any."""
    if manifest.rejection:
        return {
            "source_key": manifest.source_key,
            "status": State.REJECTED.value,
            "reason": manifest.rejection.reason,
        }
    if not manifest.images or not manifest.is_complete:
        return None
    return {
        "source_key": manifest.source_key,
        "status": State.READY.value,
        "bytes": manifest.bytes,
        **(records.of_picture(manifest.picture) if manifest.picture else {}),
        "images": [records.of_image(image) for image in manifest.images],
    }

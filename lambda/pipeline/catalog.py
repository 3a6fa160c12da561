"""What is known of a source, from whatever there is to know it from."""

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline import records
from pipeline.manifests import Manifest
from pipeline.model import Removal, Source
from pipeline.records import State
from pipeline.storage import Existing, ExistingManifest

WAITING = "waiting"


class Table(Protocol):
    """What the catalogue needs of `pipeline.table.Table`."""

    def get(self, source_key: str) -> Mapping[str, Any] | None: ...


class Storage(Protocol):
    """What the catalogue needs of `pipeline.storage.Storage`."""

    def find(self, removal: Removal) -> Source | None: ...

    def look(self, key: str) -> Existing | None: ...

    def manifest(self, source_key: str) -> ExistingManifest | None: ...


def look_up(
    key: str, bucket: str, storage: Storage, table: Table | None
) -> Mapping[str, Any] | None:
    """Return the record of *key* in the source *bucket*, or what can be said without one.

    Without records a rejection is not known: what was rejected is waiting for ever. Raises
    `TransientFailure`.
    """
    if table and (record := table.get(key)):
        return None if record["status"] == State.DELETED else record
    existing = storage.manifest(key)
    if existing and _is_published(existing.manifest, storage):
        return _of_manifest(existing.manifest)
    if storage.find(Removal(bucket=bucket, key=key)):
        return {"source_key": key, "status": WAITING}
    return None


def _is_published(manifest: Manifest, storage: Storage) -> bool:
    """Tell whether the images are there: a manifest is written before them."""
    found = [storage.look(image.key) for image in manifest.images]
    return bool(found) and all(
        image is not None and image.stamp.source_etag == manifest.etag for image in found
    )


def _of_manifest(manifest: Manifest) -> dict[str, Any]:
    return {
        "source_key": manifest.source_key,
        "status": State.READY.value,
        "bytes": manifest.bytes,
        **(records.of_picture(manifest.picture) if manifest.picture else {}),
        "images": [records.of_image(image) for image in manifest.images],
    }

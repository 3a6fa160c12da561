"""Images under keys with a version, which never change once they are written.

Such a key contains a hash of the source's identity and of the recipe, so the key of a source does
not tell which images it has: its manifest lists them. Images that are on the list no longer are
retired, and stay for the grace period, for pages that still show them.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from pipeline.aws.storage import Storage, StoredImage
from pipeline.model import Rendition, Source, Variant
from pipeline.processed.images import Known, ProcessedImages, from_provenance, from_record
from pipeline.processed.manifest_file import ManifestFile
from pipeline.recipe import Recipes
from pipeline.settings import Settings


class VersionedImages(ProcessedImages):
    """The images that the *manifest* of one source lists, and those that this run writes."""

    def __init__(
        self,
        source_key: str,
        variants: Sequence[Variant],
        settings: Settings,
        recipes: Recipes,
        storage: Storage,
        executor: Executor,
        manifest: ManifestFile,
    ) -> None:
        self._manifest = manifest
        self._written_keys: set[str] = set()
        super().__init__(source_key, variants, settings, recipes, storage, executor)

    def look_up(self) -> None:
        """Look up every image again, once the manifest is read."""
        self._is_looked_up = False

    def own(self) -> list[StoredImage]:
        """Return the images that the manifest lists, of the present content or an earlier one."""
        if not self._is_looked_up:
            listed = self._manifest.listed()
            keys = {image.key for image in listed.images} if listed else set()
            self._look_up(keys | self._written_keys)
            self._is_looked_up = True
        return super().own()

    def known(self, source: Source, record: Mapping[str, Any] | None) -> Known | None:
        """Return what is known if the manifest lists every image and all are up to date."""
        listed = self._manifest.listed()
        if listed is None or listed.identity != source.identity:
            return None
        keys = self.keys(source, listed.info)
        if set(keys.values()) != {image.key for image in listed.images}:
            return None
        self.own()
        found = ((variant, self._up_to_date(variant, key, source)) for variant, key in keys.items())
        current = {variant: image for variant, image in found if image}
        if len(current) < len(keys):
            return None
        # Not from the manifest, which leaves out what is not for the public.
        variants = tuple(keys)
        recorded = from_record(source, variants, current, record)
        return recorded or from_provenance(variants, current)

    def kept(self, source: Source, keys: Mapping[Variant, str]) -> dict[Variant, Any]:
        """Return the images under *keys* that are up to date, as far as the manifest lists them."""
        self.own()
        return super().kept(source, keys)

    def discard(self, images: Sequence[StoredImage]) -> None:
        """Retire *images*. Raises `Changed` if one of them was replaced."""
        self._end([image for image in images if not image.is_retired], self._storage.retire)

    def _write(
        self, key: str, rendition: Rendition, provenance: Any, over: StoredImage | None
    ) -> str | None:
        self._written_keys.add(key)
        etag = super()._write(key, rendition, provenance, over)
        if etag is None and (image := self._storage.head(key)) and image.is_retired:
            etag = super()._write(key, rendition, provenance, image)
        return etag

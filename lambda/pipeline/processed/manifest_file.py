"""The manifest of one source in the processed bucket: read, written, deleted."""

from collections.abc import Collection
from concurrent.futures import Executor, Future

from pipeline import manifests
from pipeline.aws.storage import Changed, Storage, StoredManifest
from pipeline.errors import KeyCollision, KeyReserved, KeyTooLong, Rejected
from pipeline.keys import manifest_key
from pipeline.manifests import Manifest
from pipeline.model import Outcome, Source
from pipeline.provenance import Provenance
from pipeline.settings import Manifest as ManifestSettings
from pipeline.settings import Settings


class ManifestFile:
    """The manifest under the key that belongs to one source.

    Reading starts at once and runs in parallel to other work. Every method raises
    `TransientFailure` when S3 cannot be reached. *has_written* is true once a write or a deletion
    was attempted.
    """

    def __init__(
        self,
        source_key: str,
        configured: ManifestSettings,
        settings: Settings,
        storage: Storage,
        executor: Executor,
    ) -> None:
        self.key = ""
        self.has_written = False
        self._source_key = source_key
        self._configured = configured
        self._settings = settings
        self._storage = storage
        self._problem: Rejected | None = None
        self._found: Future[StoredManifest | None] | None = None
        try:
            self.key = manifest_key(configured.key_template, source_key=source_key)
        except (KeyTooLong, KeyReserved) as problem:
            self._problem = problem  # no manifest can exist under that key
        else:
            self._found = executor.submit(storage.get_manifest, self.key)

    @property
    def stored(self) -> StoredManifest | None:
        """What was found, of this source or of another."""
        return self._found.result() if self._found else None

    @property
    def is_taken(self) -> bool:
        """Whether this source cannot have a manifest; `check_owner` says why."""
        return self._problem is not None or (self.stored is not None and not self._is_own())

    def listed(self) -> Manifest | None:
        """Return what the manifest of this source says, or None."""
        return manifests.read(self.stored.body) if self._is_own() and self.stored else None

    def check_owner(self, image_keys: Collection[str]) -> None:
        """Raise `KeyCollision` if another source has the key, or why the key is not allowed.

        It is not if one of *image_keys* is the same: an image keeps the extension of a file that is
        called `.json`.
        """
        if self._problem:
            raise self._problem
        if self.key in image_keys:
            raise KeyReserved(f"an image and the manifest would have the same key {self.key!r}")
        if not self.is_taken:
            return
        now = self._storage.get_manifest(self.key)
        if now is None or now.provenance.is_of(self._source_key):
            raise Changed
        owner = now.provenance.source_key or "something that this pipeline did not write"
        message = f"the manifest {self.key!r} already belongs to {owner}"
        raise KeyCollision(message, details={"key": self.key})

    def says(self, outcome: Outcome) -> bool:
        """Return whether writing would change neither the manifest nor its header for caches."""
        if self.stored is None or self.stored.cache_control != self._cache_control:
            return False
        return self.stored.body == self._body(outcome)

    def write(self, outcome: Outcome, source: Source) -> None:
        """List the images of *outcome*. Raises `Changed` if the manifest has changed."""
        self.has_written = True
        etag = self._storage.put_manifest(
            self.key,
            self._body(outcome),
            Provenance.of_manifest(source),
            cache_control=self._cache_control,
            over=self.stored,
        )
        if etag is None:
            raise Changed

    def delete(self) -> None:
        """Delete the manifest of this source. Raises `Changed` if it has changed."""
        if self.stored and self._is_own():
            self.has_written = True
            if not self._storage.delete(self.stored):
                raise Changed

    @property
    def _cache_control(self) -> str:
        return f"public, max-age={self._configured.max_age_seconds}"

    def _is_own(self) -> bool:
        return self.stored is not None and self.stored.provenance.is_of(self._source_key)

    def _body(self, outcome: Outcome) -> bytes:
        return manifests.of_outcome(
            outcome, cdn_url=self._settings.cdn_url, sizes=self._settings.sizes
        )

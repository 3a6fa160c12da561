"""The images of one source, put in the place of older ones and taken away again.

The order of events is that of the manifest. A publication claims it, puts the images, takes away
what is retired, and then makes sure that the claim still holds: whoever came later has either seen
the claim, and retires what it put, or is seen here, and this one gives way. Single images may be
put ahead of it, under a claim that plans all of them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from pipeline import manifests
from pipeline.errors import Rejected, TransientFailure
from pipeline.manifests import Manifest
from pipeline.model import Removal, Rendition, Source
from pipeline.stamps import Stamp, Verdict, compare, encoded, is_newer
from pipeline.storage import Existing, ExistingManifest

MAX_TRIES: Final = 5
"""Every lost try means that another handler won one, so a few are enough."""


class Storage(Protocol):
    """What publishing needs of `pipeline.storage.Storage`, and of a stand-in for it."""

    def look(self, key: str) -> Existing | None: ...

    def put(
        self, key: str, rendition: Rendition, stamp: Stamp, *, over: Existing | None
    ) -> str | None: ...

    def remove(self, key: str, existing: Existing) -> bool: ...

    def manifest(self, source_key: str) -> ExistingManifest | None: ...

    def put_manifest(self, manifest: Manifest, *, over: ExistingManifest | None) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one image of an upload goes, the stamp it gets, and what is there so far."""

    key: str
    stamp: Stamp
    existing: Existing | None

    @property
    def is_current(self) -> bool:
        """Whether the image is there already.

        Raises `KeyCollision` or `Superseded` when what is there must stay.
        """
        return (
            self.existing is not None and compare(self.stamp, self.existing.stamp) is Verdict.KEEP
        )


def publish(
    manifest: Manifest,
    renditions: Sequence[tuple[Place, Rendition]],
    storage: Storage,
    *,
    after: ExistingManifest | None,
) -> dict[str, str]:
    """Publish *renditions*, so that of the source there are exactly the images of *manifest*.

    Return the etag of every rendition by its key. Raises `Superseded`, `KeyCollision` or
    `TransientFailure`. Until a publication that was interrupted is tried again, what it put
    stays; one that collides takes back what it put.
    """
    following = partial(manifests.following, manifest)
    claim = _claim(manifest.source_key, following, storage, current=after)
    try:
        etags = {place.key: _put(place, rendition, storage) for place, rendition in renditions}
    except Rejected:
        _take_back(manifest, storage, current=storage.manifest(manifest.source_key))
        raise
    _retire(claim, storage)
    _confirm(claim, storage)
    return etags


def publish_ahead(
    source: Source,
    place: Place,
    rendition: Rendition,
    storage: Storage,
    *,
    keys: Collection[str],
    after: ExistingManifest | None,
) -> None:
    """Put one image of *source*, whose images will be at *keys*. Raises like `publish`.

    Until all of them are published, earlier images of the source stay where no newer one is put.
    """
    claim = _claim(source.key, partial(manifests.plan, source, keys), storage, current=after)
    _put(place, rendition, storage)
    _confirm(claim, storage)


def withdraw(source: Source, storage: Storage) -> None:
    """Take back what was put ahead of *source*, which is not published after all.

    Raises `Superseded` or `TransientFailure`.
    """
    current = storage.manifest(source.key)
    if current and current.manifest.planned and current.manifest.is_of(source):
        _take_back(current.manifest, storage, current=current)


def remove(removal: Removal, storage: Storage) -> None:
    """Take away all images of a removed source; raise `Superseded` if there is a newer upload."""
    removed = partial(manifests.removed, removal)
    current = storage.manifest(removal.key)
    _retire(_claim(removal.key, removed, storage, current=current), storage)


def outlives(found: Source, current: ExistingManifest, storage: Storage) -> bool:
    """Tell whether *current* is of the content of *found*, which outlived a removal.

    Then it takes the place of that removal in the order, so that no earlier one has an effect.
    """
    manifest = current.manifest
    if manifest.etag != found.etag:
        return False
    if not is_newer(found.sequencer, manifest.sequencer):
        return True
    return storage.put_manifest(replace(manifest, sequencer=found.sequencer), over=current)


def give_way(source: Source, storage: Storage) -> Manifest | None:
    """Take away what *source*, which is superseded, may have put before that was seen.

    Return the manifest of the newer upload if one of its images is not where it belongs, for then
    it has to be published again.
    """
    current = storage.manifest(source.key)
    if current is None or not is_newer(current.manifest.sequencer, source.sequencer):
        return None
    displaced = False
    for key in sorted(current.manifest.all_keys):
        existing = storage.look(key)
        if existing and not existing.stamp.is_of(source):
            continue
        if key in current.manifest.keys:
            # Overwritten, or deleted: the image of the same content uploaded again has the same
            # ETag as the old one had, so a condition on that does not tell them apart.
            displaced = True
        elif existing:
            storage.remove(key, existing)
    return current.manifest if displaced else None


def _claim(
    source_key: str,
    following: Callable[[Manifest | None], Manifest],
    storage: Storage,
    *,
    current: ExistingManifest | None,
) -> Manifest:
    """Make the manifest *following* the last one, whichever that is by then, and return it."""
    for _ in range(MAX_TRIES):
        last = current.manifest if current else None
        claim = following(last)
        if claim == last or storage.put_manifest(claim, over=current):
            return claim
        current = storage.manifest(source_key)
    raise _overtaken(source_key)


def _take_back(manifest: Manifest, storage: Storage, *, current: ExistingManifest | None) -> None:
    """Leave no image of the source of *manifest*."""
    nothing = replace(manifest, images=(), planned=(), recipe="")
    following = partial(manifests.following, nothing)
    _retire(_claim(manifest.source_key, following, storage, current=current), storage)


def _put(place: Place, rendition: Rendition, storage: Storage) -> str:
    """Return the etag under which *rendition* lies in its *place* now."""
    for _ in range(MAX_TRIES):
        if place.existing and place.is_current:
            return place.existing.etag
        if etag := storage.put(place.key, rendition, place.stamp, over=place.existing):
            return etag
        place = replace(place, existing=storage.look(place.key))
    raise _overtaken(place.key)


def _retire(manifest: Manifest, storage: Storage) -> None:
    """Delete the images that no longer belong to the source, unless they are newer."""
    for key in manifest.retired:
        for _ in range(MAX_TRIES):
            existing = storage.look(key)
            if (
                existing is None
                or existing.stamp.source_key != encoded(manifest.source_key)
                or is_newer(existing.stamp.source_sequencer, manifest.sequencer)
                or storage.remove(key, existing)
            ):
                break
        else:
            raise _overtaken(key)


def _confirm(claim: Manifest, storage: Storage) -> None:
    """Raise `Superseded` if a newer upload or a removal has come in the meantime."""
    latest = storage.manifest(claim.source_key)
    if latest and latest.manifest != claim:
        manifests.in_order(claim, latest.manifest)


def _overtaken(key: str) -> TransientFailure:
    return TransientFailure(f"publish {key!r}: overtaken {MAX_TRIES} times in a row")

"""The images of one source, put in the place of older ones and taken away again.

The order of events is that of the manifest. A publication claims it, puts the images, takes away
what is retired, and then completes the manifest, if the claim still holds: whoever came later has
either seen the claim, and retires what it put, or is seen here, and this one gives way. Single
images may be put ahead of it, under a claim that plans all of them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from pipeline import manifests
from pipeline.errors import TransientFailure
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

    def put_manifest(
        self, manifest: Manifest, *, over: ExistingManifest | None
    ) -> ExistingManifest | None: ...


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
    `TransientFailure`. What was put until then stays, for another try or for `withdraw`.
    """
    under_way = partial(manifests.following, manifests.under_way(manifest))
    if renditions:
        after = _claim(manifest.source_key, under_way, storage, current=after)
    etags = {place.key: _put(place, rendition, storage) for place, rendition in renditions}
    finished = manifests.following(manifest, after.manifest if after else None)
    if after is None or after.manifest != finished:
        _retire(finished, storage)
        _finish(finished, storage, current=after)
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
    plan = partial(manifests.plan, source, keys)
    claim = _claim(source.key, plan, storage, current=after).manifest
    _put(place, rendition, storage)
    _confirm(claim, storage)


def withdraw(source: Source, reason: str, storage: Storage) -> None:
    """Take back what was put of *source*, unless all of it was: it is rejected for that *reason*.

    The rejection is remembered, if *source* has a place in the order. Raises `Superseded` or
    `TransientFailure`.
    """
    current = storage.manifest(source.key)
    if current and not current.manifest.is_complete and current.manifest.is_of(source):
        nothing = replace(current.manifest, images=(), planned=(), recipe="")
        nothing_left = partial(manifests.following, nothing)
        current = _claim(source.key, nothing_left, storage, current=current)
        _retire(current.manifest, storage)
    if source.sequencer:
        rejected = partial(manifests.rejected, source, reason)
        _claim(source.key, rejected, storage, current=current)


def remove(removal: Removal, storage: Storage) -> None:
    """Take away all images of a removed source; raise `Superseded` if there is a newer upload."""
    removed = partial(manifests.removed, removal)
    current = storage.manifest(removal.key)
    claim = _claim(removal.key, removed, storage, current=current).manifest
    _retire(claim, storage)
    _confirm(claim, storage)


def outlives(found: Source, current: ExistingManifest, storage: Storage) -> bool:
    """Tell whether *current* is of the content of *found*, which outlived a removal.

    Then it takes the place of that removal in the order, so that no earlier one has an effect.
    """
    manifest = current.manifest
    if manifest.etag != found.etag:
        return False
    if not is_newer(found.sequencer, manifest.sequencer):
        return True
    moved = replace(manifest, sequencer=found.sequencer)
    return storage.put_manifest(moved, over=current) is not None


def give_way(request: Source | Removal, storage: Storage) -> Manifest | None:
    """Take away what *request*, which is superseded, may have put before that was seen.

    Return the manifest of the newer upload if one of its images is not where it belongs, for then
    it has to be published again.
    """
    current = storage.manifest(request.key)
    for _ in range(MAX_TRIES):
        if current is None or not is_newer(current.manifest.sequencer, request.sequencer):
            return None
        displaced, left_over = _astray(request, current.manifest, storage)
        removed = [key for key, existing in left_over.items() if storage.remove(key, existing)]
        # The image of the same content uploaded again has the same ETag as the old one had, so a
        # condition on that does not tell them apart: perhaps one was removed that came meanwhile.
        latest = storage.manifest(request.key) if removed else current
        if latest == current:
            return current.manifest if displaced else None
        current = latest
    raise _overtaken(request.key)


def _astray(
    request: Source | Removal, newer: Manifest, storage: Storage
) -> tuple[bool, dict[str, Existing]]:
    """Tell whether an image of *newer* is missing, and return those that *request* has left."""
    displaced, left_over = False, {}
    for key in sorted(newer.all_keys):
        existing = storage.look(key)
        ours = isinstance(request, Source) and existing and existing.stamp.is_of(request)
        if existing and not ours:
            continue
        if key in newer.keys:
            displaced = True
        elif existing:
            left_over[key] = existing
    return displaced, left_over


def _claim(
    source_key: str,
    following: Callable[[Manifest | None], Manifest],
    storage: Storage,
    *,
    current: ExistingManifest | None,
) -> ExistingManifest:
    """Make the manifest *following* the last one, whichever that is by then, and return it."""
    for _ in range(MAX_TRIES):
        claim = following(current.manifest if current else None)
        if current and claim == current.manifest:
            return current
        if claimed := storage.put_manifest(claim, over=current):
            return claimed
        current = storage.manifest(source_key)
    raise _overtaken(source_key)


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


def _finish(manifest: Manifest, storage: Storage, *, current: ExistingManifest | None) -> None:
    """Say that all images of *manifest* are there, and nothing else of its source.

    Raises `Superseded` if a newer upload or a removal has come in the meantime.
    """
    for _ in range(MAX_TRIES):
        last = current.manifest if current else None
        if storage.put_manifest(manifests.following(manifest, last), over=current):
            return
        current = storage.manifest(manifest.source_key)
        if current is None or not current.manifest.is_of(manifest):
            break
        if current.manifest.recipe not in ("", manifest.recipe):
            raise TransientFailure(
                f"publish {manifest.source_key!r}: being published by other settings as well"
            )
        if current.manifest.is_complete:
            return  # another handler of the same upload was faster
    if current:
        manifests.in_order(manifest, current.manifest)
    raise _overtaken(manifest.source_key)


def _confirm(claim: Manifest, storage: Storage) -> None:
    """Raise `Superseded` if a newer upload or a removal has come in the meantime."""
    latest = storage.manifest(claim.source_key)
    if latest and latest.manifest != claim:
        manifests.in_order(claim, latest.manifest)


def _overtaken(key: str) -> TransientFailure:
    return TransientFailure(f"publish {key!r}: overtaken {MAX_TRIES} times in a row")

"""The manifest of a source: which upload its images are of, and under which keys they lie.

There is one small object per source in the processed bucket. It is changed by compare-and-swap
only, which puts all uploads of one source, and its removal, into one order.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TypeVar

from pipeline.errors import Superseded
from pipeline.keys import RESERVED_PREFIX
from pipeline.model import Picture, Published, Removal, Source
from pipeline.stamps import is_newer

Upload = TypeVar("Upload", Source, "Manifest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Which upload was rejected, and the code of the *reason*."""

    etag: str
    sequencer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one upload of *source_key* published or, with an empty *etag*, that there is none.

    *bytes* is the size of the upload and *picture* what it showed; *recipe* is a hash of all that
    besides it decided the *images*. *retired* are keys that earlier uploads of it used and this
    one does not. *planned*, until all its images are published, are the keys of all of them.
    *rejection* is of a newer upload.
    """

    source_key: str
    etag: str
    version: str
    sequencer: str
    bytes: int = 0
    picture: Picture | None = None
    recipe: str = ""
    images: tuple[Published, ...] = ()
    retired: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    rejection: Rejection | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the images that belong there now, or will."""
        return frozenset(image.key for image in self.images).union(self.planned)

    @property
    def all_keys(self) -> frozenset[str]:
        """Every key at which an image of the source may ever have been put."""
        return self.keys.union(self.retired)

    @property
    def is_complete(self) -> bool:
        """Whether all the images were published that this tells of."""
        return not self.planned

    def is_of(self, upload: "Source | Manifest") -> bool:
        """Tell whether this is the manifest of the very same *upload*."""
        return (self.etag, self.sequencer) == (upload.etag, upload.sequencer)


def manifest_key(source_key: str) -> str:
    """Return where the manifest of *source_key* lies: by hash, for keys may be as long as any."""
    return f"{RESERVED_PREFIX}manifests/{sha256(source_key.encode()).hexdigest()}.json"


def dump(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest)).encode()


def load(body: bytes) -> Manifest:
    """Read what `dump` wrote."""
    fields = json.loads(body)
    return Manifest(
        **{
            **fields,
            "picture": Picture.of(fields["picture"]) if fields["picture"] else None,
            "images": tuple(map(Published.of, fields["images"])),
            "retired": tuple(fields["retired"]),
            "planned": tuple(fields["planned"]),
            "rejection": Rejection(**fields["rejection"]) if fields["rejection"] else None,
        }
    )


def in_order(upload: Upload, current: Manifest | None) -> Upload:
    """Return *upload* with its place in the order after *current*.

    One without a sequencer, from an event source that gives none, takes the place of *current*
    if that is of the same content. Raises `Superseded` if *current* is newer.
    """
    if current is None:
        return upload
    if not upload.sequencer and upload.etag == current.etag:
        return replace(upload, sequencer=current.sequencer)
    if is_newer(current.sequencer, upload.sequencer):
        raise Superseded(f"{current.sequencer} is newer than {upload.sequencer}")
    return upload


def place_of(source: Source, manifest: Manifest) -> str:
    """Return the sequencer of *source*, which was found without one, by what *manifest* knows.

    The same content has the same place. Anything else has replaced it unannounced: it comes after
    all that *manifest* knows of, and before whatever is announced later.
    """
    if source.etag == manifest.etag:
        return manifest.sequencer
    newest = manifest.rejection or manifest
    return f"{newest.sequencer}01" if newest.sequencer else ""


def of_upload(
    source: Source, images: Sequence[Published], *, picture: Picture, recipe: str
) -> Manifest:
    """Return the manifest of *source*, the first of its key, which publishes *images*."""
    return Manifest(
        source_key=source.key,
        etag=source.etag,
        version=source.version,
        sequencer=source.sequencer,
        bytes=source.size,
        # The notes are for the log of the invocation that took them.
        picture=replace(picture, notes={}),
        recipe=recipe,
        images=tuple(images),
    )


def under_way(manifest: Manifest) -> Manifest:
    """Return *manifest* as it is until all its images are published."""
    return replace(manifest, planned=tuple(sorted(manifest.keys)))


def following(manifest: Manifest, last: Manifest | None) -> Manifest:
    """Return *manifest* in its place after *last*, whose images it retires; raise `Superseded`."""
    manifest = in_order(manifest, last)
    retired = (last.all_keys if last else frozenset()) - manifest.keys
    return replace(
        manifest,
        retired=tuple(sorted(retired)),
        rejection=_newer_rejection(last, manifest.sequencer),
    )


def plan(source: Source, keys: Collection[str], last: Manifest | None) -> Manifest:
    """Return the manifest of *source* while its images are put under *keys* one by one.

    Raises `Superseded` if *last* is newer.
    """
    source = in_order(source, last)
    if last and last.is_of(source):
        return replace(last, planned=tuple(sorted({*last.planned, *keys})))
    return Manifest(
        source_key=source.key,
        etag=source.etag,
        version=source.version,
        sequencer=source.sequencer,
        planned=tuple(sorted(keys)),
        retired=tuple(sorted((last.all_keys if last else frozenset()).difference(keys))),
        rejection=_newer_rejection(last, source.sequencer),
    )


def removed(removal: Removal, last: Manifest | None) -> Manifest:
    """Return the manifest that remembers *removal*, so that no late upload undoes it.

    Raises `Superseded` if *last* is newer.
    """
    if last and is_newer(last.sequencer, removal.sequencer):
        raise Superseded(f"{last.sequencer} is newer than {removal.sequencer}")
    return Manifest(
        source_key=removal.key,
        etag="",
        version="",
        sequencer=removal.sequencer,
        retired=tuple(sorted(last.all_keys if last else ())),
        rejection=_newer_rejection(last, removal.sequencer),
    )


def rejected(source: Source, reason: str, last: Manifest | None) -> Manifest:
    """Return *last*, or a first manifest, that remembers the rejection of *source* if it is newer.

    The images of the upload before stay.
    """
    none = Manifest(source_key=source.key, etag="", version="", sequencer="")
    last = last or none
    if is_newer(source.sequencer, (last.rejection or last).sequencer):
        rejection = Rejection(etag=source.etag, sequencer=source.sequencer, reason=reason)
        return replace(last, rejection=rejection)
    return last


def _newer_rejection(last: Manifest | None, sequencer: str) -> Rejection | None:
    rejection = last.rejection if last else None
    return rejection if rejection and is_newer(rejection.sequencer, sequencer) else None

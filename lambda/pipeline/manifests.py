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
class Manifest:
    """What one upload of *source_key* published or, with an empty *etag*, that it was removed.

    *bytes* is the size of the upload and *picture* what it showed; *recipe* is a hash of all that
    besides it decided the *images*. *retired* are keys that earlier uploads of it used and this
    one does not. *planned*, while its images are published one by one, are the keys of all of them.
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

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the images that belong there now, or will."""
        return frozenset(image.key for image in self.images).union(self.planned)

    @property
    def all_keys(self) -> frozenset[str]:
        """Every key at which an image of the source may ever have been put."""
        return self.keys.union(self.retired)

    def is_of(self, source: Source) -> bool:
        """Tell whether this is the manifest of the very upload *source*."""
        return (self.etag, self.sequencer) == (source.etag, source.sequencer)


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


def following(manifest: Manifest, last: Manifest | None) -> Manifest:
    """Return *manifest* in its place after *last*, whose images it retires; raise `Superseded`."""
    manifest = in_order(manifest, last)
    retired = (last.all_keys if last else frozenset()) - manifest.keys
    return replace(manifest, retired=tuple(sorted(retired)))


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
    )

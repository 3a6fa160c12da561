"""The manifest of a source: which upload its images are of, and under which keys they lie.

There is one small object per source in the processed bucket. It is changed by compare-and-swap
only, which puts all uploads of one source, and its removal, into one order.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from pipeline.errors import Superseded
from pipeline.keys import RESERVED_PREFIX
from pipeline.model import Format, Published, Removal, Source
from pipeline.stamps import is_newer


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one upload of *source_key* published or, with an empty *etag*, that it was removed.

    *retired* are keys that earlier uploads of it used and this one does not.
    """

    source_key: str
    etag: str
    version: str
    sequencer: str
    images: tuple[Published, ...] = ()
    retired: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the images that belong there now."""
        return frozenset(image.key for image in self.images)

    @property
    def all_keys(self) -> frozenset[str]:
        """Every key at which an image of the source may ever have been put."""
        return self.keys.union(self.retired)


def manifest_key(source_key: str) -> str:
    """Return where the manifest of *source_key* lies: by hash, for keys may be as long as any."""
    return f"{RESERVED_PREFIX}manifests/{sha256(source_key.encode()).hexdigest()}.json"


def dump(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest)).encode()


def load(body: bytes) -> Manifest:
    """Read what `dump` wrote."""
    fields = json.loads(body)
    images = [
        Published(**{**image, "format": Format(image["format"])}) for image in fields["images"]
    ]
    return Manifest(**{**fields, "images": tuple(images), "retired": tuple(fields["retired"])})


def in_order(source: Source, current: Manifest | None) -> Source:
    """Return *source* with its place in the order after *current*.

    A source without a sequencer, from an event source that gives none, takes the place of
    *current* if that is of the same content. Raises `Superseded` if *current* is newer.
    """
    if current is None:
        return source
    if not source.sequencer and source.etag == current.etag:
        return replace(source, sequencer=current.sequencer)
    if is_newer(current.sequencer, source.sequencer):
        raise Superseded(f"{current.sequencer} is newer than {source.sequencer}")
    return source


def of_upload(source: Source, images: Sequence[Published], *, after: Manifest | None) -> Manifest:
    """Return the manifest of *source*, which publishes *images* in place of those of *after*."""
    keys = {image.key for image in images}
    return Manifest(
        source_key=source.key,
        etag=source.etag,
        version=source.version,
        sequencer=source.sequencer,
        images=tuple(images),
        retired=tuple(sorted((after.all_keys if after else frozenset()) - keys)),
    )


def of_removal(removal: Removal, *, after: Manifest | None) -> Manifest:
    """Return the manifest that remembers *removal*, so that no late upload undoes it."""
    return Manifest(
        source_key=removal.key,
        etag="",
        version="",
        sequencer=removal.sequencer,
        retired=tuple(sorted(after.all_keys if after else ())),
    )

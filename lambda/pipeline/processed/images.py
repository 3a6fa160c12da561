"""Find, compare, write and delete the processed images of one source.

Knows nothing of the source bucket; see `pipeline.processed.reconcile`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeVar

from pipeline import records, selection
from pipeline.aws.storage import Changed, Storage, StoredImage
from pipeline.errors import KeyCollision, TransientFailure
from pipeline.keys import candidate_keys, processed_key
from pipeline.model import Image, ImageInfo, Rendition, Source, Variant, output_format
from pipeline.provenance import Provenance
from pipeline.recipe import Recipes
from pipeline.settings import Settings

T = TypeVar("T")

_VERSION_DIGITS: Final = 16  # of a hash: enough for the images of one source


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Facts about an up-to-date source and its images, known without opening either."""

    info: ImageInfo
    images: tuple[Image, ...]


class ProcessedImages:
    """What the processed bucket holds under every key that an image of one source may have.

    *variants* are those that the source may have, before it is known what it chooses.

    The HEAD requests start at once and run in parallel to other work. Every method raises
    `TransientFailure` when S3 cannot be reached. *has_written* is true once a write or a
    deletion was attempted.
    """

    def __init__(
        self,
        source_key: str,
        variants: Sequence[Variant],
        settings: Settings,
        recipes: Recipes,
        storage: Storage,
        executor: Executor,
    ) -> None:
        self._source_key = source_key
        self._settings = settings
        self._recipes = recipes
        self._storage = storage
        self._executor = executor
        self._variants = variants
        self._heads: dict[str, Future[StoredImage | None]] = {}
        self.has_written = False
        self.look_up()

    def look_up(self) -> None:
        """Look up every image again."""
        self._look_up(self._candidates(*self._variants))

    @property
    def looked_up(self) -> Set[str]:
        """The keys that were looked up: not those that only earlier settings gave to images."""
        return self._heads.keys()

    def own(self) -> list[StoredImage]:
        """Return the images of this source, of its present content or an earlier one."""
        found = map(self._stored, self._heads)
        return [image for image in found if image and image.provenance.is_of(self._source_key)]

    def keys(self, source: Source, info: ImageInfo) -> dict[Variant, str]:
        """Return the key of every image of *source*. Raises `KeyTooLong` or `KeyReserved`."""
        variants = selection.chosen(self._variants, source.options)
        return {
            variant: self._key(variant, source, info)
            for variant in selection.distinct(variants, info)
        }

    def known(self, source: Source, record: Mapping[str, Any] | None) -> Known | None:
        """Return what is known if every image of *source* is up to date; otherwise None.

        The facts come from the *record* or, if it describes other images, from the images'
        provenance. Also returns None if both are incomplete.
        """
        variants = selection.chosen(self._variants, source.options)
        current = {}
        for variant in variants:
            for key in self._candidates(variant):
                if image := self._up_to_date(variant, key, source):
                    current[variant] = image
        if not current:
            return None
        return from_record(source, variants, current, record) or from_provenance(variants, current)

    def kept(self, source: Source, keys: Mapping[Variant, str]) -> dict[Variant, Image]:
        """Return the images under *keys* that are up to date, if their provenance has the facts."""
        images = {}
        for variant, key in keys.items():
            stored = self._up_to_date(variant, key, source)
            if stored and (described := _described(variant, stored)):
                images[variant], _ = described
        return images

    def are_of_other_content(self, source: Source) -> bool:
        """Return whether an image of other content has to be replaced."""
        return not self._settings.has_versions and any(
            image.provenance.source_identity != source.identity for image in self.own()
        )

    def write(
        self,
        source: Source,
        info: ImageInfo,
        keys: Mapping[Variant, str],
        renditions: Iterable[Rendition],
    ) -> dict[Variant, Image]:
        """Write each of *renditions*, in the order of *keys*, as soon as it is encoded.

        *info* describes *source*. Raises `KeyCollision`, or `Changed` if an image was replaced
        since it was read.
        """
        for key in keys.values():
            self._check_owner(key)
        self.has_written = True

        def put(one: tuple[Variant, Rendition]) -> Image:
            variant, rendition = one
            return self._put(variant, keys[variant], rendition, source, info)

        written = self._in_parallel(put, zip(keys, renditions, strict=True))
        return dict(zip(keys, written, strict=True))

    def delete(self, images: Sequence[StoredImage]) -> None:
        """Delete *images*. Raises `Changed` if one of them was replaced."""
        self._end(images, self._storage.delete)

    def discard(self, images: Sequence[StoredImage]) -> None:
        """Delete *images* that the source had before. Raises `Changed` as `delete` does."""
        self.delete(images)

    def confirm(self, collision: KeyCollision) -> None:
        """Raise `Changed` if the key of the *collision* belongs to no other source any more."""
        image = self._storage.head(str(collision.details["key"]))
        if image is None or image.provenance.is_of(self._source_key):
            raise Changed

    def restore(self, images: Sequence[StoredImage]) -> None:
        """Take back those of *images* that are retired. Raises `Changed` as `delete` does."""
        self._end([image for image in images if image.is_retired], self._storage.restore)

    def _end(self, images: Sequence[StoredImage], end: Callable[[StoredImage], bool]) -> None:
        if not images:
            return
        self.has_written = True
        if not all(self._in_parallel(end, images)):
            raise Changed

    def _look_up(self, keys: Iterable[str]) -> None:
        self._heads = {key: self._executor.submit(self._storage.head, key) for key in sorted(keys)}

    def _stored(self, key: str) -> StoredImage | None:
        """Return what was found under *key*, or None if it was not looked up."""
        head = self._heads.get(key)
        return head.result() if head else None

    def _key(self, variant: Variant, source: Source, info: ImageInfo) -> str:
        return processed_key(
            self._settings.key_template,
            source_key=self._source_key,
            variant=variant,
            source_format=info.format,
            result_format=output_format(variant, info),
            version=self._version(variant, source, info) if self._settings.has_versions else "",
        )

    def _version(self, variant: Variant, source: Source, info: ImageInfo) -> str:
        """Return a hash of all that decides the image, to stand in its key."""
        ingredients = [source.key, *source.identity, self._recipes.of(variant, info.format)]
        return sha256(json.dumps(ingredients).encode()).hexdigest()[:_VERSION_DIGITS]

    def _candidates(self, *variants: Variant) -> frozenset[str]:
        template = self._settings.key_template
        return candidate_keys(template, *variants, source_key=self._source_key)

    def _up_to_date(self, variant: Variant, key: str, source: Source) -> StoredImage | None:
        """Return the image under *key* if *variant* would produce it from *source* now."""
        image = self._stored(key)
        return image if image and self._is_up_to_date(image, variant, source) else None

    def _is_up_to_date(self, image: StoredImage, variant: Variant, source: Source) -> bool:
        provenance = image.provenance
        return (
            not image.is_retired
            and provenance.is_of(source.key)
            and provenance.source_identity == source.identity
            and provenance.recipe in self._recipes.any_of(variant)
            # Most ETags are MD5 sums, which can be forged: a review holds for a version.
            and (not self._settings.must_be_reviewed or provenance.source_version == source.version)
        )

    def _check_owner(self, key: str) -> None:
        """Raise `KeyCollision` if another source still has *key*."""
        image = self._stored(key)
        if image is None or image.provenance.is_of(self._source_key):
            return
        image = self._storage.head(key)
        if image is None or image.provenance.is_of(self._source_key):
            raise Changed
        raise _collision(image)

    def _put(
        self, variant: Variant, key: str, rendition: Rendition, source: Source, info: ImageInfo
    ) -> Image:
        provenance = Provenance.of(source, self._recipes.of(variant, info.format), info, rendition)
        etag = self._write(key, rendition, provenance, self._stored(key))
        if etag is None:
            etag = self._etag_of_another_run(variant, key, source)
        return Image(
            variant=variant.name,
            key=key,
            etag=etag,
            format=rendition.format,
            width=rendition.size.width,
            height=rendition.size.height,
            bytes=len(rendition.body),
            warnings=rendition.warnings,
        )

    def _write(
        self, key: str, rendition: Rendition, provenance: Provenance, over: StoredImage | None
    ) -> str | None:
        return self._storage.put(key, rendition, provenance, over=over)

    def _etag_of_another_run(self, variant: Variant, key: str, source: Source) -> str:
        """Return the ETag of the same image, if another run of this upload has written it.

        Raises `Changed` if it is of other content.
        """
        image = self._storage.head(key)
        if image is None:
            raise Changed
        if not image.provenance.is_of(self._source_key):
            raise _collision(image)
        if self._is_up_to_date(image, variant, source):
            return image.etag
        if image.provenance.source_identity == source.identity:
            raise TransientFailure(f"{key!r} is being written by a run with other settings")
        raise Changed

    def _in_parallel(self, call: Callable[[Any], T], arguments: Iterable[Any]) -> list[T]:
        """Return the results of all calls, or raise the first exception when all have ended."""
        calls: list[Future[T]] = []
        try:
            calls.extend(self._executor.submit(call, argument) for argument in arguments)
        finally:
            wait(calls)
        return [ended.result() for ended in calls]


def _collision(image: StoredImage) -> KeyCollision:
    owner = image.provenance.source_key or "something that this pipeline did not write"
    message = f"the processed key {image.key!r} already belongs to {owner}"
    return KeyCollision(message, details={"key": image.key})


def _described(variant: Variant, image: StoredImage) -> tuple[Image, ImageInfo] | None:
    """Return *image* and its source's info from its provenance, or None if incomplete."""
    facts = image.provenance.read_facts()
    if facts is None:
        return None
    own = {name: facts[name] for name in ("width", "height", "format", "warnings")}
    where = {"variant": variant.name, "key": image.key, "etag": image.etag, "bytes": image.bytes}
    return Image.of({**own, **where}), ImageInfo.of(facts["source"])


def from_provenance(
    variants: Sequence[Variant], current: Mapping[Variant, StoredImage]
) -> Known | None:
    described = {v: known for v, image in current.items() if (known := _described(v, image))}
    if not described:
        return None
    _, info = next(iter(described.values()))
    wanted = selection.distinct(variants, info)
    if not described.keys() >= {*wanted}:
        return None
    return Known(info=info, images=tuple(described[variant][0] for variant in wanted))


def from_record(
    source: Source,
    variants: Sequence[Variant],
    current: Mapping[Variant, StoredImage],
    record: Mapping[str, Any] | None,
) -> Known | None:
    if record is None or not records.is_of(record, source):
        return None
    images = records.images_of(record)
    if not images:  # of a rejected source
        return None
    info = records.image_info_of(record)
    wanted = selection.distinct(variants, info)
    found = [(v.name, current[v].key, current[v].etag) for v in wanted if v in current]
    recorded = [(image.variant, image.key, image.etag) for image in images]
    is_complete = len(found) == len(wanted) and sorted(found) == sorted(recorded)
    return Known(info=info, images=images) if is_complete else None

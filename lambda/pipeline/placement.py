"""Where the images of one source go, and which of them are there already."""

from collections.abc import Mapping
from typing import Protocol

from pipeline import imaging
from pipeline.keys import processed_key
from pipeline.model import Picture, Published, Rendition, Source, Variant
from pipeline.publication import Place
from pipeline.recipes import recipe
from pipeline.settings import Settings
from pipeline.stamps import Stamp
from pipeline.storage import Existing, ExistingManifest


class Storage(Protocol):
    """What looking needs of `pipeline.storage.Storage`."""

    def look(self, key: str) -> Existing | None: ...


def keys(source: Source, picture: Picture, settings: Settings) -> dict[Variant, str]:
    """Return the key of every image of *source*."""
    return {
        variant: processed_key(
            settings.key_template,
            source_key=source.key,
            variant=variant.name,
            source_format=picture.format,
            result_format=imaging.output_format(variant, picture),
        )
        for variant in settings.variants
    }


def place(
    source: Source, variant: Variant, key: str, settings: Settings, storage: Storage
) -> Place:
    """Look at what is under *key*."""
    stamp = Stamp.of(source, recipe(variant, settings))
    return Place(key=key, stamp=stamp, existing=storage.look(key))


def places(
    source: Source, picture: Picture, settings: Settings, storage: Storage
) -> dict[Variant, Place]:
    """Look at every key that an image of *source* goes to."""
    return {
        variant: place(source, variant, key, settings, storage)
        for variant, key in keys(source, picture, settings).items()
    }


def known(current: ExistingManifest | None) -> dict[str, Published]:
    """Return the images that a manifest tells of, by key."""
    return {image.key: image for image in current.manifest.images} if current else {}


def kept(
    places: Mapping[Variant, Place], known: Mapping[str, Published]
) -> dict[Variant, Published]:
    """Return what need not be made again. Raises `KeyCollision` or `Superseded`."""
    return {
        variant: known[place.key]
        for variant, place in places.items()
        if place.is_current and _tells_of(known.get(place.key), place)
    }


def _tells_of(image: Published | None, place: Place) -> bool:
    """Tell whether *image* is what is in *place*, and not what was there before."""
    return bool(image and place.existing and image.bytes == place.existing.bytes)


def etags(places: Mapping[Variant, Place]) -> dict[str, str]:
    """Return the etag of what is at each of *places*, by key."""
    return {place.key: place.existing.etag for place in places.values() if place.existing}


def published(place: Place, rendition: Rendition) -> Published:
    """Return what is to be remembered of *rendition* in its *place*."""
    return Published(
        variant=rendition.variant,
        key=place.key,
        format=rendition.format,
        width=rendition.size.width,
        height=rendition.size.height,
        bytes=len(rendition.body),
    )

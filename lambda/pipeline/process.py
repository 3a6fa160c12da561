"""The way of one upload: fetched, looked at, rendered, published. And of a removal: taken away."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from pipeline import imaging, manifests, publication
from pipeline.errors import EmptyFile, Rejected, Superseded
from pipeline.keys import processed_key
from pipeline.manifests import Manifest
from pipeline.model import Outcome, Picture, Published, Removal, Rendition, Source, Status, Variant
from pipeline.publication import Place
from pipeline.settings import Settings
from pipeline.stamps import Stamp
from pipeline.storage import ExistingManifest

Complete: TypeAlias = Callable[[Outcome], None]
"""Is told every outcome that is now true of a source: published, removed or rejected."""


class Storage(publication.Storage, Protocol):
    """What processing needs of `pipeline.storage.Storage`, and of a stand-in for it."""

    def fetch(self, source: Source, *, max_bytes: int) -> BinaryIO: ...

    def find(self, removal: Removal) -> Source | None: ...


def _nobody(_: Outcome) -> None:
    """Be told, and keep it to oneself."""


def process(
    source: Source,
    settings: Settings,
    storage: Storage,
    *,
    stage: imaging.Stage,
    complete: Complete = _nobody,
) -> Outcome:
    """Publish the images of *source* that are not published already, and only those of it.

    *stage* wraps each stage of the work, named, so that the caller can time it. Raises `Rejected`,
    `Superseded` or `TransientFailure`. After the last, a further run makes only what is missing;
    *complete* is told the outcome, even if all was there already, and may raise it as well.
    """
    if source.is_folder:
        return Outcome(status=Status.SKIPPED)
    try:
        outcome = _publish(source, settings, storage, stage)
    except Rejected as rejection:
        complete(Outcome(status=Status.REJECTED, source=source, rejection=rejection))
        raise
    except Superseded:
        with stage("give way"):
            newest = publication.give_way(source, storage)
        if newest:
            _restore(newest, source.bucket, settings, storage, stage, complete)
        raise
    complete(outcome)
    return outcome


def remove(
    removal: Removal,
    settings: Settings,
    storage: Storage,
    *,
    stage: imaging.Stage,
    complete: Complete = _nobody,
) -> Outcome:
    """Take away the images of a removed source.

    If there is something under its key after all, as when the newest of several versions was
    deleted, that is processed instead. Raises like `process`.
    """
    with stage("look"):
        found = storage.find(removal)
        current = storage.manifest(removal.key)
    if found is None:
        with stage("publish"):
            publication.remove(removal, storage)
        outcome = Outcome(status=Status.REMOVED, source=removal)
        complete(outcome)
        return outcome
    if current and current.manifest.etag == found.etag:
        return Outcome(status=Status.CURRENT)
    return process(found, settings, storage, stage=stage, complete=complete)


def _publish(source: Source, settings: Settings, storage: Storage, stage: imaging.Stage) -> Outcome:
    if source.size == 0:
        raise EmptyFile("the file has no bytes", found={"bytes": 0})
    with stage("fetch"):
        file = storage.fetch(source, max_bytes=settings.limits.source_bytes)
    with file, imaging.open_image(file, settings.limits) as image:
        with stage("look"):
            current = storage.manifest(source.key)
            source = manifests.in_order(source, current.manifest if current else None)
            places = _places(source, image.picture, settings, storage)
            kept = _kept(places, current)
        missing = [variant for variant in settings.variants if variant not in kept]
        rendered = imaging.render(image, missing, settings.style, stage=stage) if missing else None
    made = dict(zip(missing, rendered.renditions if rendered else (), strict=True))
    published = {variant: _published(places[variant], made[variant]) for variant in missing}
    # Only rendering finds the colours; what was rendered before is remembered in the manifest.
    remembered = current.manifest.picture if current else None
    manifest = manifests.of_upload(
        source,
        [(kept | published)[variant] for variant in settings.variants],
        picture=rendered.picture if rendered else remembered or image.picture,
        recipe=source_recipe(settings),
    )
    with stage("publish"):
        etags = publication.publish(
            manifest,
            [(places[variant], rendition) for variant, rendition in made.items()],
            storage,
            after=current,
        )
    return Outcome(
        status=Status.PUBLISHED if made else Status.CURRENT,
        source=source,
        picture=rendered.picture if rendered else manifest.picture,
        images=manifest.images,
        etags=_etags(places) | etags,
        recipe=manifest.recipe,
        published=tuple(published.values()),
    )


def _places(
    source: Source, picture: Picture, settings: Settings, storage: Storage
) -> dict[Variant, Place]:
    """Look at every key that an image of *source* goes to."""
    keys = {
        variant: processed_key(
            settings.key_template,
            source_key=source.key,
            variant=variant.name,
            source_format=picture.format,
            result_format=imaging.output_format(variant, picture),
        )
        for variant in settings.variants
    }
    return {
        variant: Place(
            key=key,
            stamp=Stamp.of(source, recipe(variant, settings)),
            existing=storage.look(key),
        )
        for variant, key in keys.items()
    }


def _kept(
    places: Mapping[Variant, Place], current: ExistingManifest | None
) -> dict[Variant, Published]:
    """Return what need not be made again. Raises `KeyCollision` or `Superseded`."""
    known = {image.key: image for image in current.manifest.images} if current else {}
    return {
        variant: known[place.key]
        for variant, place in places.items()
        if place.is_current and place.key in known
    }


def _etags(places: Mapping[Variant, Place]) -> dict[str, str]:
    return {place.key: place.existing.etag for place in places.values() if place.existing}


def _restore(
    newest: Manifest,
    bucket: str,
    settings: Settings,
    storage: Storage,
    stage: imaging.Stage,
    complete: Complete,
) -> None:
    """Publish the newest upload again, one of whose images was overwritten by an older one."""
    found = storage.find(Removal(bucket=bucket, key=newest.source_key, sequencer=newest.sequencer))
    if found and found.etag == newest.etag:
        process(found, settings, storage, stage=stage, complete=complete)


@cache
def source_recipe(settings: Settings) -> str:
    """Return a hash of everything besides the source that decides which images it has."""
    recipes = [recipe(variant, settings) for variant in settings.variants]
    return sha256(json.dumps([settings.key_template, recipes]).encode()).hexdigest()


@cache
def recipe(variant: Variant, settings: Settings) -> str:
    """Return a hash of everything besides the source that decides how a rendition is published."""
    watermark = settings.style.watermark if variant.watermark else None
    if watermark:
        # By content: the path says nothing about it, and differs from one environment to another.
        watermark = replace(watermark, logo=_digest(watermark.logo), font=_digest(watermark.font))
    ingredients = [
        imaging.engine(),
        asdict(variant),
        asdict(replace(settings.style, watermark=watermark)),
        settings.cache_control,
    ]
    return sha256(json.dumps(ingredients).encode()).hexdigest()


def _digest(file: str | None) -> str | None:
    return sha256(Path(file).read_bytes()).hexdigest() if file else None


def _published(place: Place, rendition: Rendition) -> Published:
    return Published(
        variant=rendition.variant,
        key=place.key,
        format=rendition.format,
        width=rendition.size.width,
        height=rendition.size.height,
        bytes=len(rendition.body),
    )

"""The way of one upload: fetched, looked at, rendered, published. And of a removal: taken away.

It is gone in one go by `process`, or in steps: `inspect`, `render` for each variant that is
missing, and `record`. No step relies on the one before: each looks again at what it builds on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Protocol, TypeAlias

from pipeline import imaging, manifests, placement, publication
from pipeline.errors import EmptyFile, Rejected, Superseded
from pipeline.manifests import Manifest
from pipeline.model import Outcome, Removal, Source, Status
from pipeline.recipes import source_recipe
from pipeline.settings import Settings

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
        return record(source, settings, storage, stage=stage, complete=complete)
    except Rejected as rejection:
        reject(source, rejection, storage, complete=complete)
        raise


def inspect(
    request: Source | Removal,
    settings: Settings,
    storage: Storage,
    *,
    stage: imaging.Stage,
    complete: Complete = _nobody,
) -> Outcome:
    """Find out what an upload is and what is missing of it: nothing, if it is to be recorded only.

    A removal is done with, unless it uncovers another upload. Raises like `process`, but returns a
    rejection, and leaves it to `reject`.
    """
    if isinstance(request, Removal):
        ended = _remove(request, settings, storage, stage, complete)
        if isinstance(ended, Outcome):
            return ended
        request = ended
    if request.is_folder:
        return Outcome(status=Status.SKIPPED)
    with _giving_way(request, settings, storage, stage, complete):
        try:
            return _inspect(request, settings, storage, stage)
        except Rejected as rejection:
            return Outcome(status=Status.REJECTED, source=request, rejection=rejection)


def render(
    source: Source,
    settings: Settings,
    storage: Storage,
    *,
    name: str,
    stage: imaging.Stage,
    complete: Complete = _nobody,
) -> Outcome:
    """Put the image of *source* for the variant of that *name* where it belongs, ahead of the rest.

    If there is no such variant any more, there is nothing to do. Raises like `process`.
    """
    variant = next((variant for variant in settings.variants if variant.name == name), None)
    if variant is None:
        return Outcome(status=Status.SKIPPED, source=source)
    with _giving_way(source, settings, storage, stage, complete):
        with _opened(source, settings, storage, stage) as image:
            with stage("look"):
                keys = placement.keys(source, image.picture, settings)
                current = storage.manifest(source.key)
                place = placement.place(source, variant, keys[variant], settings, storage)
                kept = placement.kept({variant: place}, placement.known(current))
            if kept:
                return Outcome(status=Status.CURRENT, source=source)
            rendered = imaging.render(image, [variant], settings.style, stage=stage)
        [rendition] = rendered.renditions
        with stage("publish"):
            publication.publish_ahead(
                source, place, rendition, storage, keys=keys.values(), after=current
            )
    return Outcome(
        status=Status.RENDERED,
        source=source,
        picture=rendered.picture,
        published=(placement.published(place, rendition),),
    )


def record(
    source: Source,
    settings: Settings,
    storage: Storage,
    *,
    ahead: Sequence[Outcome] = (),
    stage: imaging.Stage,
    complete: Complete = _nobody,
) -> Outcome:
    """Publish *source* as a whole: what was rendered *ahead*, and what is still missing.

    Raises like `process`.
    """
    with _giving_way(source, settings, storage, stage, complete):
        outcome = _publish(source, settings, storage, stage, ahead)
    complete(outcome)
    return outcome


def reject(
    source: Source, rejection: Rejected, storage: Storage, *, complete: Complete = _nobody
) -> None:
    """Take back what was put of *source*, which is rejected. Raises `TransientFailure`."""
    publication.withdraw(source, rejection.reason, storage)
    complete(Outcome(status=Status.REJECTED, source=source, rejection=rejection))


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
    ended = _remove(removal, settings, storage, stage, complete)
    if isinstance(ended, Outcome):
        return ended
    return process(ended, settings, storage, stage=stage, complete=complete)


def _remove(
    removal: Removal, settings: Settings, storage: Storage, stage: imaging.Stage, complete: Complete
) -> Outcome | Source:
    """Take away the images of a removed source, or return the upload that is there after all."""
    with stage("look"):
        found = storage.find(removal)
        current = storage.manifest(removal.key)
        if found and current and publication.outlives(found, current, storage):
            return _still_there(found, current.manifest, storage, complete)
    if found:
        return found
    with _giving_way(removal, settings, storage, stage, complete), stage("publish"):
        publication.remove(removal, storage)
    outcome = Outcome(status=Status.REMOVED, source=removal)
    complete(outcome)
    return outcome


def _still_there(
    found: Source, manifest: Manifest, storage: Storage, complete: Complete
) -> Outcome:
    """Tell how an upload has ended that another one hid meanwhile, unless it is still under way."""
    existing = {image.key: storage.look(image.key) for image in manifest.images}
    etags = {
        key: image.etag
        for key, image in existing.items()
        if image and image.stamp.source_etag == found.etag
    }
    if not manifest.is_complete or not manifest.images or len(etags) < len(existing):
        return Outcome(status=Status.CURRENT)
    outcome = Outcome(
        status=Status.CURRENT,
        source=found,
        picture=manifest.picture,
        images=manifest.images,
        etags=etags,
        recipe=manifest.recipe,
    )
    complete(outcome)
    return outcome


@contextmanager
def _giving_way(
    request: Source | Removal,
    settings: Settings,
    storage: Storage,
    stage: imaging.Stage,
    complete: Complete,
) -> Iterator[None]:
    """Leave nothing of *request*, and what newer one took its place whole, if it is superseded."""
    try:
        yield
    except Superseded:
        with stage("give way"):
            newest = publication.give_way(request, storage)
        if newest:
            _restore(newest, request.bucket, settings, storage, stage, complete)
        raise


@contextmanager
def _opened(
    source: Source, settings: Settings, storage: Storage, stage: imaging.Stage
) -> Iterator[imaging.SourceImage]:
    """Open *source*, its header read and checked. Raises like `process`."""
    if source.size == 0:
        raise EmptyFile("the file has no bytes", found={"bytes": 0})
    with stage("fetch"):
        file = storage.fetch(source, max_bytes=settings.limits.source_bytes)
    with file, imaging.open_image(file, settings.limits) as image:
        yield image


def _inspect(source: Source, settings: Settings, storage: Storage, stage: imaging.Stage) -> Outcome:
    with _opened(source, settings, storage, stage) as image, stage("look"):
        current = storage.manifest(source.key)
        source = manifests.in_order(source, current.manifest if current else None)
        kept = placement.kept(
            placement.places(source, image.picture, settings, storage), placement.known(current)
        )
    return Outcome(
        status=Status.INSPECTED,
        source=source,
        picture=image.picture,
        missing=tuple(variant.name for variant in settings.variants if variant not in kept),
    )


def _publish(
    source: Source,
    settings: Settings,
    storage: Storage,
    stage: imaging.Stage,
    ahead: Sequence[Outcome],
) -> Outcome:
    before = [image for outcome in ahead for image in outcome.published]
    with _opened(source, settings, storage, stage) as image:
        with stage("look"):
            current = storage.manifest(source.key)
            source = manifests.in_order(source, current.manifest if current else None)
            places = placement.places(source, image.picture, settings, storage)
            kept = placement.kept(
                places, placement.known(current) | {image.key: image for image in before}
            )
        missing = [variant for variant in settings.variants if variant not in kept]
        rendered = imaging.render(image, missing, settings.style, stage=stage) if missing else None
    made = dict(zip(missing, rendered.renditions if rendered else (), strict=True))
    published = {
        variant: placement.published(places[variant], made[variant]) for variant in missing
    }
    # Only rendering finds the colours: what is not rendered now was seen then.
    seen = [*[outcome.picture for outcome in ahead], current.manifest.picture if current else None]
    picture = rendered.picture if rendered else next(filter(None, seen), image.picture)
    manifest = manifests.of_upload(
        source,
        [(kept | published)[variant] for variant in settings.variants],
        picture=picture,
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
        status=Status.PUBLISHED if made or before else Status.CURRENT,
        source=source,
        picture=picture,
        images=manifest.images,
        etags=placement.etags(places) | etags,
        recipe=manifest.recipe,
        published=(*before, *published.values()),
    )


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

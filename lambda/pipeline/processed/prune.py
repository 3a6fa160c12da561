"""Delete processed images that no configured variant produces any more."""

from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline import manifests, selection
from pipeline.aws.storage import StoredImage
from pipeline.errors import KeyReserved, KeyTooLong
from pipeline.keys import RESERVED_PREFIX, candidate_keys, manifest_key
from pipeline.model import Cause, Outcome, Request, Source, Status
from pipeline.processed.reconcile import Pipeline, reconcile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What may be deleted: nothing in a *dry_run*; images without a source only if *gone*."""

    source_bucket: str
    dry_run: bool
    gone: bool


def prune(key: str, pruning: Pruning, pipeline: Pipeline, *, deadline: float) -> Outcome:
    """Classify the processed object under *key*, and delete it if it is stale.

    `Status.STALE` is an image of an existing source under a key that no variant produces or, where
    keys have versions, that its manifest does not list. It is deleted after its source is
    reconciled, so that new images exist before old ones are deleted.
    `GONE` is an image of a missing source, `UNRESOLVED` an object without this pipeline's
    provenance; everything else is `KEPT` or `SKIPPED`. Raises `TransientFailure`.
    """
    image = None if key.startswith(RESERVED_PREFIX) else pipeline.storage.head(key)
    if image is None:
        return Outcome(status=Status.SKIPPED)
    source_key = unquote(image.provenance.source_key)
    if not image.provenance.is_of(source_key) or not source_key:
        return _named(Status.UNRESOLVED, image, pruning)
    if pipeline.storage.head_source(pruning.source_bucket, source_key).source is None:
        status, may_delete = Status.GONE, pruning.gone
    elif (image.is_retired and pipeline.settings.has_versions) or key in _keys(
        source_key, pipeline
    ):
        return Outcome(status=Status.KEPT)
    else:
        status, may_delete = Status.STALE, True
    if pruning.dry_run or not may_delete:
        return _named(status, image, pruning)
    if status is Status.STALE and _is_needed(key, source_key, pruning, pipeline, deadline):
        return Outcome(status=Status.KEPT)
    # An image that was replaced in the meantime is left to the next run.
    has_deleted = pipeline.storage.delete(image)
    if status is Status.STALE and pipeline.settings.has_versions:
        # A run that started meanwhile may have listed the old image.
        _reconcile(source_key, pruning, pipeline, deadline)
    return _named(status, image, pruning) if has_deleted else Outcome(status=Status.KEPT)


def _keys(source_key: str, pipeline: Pipeline) -> Set[str]:
    """Return the keys that belong to a source: of its manifest and of its images."""
    settings = pipeline.settings
    variants = selection.for_key(source_key, settings)
    if not variants:
        return frozenset()
    candidates = candidate_keys(settings.key_template, *variants, source_key=source_key)
    with suppress(KeyTooLong, KeyReserved):
        if settings.manifest:
            key = manifest_key(settings.manifest.key_template, source_key=source_key)
            if not settings.has_versions:
                return {key, *candidates}
            stored = pipeline.storage.get_manifest(key)
            listed = manifests.read(stored.body) if stored else None
            return {key, *(image.key for image in listed.images)} if listed else {key}
    return candidates


def _is_needed(
    key: str, source_key: str, pruning: Pruning, pipeline: Pipeline, deadline: float
) -> bool:
    """Reconcile the source; return whether that failed, or the source still has the image."""
    if not selection.for_key(source_key, pipeline.settings):
        return False  # no variant applies to it
    outcome = _reconcile(source_key, pruning, pipeline, deadline)
    has_ended_well = outcome.status in (Status.PUBLISHED, Status.CURRENT)
    return not has_ended_well or key in {image.key for image in outcome.images}


def _reconcile(source_key: str, pruning: Pruning, pipeline: Pipeline, deadline: float) -> Outcome:
    request = Request(bucket=pruning.source_bucket, key=source_key, cause=Cause.LISTING)
    return reconcile(request, pipeline, deadline=deadline)


def _named(status: Status, image: StoredImage, pruning: Pruning) -> Outcome:
    """Return an outcome that names the image for operators."""
    found = Source(
        bucket=pruning.source_bucket, key=image.key, etag=image.etag, size=image.bytes, version=""
    )
    return Outcome(status=status, source=found)

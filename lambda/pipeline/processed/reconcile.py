"""Make the processed images of one source match it. This is the page to read first.

The source bucket is the truth; an event only names a key. A round reads what both buckets hold,
writes and deletes what differs, and checks the source again before it ends. If it has written and
the source has changed meanwhile, the next round starts over; if it has written nothing, the change
has an event of its own. The run that wrote last has therefore checked the source after writing,
and duplicate, late and reordered events all have the same effect.

Writes and deletions are conditional on the image or record that was found. That keeps an older
image from replacing a newer one even briefly, two sources from taking each other's key, and the
record of a rejection from a run that may publish nothing without a review and so cannot restore it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline import records, selection
from pipeline.aws.storage import Changed, OpenSource, SourceState, Storage
from pipeline.errors import EmptyFile, KeyCollision, Refused, Rejected, TransientFailure
from pipeline.model import Cause, Outcome, Rendition, Request, Source, Status, Variant
from pipeline.processed.images import ProcessedImages
from pipeline.recipe import Recipes
from pipeline.records import Record
from pipeline.renderer import OpenedSource, Renderer
from pipeline.settings import Settings
from pipeline.timing import stage

if TYPE_CHECKING:  # imported only where they are on, to start sooner
    from pipeline.aws.completion import CompletionBus
    from pipeline.aws.table import Table
    from pipeline.processed.manifest_file import ManifestFile

MAX_ROUNDS: Final = 5
"""A round is repeated only if the source has changed again, so a few are enough."""

VERSIONING_SETTLES: Final = timedelta(minutes=15)
"""How long S3 may return 404 after versioning is enabled: Amazon S3 user guide."""

DELETION_EXPLAINS: Final = timedelta(days=1)
"""Age of an upload up to which a missing source counts as deleted, and then as expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Settings, services and clock of a deployment. Parallel calls to AWS use the *executor*."""

    settings: Settings
    recipes: Recipes
    storage: Storage
    renderer: Renderer
    executor: Executor
    table: "Table | None"
    completion_bus: "CompletionBus | None"
    now: Callable[[], datetime]


def reconcile(request: Request, pipeline: Pipeline, deadline: float) -> Outcome:
    """Make the images of the requested source match it, and return the outcome.

    Rendering stops at the *deadline*, a value of `time.monotonic`. A file that cannot be
    processed ends as `Status.REJECTED`, confirmed like everything else; the last good images stay.
    Raises `TransientFailure`: a retry makes what is missing.
    """
    has_written = False
    for _ in range(MAX_ROUNDS):
        attempted = _Round(request, pipeline, deadline, has_written_before=has_written)
        with suppress(Changed):
            return attempted.run()
        has_written |= attempted.has_written
    raise TransientFailure(f"{request.key!r} has changed {MAX_ROUNDS} times in a row")


def inspect(request: Request, pipeline: Pipeline, deadline: float) -> Outcome:
    """Return what a source is and which of its images are missing, without writing.

    A missing source is reconciled, because there is nothing to review; if it is back before that
    has ended, it is inspected again. Raises `TransientFailure`.
    """
    for _ in range(MAX_ROUNDS):
        if outcome := _Round(request, pipeline, deadline).inspect():
            return outcome
        outcome = reconcile(request, pipeline, deadline=deadline)
        if outcome.status is not Status.UNREVIEWED:
            return outcome
    raise TransientFailure(f"{request.key!r} has come and gone {MAX_ROUNDS} times in a row")


def _looked_up(
    key: str, variants: Sequence[Variant], pipeline: Pipeline
) -> tuple[ProcessedImages, "ManifestFile | None"]:
    """Start to look up the images and the manifest of the source under *key*."""
    settings = pipeline.settings
    services = settings, pipeline.recipes, pipeline.storage, pipeline.executor
    if settings.manifest is None:
        return ProcessedImages(key, variants, *services), None
    from pipeline.processed.manifest_file import ManifestFile

    manifest = ManifestFile(key, settings.manifest, settings, pipeline.storage, pipeline.executor)
    if not settings.has_versions:
        return ProcessedImages(key, variants, *services), manifest
    from pipeline.processed.versioned import VersionedImages

    return VersionedImages(key, variants, *services, manifest), manifest


class _Round:
    """One pass: read both buckets, write and delete what differs, and check the source."""

    def __init__(
        self,
        request: Request,
        pipeline: Pipeline,
        deadline: float,
        *,
        has_written_before: bool = False,
    ) -> None:
        self._request = request
        self._pipeline = pipeline
        self._settings = pipeline.settings
        self._storage = pipeline.storage
        self._deadline = deadline
        self._has_written_before = has_written_before
        self._has_recorded = False
        self._has_checked = False
        self._started_at = pipeline.now()
        self._variants = selection.for_key(request.key, pipeline.settings)
        self._images, self._manifest = _looked_up(request.key, self._variants, pipeline)
        table = pipeline.table
        self._stored_record = table and pipeline.executor.submit(table.get, request.key)

    @property
    def has_written(self) -> bool:
        """Whether this round has tried to write or delete anything."""
        has_listed = self._manifest is not None and self._manifest.has_written
        return self._images.has_written or has_listed or self._has_recorded

    def run(self) -> Outcome:
        """Run the round. Raises `Changed` if another one is needed, or `TransientFailure`."""
        outcome = self._known_from_listing()
        if outcome is None:
            with stage("fetch"):
                download = self._storage.get_source(self._request.bucket, self._request.key)
            with download as found:
                outcome = self._act_on(found)
        if outcome.confirmed_at is None:
            return outcome
        if outcome.images:
            self._discard_strays(outcome)
            self._write_manifest(outcome)
        record = self._write_record(outcome)
        return self._confirm(outcome, record)

    def inspect(self) -> Outcome | None:
        """Return what the source is, or None if it is missing."""
        with stage("fetch"):
            download = self._storage.get_source(self._request.bucket, self._request.key)
        with download as found:
            source = found.source
            if source is None:
                return None
            if skipped := self._skipped(source):
                return skipped
            try:
                with self._open(found) as opened:
                    keys = self._images.keys(source, opened.info)
                    kept = self._images.kept(source, keys)
                    info = opened.info
            except Rejected as rejection:
                return Outcome(status=Status.REJECTED, source=source, rejection=rejection)
        missing = tuple(dict.fromkeys(variant.name for variant in keys if variant not in kept))
        return Outcome(status=Status.INSPECTED, source=source, info=info, missing=missing)

    # The state of the source decides what to do. An outcome that needs a final check has
    # `confirmed_at`.

    def _known_from_listing(self) -> Outcome | None:
        """Return the outcome of a listed source that is up to date, without downloading it."""
        if not self._request.etag:
            return None
        state = self._storage.head_source(self._request.bucket, self._request.key)
        if state.source is None or state.source.etag != self._request.etag:
            return None
        return self._up_to_date(state.source, state.at)

    def _act_on(self, found: OpenSource) -> Outcome:
        source = found.source
        if source is None:
            return self._remove(found)
        if outcome := self._skipped(source) or self._unreviewed(source):
            return outcome
        try:
            return self._publish(source, found)
        except Rejected as rejection:
            return self._withdraw(source, rejection, found.at)

    def _skipped(self, source: Source) -> Outcome | None:
        """Return the outcome of a source of which no image is made."""
        if source.is_folder:
            return Outcome(status=Status.SKIPPED, source=source)
        if not self._variants:
            detail = "no variant is made for this key"
            return Outcome(status=Status.SKIPPED, source=source, detail=detail)
        return None

    def _unreviewed(self, source: Source) -> Outcome | None:
        """Return the outcome of a version that this run may not publish."""
        reviewed = self._request.reviewed_version
        if reviewed and reviewed != source.version:
            detail = "another version than the one that was reviewed"
            return Outcome(status=Status.SUPERSEDED, source=source, detail=detail)
        if reviewed or not self._settings.must_be_reviewed:
            return None
        published = {
            (one.provenance.source_etag, one.provenance.source_version)
            for one in self._images.own()
        }
        if (source.etag, source.version) in published:
            return None
        detail = "no review has allowed this version"
        return Outcome(status=Status.UNREVIEWED, source=source, detail=detail)

    def _remove(self, found: SourceState) -> Outcome:
        """Delete the images of a deleted source, if the settings say so.

        A source uploaded more than a day ago has expired: its images stay.
        """
        request = self._request
        age = self._started_at - request.occurred_at if request.occurred_at else timedelta.max
        is_upload = request.cause is Cause.UPLOAD
        if is_upload and request.version and not found.is_deleted and age < VERSIONING_SETTLES:
            raise TransientFailure(f"{request.key!r} is not visible yet")
        is_deleted = (
            request.cause is Cause.REMOVAL
            or (is_upload and age < DELETION_EXPLAINS)
            # This run has written, perhaps after the run for the removal ended.
            or self._has_written_before
        )
        if not (is_deleted and self._settings.remove_deleted):
            return Outcome(status=Status.SUPERSEDED, detail="the source does not exist")
        if images := self._images.own():
            self._check(found.source)
            self._images.delete(images)
        if self._manifest and self._manifest.listed():
            self._check(found.source)
            self._manifest.delete()
        return Outcome(status=Status.REMOVED, confirmed_at=found.at)

    def _publish(self, source: Source, found: OpenSource) -> Outcome:
        """Make every image of *source* that is missing or out of date. Raises `Rejected`."""
        if self._request.refusal is not None:
            raise Refused(self._request.refusal)
        if outcome := self._up_to_date(source, found.at):
            return outcome
        with self._open(found) as opened:
            keys = self._images.keys(source, opened.info)
            kept = self._images.kept(source, keys)
            missing = {variant: key for variant, key in keys.items() if variant not in kept}
            if self._manifest:
                self._manifest.check_owner(keys.values())
            rendering = opened.render(list(missing), self._settings.style)
            renditions: Iterable[Rendition] = rendering
            if self._images.are_of_other_content(source):
                # Encode all before replacing any: a damaged file leaves the last good images.
                renditions = list(rendering)
                self._check(source)
            with stage("publish"):
                written = self._images.write(source, rendering.info, missing, renditions)
        images = kept | written
        return Outcome(
            status=Status.PUBLISHED,
            source=source,
            info=rendering.info,
            images=tuple(images[variant] for variant in keys),
            written=tuple(written.values()),
            confirmed_at=found.at,
        )

    def _up_to_date(self, source: Source, at: datetime) -> Outcome | None:
        """Return the outcome of a source whose images are all up to date, or None."""
        with stage("look up"):
            known = self._images.known(source, self._recorded())
        if known is None:
            return None
        keys = {image.key for image in known.images}
        if self._manifest and (self._manifest.is_taken or self._manifest.key in keys):
            return None
        return Outcome(
            status=Status.CURRENT,
            source=source,
            info=known.info,
            images=known.images,
            confirmed_at=at,
        )

    def _withdraw(self, source: Source, rejection: Rejected, at: datetime) -> Outcome:
        """Delete the images of the rejected *source*; those of its last good content stay."""
        if self._images.has_written:
            self._images.look_up()
        own = self._images.own()
        rejected = [one for one in own if one.provenance.source_etag == source.etag]
        self._images.delete(rejected)
        if self._manifest and (listed := self._manifest.listed()):
            keys = self._images.looked_up & {image.key for image in listed.images}
            left = [one for one in own if one.key in keys and one not in rejected]
            # A removal may have begun before the rejected upload came: then nothing good is left.
            if listed.etag == source.etag or len(left) < len(keys):
                self._check(source)
                self._manifest.delete()
                self._images.discard(left)
            # So may a run for content in between, which has retired what it was about to replace.
            elif any(one.is_retired for one in left):
                self._check(source)
                self._images.restore(left)
        return Outcome(status=Status.REJECTED, source=source, rejection=rejection, confirmed_at=at)

    def _discard_strays(self, outcome: Outcome) -> None:
        """Delete or retire the images of this source under keys that it has no longer."""
        keys = {image.key for image in outcome.images}
        if strays := [image for image in self._images.own() if image.key not in keys]:
            self._check(outcome.source)
            self._images.discard(strays)

    def _write_manifest(self, outcome: Outcome) -> None:
        """List the images of *outcome*, unless they are listed already."""
        if self._manifest is None or outcome.source is None or self._manifest.says(outcome):
            return
        if self._manifest.stored:
            self._check(outcome.source)
        self._manifest.write(outcome, outcome.source)

    def _open(self, found: OpenSource) -> AbstractContextManager[OpenedSource]:
        """Open the content; its header is read and checked. Raises `Rejected`."""
        if found.problem:
            raise found.problem
        if found.body is None or not found.source or not found.source.size:
            raise EmptyFile("the file has no bytes", details={"bytes": 0})
        return self._pipeline.renderer.open(
            found.body,
            self._settings.limits,
            deadline=self._deadline,
            reopen=partial(self._storage.reopen_source, found.source),
        )

    # The end of every run that has changed or confirmed something.

    def _recorded(self) -> Mapping[str, Any] | None:
        return self._stored_record.result() if self._stored_record else None

    def _write_record(self, outcome: Outcome) -> Record:
        """Write the record unless it is stored already. The final check makes it right."""
        record = records.of_outcome(
            outcome,
            source_key=self._request.key,
            bucket=self._request.bucket,
            cdn_url=self._settings.cdn_url,
            started_at=self._started_at,
            now=self._pipeline.now(),
        )
        stored = self._recorded()
        is_needless = outcome.status is Status.REMOVED and stored is None
        if self._pipeline.table and not is_needless and not record.says_the_same_as(stored):
            if stored and not records.is_of(stored, outcome.source):
                self._check(outcome.source)
            with stage("record"):
                self._has_recorded = True
                if not self._pipeline.table.put(record, over=stored):
                    raise Changed
        return record

    def _confirm(self, outcome: Outcome, record: Record) -> Outcome:
        """Return *outcome* if the source is still the same, and send the completion event."""
        with stage("confirm"):
            if isinstance(outcome.rejection, KeyCollision):
                self._images.confirm(outcome.rejection)
            state = self._head_source()
        if self._is_same(state.source, outcome.source):
            record = replace(record, confirmed_at=records.timestamp(state.at))
            # A backfill sends events only for what it has changed.
            if self._pipeline.completion_bus and (self.has_written or not self._request.etag):
                self._pipeline.completion_bus.put(record)
            return replace(outcome, confirmed_at=state.at)
        if self.has_written:
            raise Changed
        return Outcome(status=Status.SUPERSEDED, detail="the source has changed meanwhile")

    def _head_source(self) -> SourceState:
        return self._storage.head_source(self._request.bucket, self._request.key)

    def _check(self, source: Source | None) -> None:
        """Raise `Changed` if the source is no longer *source*, once before something is replaced.

        An image or the record may be read long after the GET of the source. If it is then newer
        than the source as read, a condition on what was read does not protect it.
        """
        self._images.own()  # Waits for the manifest and the HEAD of every image.
        self._recorded()
        if not self._has_checked and not self._is_same(self._head_source().source, source):
            raise Changed
        self._has_checked = True

    def _is_same(self, now: Source | None, then: Source | None) -> bool:
        """Return whether the content is the same and, if a review is configured, the version."""
        if now is None or then is None:
            return now is then
        is_same_version = now.version == then.version or not self._settings.must_be_reviewed
        return now.identity == then.identity and is_same_version

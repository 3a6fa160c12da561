"""What lay in the source bucket before, or was processed otherwise than it would be today."""

from dataclasses import replace

from pipeline import imaging, manifests
from pipeline.manifests import Manifest
from pipeline.model import Outcome, Source, Status
from pipeline.process import Complete, Storage, process
from pipeline.recipes import source_recipe
from pipeline.settings import Settings


def backfill(
    source: Source,
    settings: Settings,
    storage: Storage,
    *,
    reviewed_only: bool,
    stage: imaging.Stage,
    complete: Complete,
) -> Outcome:
    """Process *source* unless its manifest says that there is no need to. Raises like `process`."""
    with stage("look"):
        current = storage.manifest(source.key)
    settled = settled_as(
        source,
        current.manifest if current else None,
        recipe=source_recipe(settings),
        reviewed_only=reviewed_only,
    )
    if settled:
        return Outcome(status=settled, source=source)
    if current:
        # What can be fetched is still there after the manifest was read: it overtakes nothing.
        source = replace(source, sequencer=manifests.place_of(source, current.manifest))
    return process(source, settings, storage, stage=stage, complete=complete)


def settled_as(
    source: Source, manifest: Manifest | None, *, recipe: str, reviewed_only: bool
) -> Status | None:
    """Return how *source* ends by its *manifest* alone; None if it has to be processed.

    What was made by this *recipe* is as it would be made today. With *reviewed_only*, what was
    never published is left alone: nobody has allowed it.
    """
    if manifest and manifest.etag != source.etag:
        manifest = None
    if manifest and manifest.is_complete and manifest.recipe == recipe:
        return Status.CURRENT
    if reviewed_only and not (manifest and manifest.keys) and not source.is_folder:
        return Status.UNREVIEWED
    return None

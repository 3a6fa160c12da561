"""What lay in the source bucket before, or was processed otherwise than it would be today."""

from pipeline import imaging
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
    """Process *source* unless its manifest says that all is as it would be made today.

    With *reviewed_only*, what was never published is left alone: nobody has allowed it. Raises like
    `process`.
    """
    with stage("look"):
        current = storage.manifest(source.key)
    manifest = current.manifest if current and current.manifest.etag == source.etag else None
    if manifest and not manifest.planned and manifest.recipe == source_recipe(settings):
        return Outcome(status=Status.CURRENT, source=source)
    if reviewed_only and not (manifest and manifest.keys) and not source.is_folder:
        return Outcome(status=Status.UNREVIEWED, source=source)
    return process(source, settings, storage, stage=stage, complete=complete)

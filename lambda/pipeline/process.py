"""The way of one upload: fetched, looked at, rendered, published."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

from pipeline import imaging
from pipeline.errors import EmptyFile
from pipeline.keys import processed_key
from pipeline.model import Outcome, Picture, Published, Rendition, Source, Status, Variant
from pipeline.settings import Settings
from pipeline.stamps import Stamp, Verdict, compare
from pipeline.storage import Existing


class Storage(Protocol):
    """What `process` needs of `pipeline.storage.Storage`, and of a stand-in for it."""

    def fetch(self, source: Source, *, max_bytes: int) -> BinaryIO: ...

    def look(self, key: str) -> Existing | None: ...

    def publish(
        self, key: str, rendition: Rendition, stamp: Stamp, *, over: Existing | None
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One variant that is to be made, and where it goes."""

    variant: Variant
    key: str
    stamp: Stamp
    over: Existing | None


def process(
    source: Source, settings: Settings, storage: Storage, *, stage: imaging.Stage
) -> Outcome:
    """Publish every variant of *source* that is not published already.

    *stage* wraps each stage of the work, named, so that the caller can time it. Raises `Rejected`,
    `Superseded` or `TransientFailure`; what was published until then stays, and a further run
    makes only what is missing.
    """
    if source.is_folder:
        return Outcome(status=Status.SKIPPED)
    if source.size == 0:
        raise EmptyFile("the file has no bytes", found={"bytes": 0})

    with stage("fetch"):
        file = storage.fetch(source, max_bytes=settings.limits.source_bytes)
    with imaging.open_image(file, settings.limits) as image:
        with stage("look"):
            tasks = list(_tasks(source, image.picture, settings, storage))
        if not tasks:
            return Outcome(status=Status.CURRENT, picture=image.picture)
        rendered = imaging.render(
            image, [task.variant for task in tasks], settings.style, stage=stage
        )
    with stage("publish"):
        for task, rendition in zip(tasks, rendered.renditions, strict=True):
            storage.publish(task.key, rendition, task.stamp, over=task.over)

    return Outcome(
        status=Status.PUBLISHED,
        picture=rendered.picture,
        published=tuple(map(_published, tasks, rendered.renditions)),
    )


def _tasks(
    source: Source, picture: Picture, settings: Settings, storage: Storage
) -> Iterator[Task]:
    """Yield what is missing or out of date in the processed bucket."""
    for variant in settings.variants:
        key = processed_key(
            settings.key_template,
            source_key=source.key,
            variant=variant.name,
            source_format=picture.format,
            result_format=imaging.output_format(variant, picture),
        )
        stamp = Stamp.of(source, recipe(variant, settings))
        existing = storage.look(key)
        if existing is None or compare(stamp, existing.stamp) is not Verdict.KEEP:
            yield Task(variant=variant, key=key, stamp=stamp, over=existing)


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


def _published(task: Task, rendition: Rendition) -> Published:
    return Published(
        variant=rendition.variant,
        key=task.key,
        format=rendition.format,
        size=rendition.size,
        bytes=len(rendition.body),
    )

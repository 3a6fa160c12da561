"""One source in, a rendition per variant out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.imaging import facts
from pipeline.imaging.canvas import flattened
from pipeline.imaging.cascade import Cascade
from pipeline.imaging.copyright import copyright_of
from pipeline.imaging.decode import Raster, decode, decode_frames, needed_scale, plays
from pipeline.imaging.encode import Motion
from pipeline.imaging.geometry import WHOLE
from pipeline.imaging.job import Job, plan
from pipeline.imaging.memory import check_memory
from pipeline.imaging.resize import scaled
from pipeline.imaging.source import SourceImage
from pipeline.imaging.stages import Stage, untimed
from pipeline.model import Picture, Rendered, Style, Variant


def render(
    source: SourceImage, variants: Sequence[Variant], style: Style, *, stage: Stage = untimed
) -> Rendered:
    """Make *variants* of *source* with one decode.

    Raises `ImageTooLarge` if that would not fit the memory, `CorruptImage` if the file is damaged.
    """
    jobs = [plan(variant, source.picture) for variant in variants]
    layouts = [job.layout for job in jobs]
    moving = any(job.moves for job in jobs)
    check_memory(source, layouts, [job.format for job in jobs], moving)

    rasters = _timed(decode_frames(source) if moving else decode(source, layouts), stage)
    first = next(rasters)
    picture = _seen(source.picture, first)
    if picture.size != source.picture.size:
        jobs = [plan(variant, picture) for variant in variants]
    for job in jobs:
        job.aim(first)
    cascade = _draw(jobs, first, style, stage)

    milliseconds = [first.milliseconds]
    for raster in rasters:
        _draw([job for job in jobs if job.moves], raster, style, stage)
        milliseconds.append(raster.milliseconds)
    motion = Motion(milliseconds=milliseconds, plays=plays(source)) if moving else None
    owner = copyright_of(source.image) if style.keep_copyright else b""
    renditions = []
    for job in jobs:
        with stage("encode"):
            renditions.append(job.finish(source, first, motion, owner))
    return Rendered(picture=_with_facts(picture, cascade, style), renditions=tuple(renditions))


def _timed(rasters: Iterator[Raster], stage: Stage) -> Iterator[Raster]:
    while True:
        with stage("decode"):
            raster = next(rasters, None)
        if raster is None:
            return
        yield raster


def _seen(picture: Picture, raster: Raster) -> Picture:
    """Return *picture* as its decoded pixels show it: a PNG may tell its orientation after them."""
    note = raster.colors.note if raster.colors else ""
    notes = {"icc_profile": note} if note else {}
    return replace(picture, size=raster.size, notes={**picture.notes, **notes})


def _draw(jobs: Sequence[Job], raster: Raster, style: Style, stage: Stage) -> Cascade:
    """Add the frame *raster* to each of *jobs*, the largest first."""
    cascade = Cascade(raster)
    for job in sorted(jobs, key=lambda job: -needed_scale(job.layout, raster.size)):
        job.draw(cascade, style, stage)
    return cascade


def _with_facts(picture: Picture, cascade: Cascade, style: Style) -> Picture:
    small = scaled(cascade.smallest, WHOLE, facts.small(picture.size))
    return replace(
        picture,
        dominant_color=facts.dominant_color(flattened(small, style.background)),
        placeholder=facts.placeholder(small),
    )

"""One source in, a rendition per variant out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from PIL import Image

from pipeline.imaging import metadata
from pipeline.imaging.channels import to_common_mode
from pipeline.imaging.decode import Raster, decode, decode_frames, plays
from pipeline.imaging.encode import Artwork, Motion, encode_no_larger_than_source
from pipeline.imaging.formats import ANIMATED_FORMATS, LONGEST_SIDE
from pipeline.imaging.geometry import WHOLE, Layout, lay_out, limit_sides, needed_scale, offset
from pipeline.imaging.memory import can_be_transparent, check_frames, check_memory
from pipeline.imaging.placeholder import (
    blurred_placeholder,
    dominant_color,
    placeholder,
    thumbnail_size,
)
from pipeline.imaging.resize import Pyramid, crop_to_detail, scale, sharpen
from pipeline.imaging.source import SourceImage
from pipeline.imaging.watermark import draw_watermark
from pipeline.model import (
    Color,
    Fit,
    Format,
    ImageInfo,
    Position,
    Rendering,
    Rendition,
    Style,
    Variant,
    output_format,
)
from pipeline.timing import stage


@dataclass(slots=True, kw_only=True)
class Drawing:
    """The frames of one or more variants that differ in nothing but their encoding.

    *variant* is one of them, with the fields that do not matter here left empty.
    """

    variant: Variant
    layout: Layout
    moves: bool
    is_flattened: bool
    images: list[Image.Image] = field(default_factory=list)

    def crop(self, raster: Raster) -> None:
        """Decide where to crop, if the variant leaves that to the picture in *raster*."""
        variant = self.variant
        is_automatic = variant.fit is Fit.COVER and (variant.position, variant.focus) == (
            None,
            None,
        )
        if is_automatic and self.layout.box != WHOLE:
            self.layout = crop_to_detail(self.layout, raster)

    def draw(self, pyramid: Pyramid, style: Style) -> None:
        """Add the frame in *pyramid*."""
        with stage("resize"):
            image = pyramid.scale(self.layout)
            if self.variant.sharpen:
                image = sharpen(image)
            if self.is_flattened:
                image = flatten(image, style.background)
            position = self.variant.position or Position.CENTER
            image = pad(image, self.layout, position, style.background)
        if self.variant.watermark and style.watermark is not None:
            with stage("watermark"):
                image = draw_watermark(image, style.watermark)
        self.images.append(image)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantJob:
    """The plan for *variant*: encode *drawing* as *format*."""

    variant: Variant
    format: Format
    drawing: Drawing
    warnings: Mapping[str, object]


def render(source: SourceImage, variants: Sequence[Variant], style: Style) -> Rendering:
    """Decode *source* once and draw *variants* of it; iterating the result encodes them.

    The file is read to its end before the first is encoded, so that none is made of an incomplete
    download. Raises `ImageTooLarge` if it would not fit the memory, `CorruptImage` for damage.
    """
    jobs = _plan(variants, source)
    drawings = list({id(job.drawing): job.drawing for job in jobs}.values())
    moving = [drawing for drawing in drawings if drawing.moves]
    layouts = [job.drawing.layout for job in jobs]
    check_frames(source, [job.format for job in jobs if job.drawing.moves])
    check_memory(source, layouts, [job.format for job in jobs], moving=bool(moving))

    with stage("decode"):
        rasters = decode_frames(source) if moving else iter([decode(source, layouts)])
        first = next(rasters)
    for drawing in drawings:
        drawing.crop(first)
    smallest = _draw(drawings, first, style)
    milliseconds = [first.milliseconds]
    for raster in _timed(rasters):
        _draw(moving, raster, style)
        milliseconds.append(raster.milliseconds)
    source.read_to_end()

    motion = Motion(milliseconds=milliseconds, plays=plays(source)) if moving else None
    info = _info(source, first, smallest, style)
    return Rendering(info=info, renditions=_encode(jobs, source, first, motion, info, style))


def flatten(image: Image.Image, background: Color) -> Image.Image:
    """Return *image* on *background*, without alpha."""
    if "A" not in image.getbands():
        return image
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return canvas


def pad(image: Image.Image, layout: Layout, position: Position, background: Color) -> Image.Image:
    """Return *image* on the canvas of *layout*, which shows *background* around it."""
    if layout.canvas == layout.size:
        return image
    mode = "RGBA" if "A" in image.getbands() else "RGB"
    canvas = Image.new(mode, (layout.canvas.width, layout.canvas.height), background)
    canvas.paste(image.convert(mode), offset(layout.size, layout.canvas, position))
    return canvas


def _plan(variants: Sequence[Variant], source: SourceImage) -> list[VariantJob]:
    """Plan *variants*; those that look the same share one drawing."""
    picture = source.picture
    is_clear = can_be_transparent(source.image)
    jobs = []
    drawings: dict[tuple[object, ...], Drawing] = {}
    for variant in variants:
        format_ = output_format(variant, picture)
        wanted = lay_out(picture.size, variant)
        layout = limit_sides(wanted, LONGEST_SIDE[format_])
        drawing = Drawing(
            variant=replace(variant, **_ENCODING),
            layout=layout,
            moves=picture.frames > 1 and format_ in ANIMATED_FORMATS,
            is_flattened=is_clear and format_ is Format.JPEG,
        )
        look = drawing.variant, layout, drawing.moves, drawing.is_flattened
        jobs.append(
            VariantJob(
                variant=variant,
                format=format_,
                drawing=drawings.setdefault(look, drawing),
                warnings={} if layout == wanted else {"limited_to": LONGEST_SIDE[format_]},
            )
        )
    return jobs


_ENCODING: Final[Mapping[str, Any]] = {
    "name": "",
    "format": None,
    "usual_extension": False,
    "quality": None,
    "full_chroma": False,
    "lossless": False,
    "palette": False,
    "max_bytes": None,
}
"""The fields of a variant that do not change how it is drawn."""


def _timed(rasters: Iterator[Raster]) -> Iterator[Raster]:
    while True:
        with stage("decode"):
            raster = next(rasters, None)
        if raster is None:
            return
        yield raster


def _draw(drawings: Sequence[Drawing], raster: Raster, style: Style) -> Raster:
    """Add the frame *raster* to each of *drawings*, the largest first; return the smallest made."""
    pyramid = Pyramid(raster)
    for drawing in sorted(drawings, key=lambda each: -needed_scale(each.layout, raster.size)):
        drawing.draw(pyramid, style)
    return pyramid.smallest


def _info(source: SourceImage, first: Raster, smallest: Raster, style: Style) -> ImageInfo:
    """Return all that is known of *source*, of which *first* and *smallest* were made."""
    picture = source.picture
    thumbnail = scale(smallest, WHOLE, thumbnail_size(picture.size))
    warnings = {**picture.warnings, **first.warnings}
    warnings |= first.colors.warnings if first.colors else {}
    if metadata.has_gain_map(source):
        warnings["gain_map"] = "dropped"
    return replace(
        picture,
        dominant_color=dominant_color(flatten(thumbnail, style.background)),
        placeholder=placeholder(thumbnail),
        blurred_placeholder=blurred_placeholder(thumbnail) if style.blurred_placeholder else "",
        digital_source_type=metadata.digital_source_type(source),
        has_c2pa=metadata.has_c2pa(source),
        exif=metadata.exif_facts(source.image, style.exif_facts),
        warnings=warnings,
    )


def _encode(
    jobs: Sequence[VariantJob],
    source: SourceImage,
    first: Raster,
    motion: Motion | None,
    info: ImageInfo,
    style: Style,
) -> Iterator[Rendition]:
    exif = metadata.copyright_exif(source.image) if style.keep_copyright else b""
    source_type = info.digital_source_type if style.keep_provenance else ""
    xmp = metadata.xmp_packet(source_type) if source_type else b""
    left = Counter(id(job.drawing) for job in jobs)
    for job in jobs:
        drawing = job.drawing
        with stage("encode"):
            artwork = Artwork(
                images=to_common_mode(drawing.images),
                motion=motion if drawing.moves else None,
                exif=exif,
                xmp=xmp,
            )
            encoded = encode_no_larger_than_source(artwork, job.variant, job.format, source, first)
        left[id(drawing)] -= 1
        if not left[id(drawing)]:
            drawing.images.clear()
        yield Rendition(
            variant=job.variant.name,
            body=encoded.body,
            format=job.format,
            size=drawing.layout.canvas,
            warnings={**job.warnings, **encoded.warnings},
        )

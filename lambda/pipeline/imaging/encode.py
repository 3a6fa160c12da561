"""Finished pixels to bytes, per format. Results carry no metadata and no profile."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any
from zlib import Z_RLE

from PIL import Image

from pipeline.imaging.formats import pillow_name
from pipeline.imaging.quantize import with_clear_color, with_palette
from pipeline.model import Format, Variant

_QUALITY = {Format.JPEG: 80, Format.WEBP: 80, Format.AVIF: 60}
_LOWEST_QUALITY = 10

_COLORS = (8, 16, 32, 64, 128, 256)
_ALL_COLORS = 1 << 24

# Pictures of more colours are taken for photographs.
_FLAT_COLORS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """The timing of an animation: how long each frame shows, and how often all are played.

    *plays* is 0 for ever.
    """

    milliseconds: Sequence[float]
    plays: int


@dataclass(slots=True, kw_only=True)
class Artwork:
    """What is to be encoded: frames of one size and mode, one of them if there is no *motion*."""

    images: list[Image.Image]
    motion: Motion | None = None
    copyright: bytes = b""  # an EXIF block

    def __post_init__(self) -> None:
        for image in self.images:
            # Pillow would write what it finds here: comments, profiles, transparent colours.
            image.info = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A file, and what is worth noting about how it came to be."""

    body: bytes
    notes: dict[str, object] = field(default_factory=dict)


def encode(artwork: Artwork, variant: Variant, format_: Format, limit: int | None) -> Encoded:
    """Encode *artwork* at its variant's quality, or at the best below it that fits *limit* bytes.

    What cannot fit comes out as small as possible, with a note.
    """

    @cache
    def body(step: int) -> bytes:
        return _written(artwork, variant, format_, step, thrifty=limit is not None)

    steps = _steps(variant, format_)
    if limit is None or len(body(steps[-1])) <= limit:
        return Encoded(body=body(steps[-1]))
    fitting = bisect_left(steps, True, key=lambda step: len(body(step)) > limit)
    if fitting == 0:
        smallest = body(steps[0])
        return Encoded(body=smallest, notes={"over_limit_by": len(smallest) - limit})
    best = steps[fitting - 1]
    return Encoded(body=body(best), notes={"reduced_to": best})


def _steps(variant: Variant, format_: Format) -> Sequence[int]:
    """Return what can be given up for bytes, worst first: qualities, or numbers of colours."""
    if format_ in (Format.PNG, Format.GIF):
        steps = _COLORS if format_ is Format.GIF or variant.palette else (*_COLORS, _ALL_COLORS)
        return steps if variant.max_bytes else steps[-1:]
    quality = variant.quality or _QUALITY[format_]
    if variant.lossless and format_ is Format.WEBP:
        return [quality]
    return range(min(_LOWEST_QUALITY, quality), quality + 1)


def _written(
    artwork: Artwork, variant: Variant, format_: Format, step: int, *, thrifty: bool
) -> bytes:
    first, *rest = _colored(artwork, format_, step)
    options = _options(variant, format_, step)
    if format_ is Format.PNG:
        options = _deflate_options(first, thrifty)
    if artwork.motion is not None:
        options |= _motion_options(artwork, artwork.motion, format_)
        options |= {"save_all": True, "append_images": rest}
    if artwork.copyright and format_ is not Format.GIF:
        options["exif"] = artwork.copyright
    try:
        return _file(first, format_, options)
    except OSError:
        # A progressive JPEG must fit a buffer that Pillow makes by the picture's area: those of
        # thin strips, which are coded 16 pixels wide, and of much noise do not.
        if not options.pop("progressive", False):
            raise
        return _file(first, format_, options)


def _file(image: Image.Image, format_: Format, options: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    image.save(buffer, pillow_name(format_), **options)
    return buffer.getvalue()


def _colored(artwork: Artwork, format_: Format, colors: int) -> list[Image.Image]:
    if format_ is Format.GIF:
        return [with_clear_color(image, colors) for image in artwork.images]
    if format_ is Format.PNG and colors != _ALL_COLORS:
        return [with_palette(image, colors) for image in artwork.images]
    return artwork.images


def _options(variant: Variant, format_: Format, step: int) -> dict[str, Any]:
    subsampling = "4:4:4" if variant.full_chroma else "4:2:0"
    match format_:
        case Format.JPEG:
            return {"quality": step, "subsampling": subsampling, "progressive": True}
        case Format.WEBP:
            # Methods 3 to 5 save 3 % of the bytes for a third more time.
            return {"quality": step, "method": 2, "lossless": variant.lossless}
        case Format.AVIF:
            # Speed 6 saves 2 % of the bytes for two and a half times the time.
            return {"quality": step, "speed": 8, "subsampling": subsampling}
        case _:
            return {}


def _deflate_options(image: Image.Image, thrifty: bool) -> dict[str, Any]:
    """Choose how hard to look for repetitions: photographs have few, drawings have many."""
    if not thrifty and image.mode != "P" and image.getcolors(_FLAT_COLORS) is None:
        return {"compress_type": Z_RLE}
    return {"compress_level": 9}


def _motion_options(artwork: Artwork, motion: Motion, format_: Format) -> dict[str, Any]:
    options: dict[str, Any] = {"duration": [round(each) for each in motion.milliseconds]}
    match format_:
        case Format.GIF:
            # A clear pixel shows the frame before unless that was taken away.
            options["disposal"] = 2 if "A" in artwork.images[0].getbands() else 1
            # The extension counts repetitions, not plays.
            if motion.plays != 1:
                options["loop"] = max(0, motion.plays - 1)
        case Format.PNG | Format.WEBP:
            options["loop"] = motion.plays
    return options

"""A text or a logo on results, composited on its own region only."""

import sys
from functools import lru_cache
from pathlib import Path

from PIL import Image

from pipeline.errors import ConfigurationError, Rejected
from pipeline.imaging.decode import decode
from pipeline.imaging.geometry import WHOLE, offset
from pipeline.imaging.resize import scale
from pipeline.imaging.source import open_image
from pipeline.model import Limits, Size, Watermark

# Operators choose their logo: it is part of the package.
_ANY_SIZE = Limits(source_bytes=sys.maxsize, pixels=sys.maxsize, memory_bytes=sys.maxsize)


def draw_watermark(image: Image.Image, watermark: Watermark) -> Image.Image:
    """Return a copy of *image* with *watermark* on it."""
    image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    mark = _mark(watermark, image.width, image.height)
    margin = round(image.width * watermark.margin_percent / 100)
    if watermark.position is None:
        _tile(image, mark, margin)
        return image
    outer = Size(width=image.width, height=image.height)
    inner = Size(width=mark.width, height=mark.height)
    left, top = offset(inner, outer, watermark.position, margin)
    corner = _clamp(left, outer.width - inner.width), _clamp(top, outer.height - inner.height)
    _composite(image, mark, corner)
    return image


def check_watermark(watermark: Watermark) -> None:
    """Raise `ConfigurationError` if *watermark* cannot be drawn.

    A logo or font is missing or unreadable, there is nothing to write, the text cannot be laid out
    letter by letter, or the font has no glyph for a character.
    """
    if watermark.logo is not None:
        _logo(watermark.logo)
        return
    # Not at the top: a cold start without a text needs no font engine.
    from pipeline.imaging.watermark_text import missing_glyphs, normalize, unsupported_letters

    text = normalize(watermark.text or "")
    if not text.strip():
        raise ConfigurationError("the watermark has neither a text nor a logo")
    unsupported = unsupported_letters(text)
    if unsupported:
        raise ConfigurationError(
            f"the watermark's text has {unsupported!r}: scripts that run from right to left or join"
            " their letters, and marks without a letter of their own, need a logo instead"
        )
    missing = missing_glyphs(text, watermark.font)
    if missing:
        raise ConfigurationError(f"the watermark's font has no glyph for {missing!r}")


# Invocations of one deployment draw the same mark at the same few sizes.
@lru_cache(maxsize=16)
def _mark(watermark: Watermark, width: int, height: int) -> Image.Image:
    """Return *watermark* for a result of *width* and *height*. Callers must not change it."""
    room = Size(width=max(1, round(width * watermark.width_percent / 100)), height=height)
    if watermark.logo is not None:
        mark = _fitted(_logo(watermark.logo), room)
    else:
        from pipeline.imaging.watermark_text import draw_text

        mark = draw_text(watermark, room)
    if watermark.rotation_degrees:
        mark = mark.rotate(watermark.rotation_degrees, Image.Resampling.BICUBIC, expand=True)
    opacity = watermark.opacity_percent / 100
    mark.putalpha(mark.getchannel("A").point(lambda level: level * opacity))
    return mark


def _fitted(logo: Image.Image, room: Size) -> Image.Image:
    scale = min(room.width / logo.width, room.height / logo.height)
    size = max(1, round(logo.width * scale)), max(1, round(logo.height * scale))
    return logo.resize(size, Image.Resampling.LANCZOS)


@lru_cache(maxsize=1)
def _logo(path: str) -> Image.Image:
    """Return the picture in the file at *path*, opened as an upload is: upright and in sRGB."""
    try:
        with Path(path).open("rb") as file, open_image(file, _ANY_SIZE) as source:
            raster = decode(source, [])
            return scale(raster, WHOLE, raster.size).convert("RGBA")
    except (Rejected, OSError) as error:
        raise ConfigurationError(f"the watermark's logo {path}: {error}") from error


def _clamp(start: int, free: int) -> int:
    """Keep *start* where a mark is visible in a picture with *free* pixels around it."""
    return min(max(start, min(0, free)), max(0, free))


def _tile(image: Image.Image, mark: Image.Image, gap: int) -> None:
    """Repeat *mark* all over *image*, every second row shifted by half a step."""
    across, down = mark.width + min(gap, mark.width - 1), mark.height + gap
    for row, top in enumerate(range(0, image.height, down)):
        for left in range(-(across // 2) * (row % 2), image.width, across):
            _composite(image, mark, (left, top))


def _composite(image: Image.Image, mark: Image.Image, corner: tuple[int, int]) -> None:
    if image.mode == "RGBA":
        # Unlike `paste`, this refuses corners outside of the picture.
        left, top = corner
        hidden = max(0, -left), max(0, -top)
        image.alpha_composite(mark, (max(0, left), max(0, top)), hidden)
    else:
        image.paste(mark, corner, mark)

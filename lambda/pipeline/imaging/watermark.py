"""A text or a logo on results, composited on its own region only."""

from functools import lru_cache
from pathlib import Path

from PIL import Image

from pipeline.errors import ConfigurationError
from pipeline.imaging import color, formats
from pipeline.imaging.geometry import offset
from pipeline.model import Size, Watermark


def stamped(image: Image.Image, watermark: Watermark) -> Image.Image:
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
    corner = _inside(left, outer.width - inner.width), _inside(top, outer.height - inner.height)
    _composite(image, mark, corner)
    return image


def check_watermark(watermark: Watermark) -> None:
    """Raise `ConfigurationError` if *watermark* cannot be drawn.

    A logo or font is missing or is not what it should be, there is nothing to write, or the font
    lacks a character.
    """
    if watermark.logo is not None:
        _logo(watermark.logo)
        return
    text = watermark.text or ""
    if not text.strip():
        raise ConfigurationError("the watermark has neither a text nor a logo")
    from pipeline.imaging.lettering import lacking_in

    lacking = lacking_in(text, watermark.font)
    if lacking:
        raise ConfigurationError(f"the watermark's font has no glyph for {lacking!r}")


# Invocations of one deployment draw the same mark at the same few sizes.
@lru_cache(maxsize=16)
def _mark(watermark: Watermark, width: int, height: int) -> Image.Image:
    """Return *watermark* as it goes on a result of *width* and *height*. Not to be drawn on."""
    room = Size(width=max(1, round(width * watermark.width_percent / 100)), height=height)
    if watermark.logo is not None:
        mark = _fitted(_logo(watermark.logo), room)
    else:
        # Not at the top: a cold start without a text needs no font engine.
        from pipeline.imaging.lettering import lettering

        mark = lettering(watermark, room)
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
    try:
        with Path(path).open("rb") as file:
            format_ = formats.recognise(file.read(formats.SNIFF_BYTES))
            file.seek(0)
            logo = color.plain(Image.open(file, formats=(formats.pillow_name(format_),)))
            profile = logo.info.get("icc_profile")
            return color.ColorSpace(logo.mode, profile).to_srgb(logo).convert("RGBA")
    except Exception as error:  # decoders raise almost anything on what is not a picture
        raise ConfigurationError(f"the watermark's logo {path}: {error}") from error


def _inside(start: int, free: int) -> int:
    """Keep *start* where a mark is seen in a picture that has *free* pixels around it."""
    return min(max(start, min(0, free)), max(0, free))


def _tile(image: Image.Image, mark: Image.Image, gap: int) -> None:
    """Repeat *mark* all over *image*, every second row half a step aside."""
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

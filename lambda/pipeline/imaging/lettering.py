"""Text as a picture, readable on light and dark."""

from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.errors import ConfigurationError
from pipeline.model import Color, Contrast, Size, Watermark

_BUNDLED_PACKAGE, _BUNDLED_FILE = "fontpkg_open_sans", "files/OpenSans[wdth,wght].ttf"

# In parts of the font's size.
_OUTLINE = 1 / 18
_SHADOW_OFFSET, _SHADOW_BLUR = 1 / 16, 1 / 20

_PROBE_SIZE = 100
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_MIDDLE = 128

# No font has a glyph for a noncharacter: this is drawn as whatever is lacking.
_NONCHARACTER = "\uffff"


def lettering(watermark: Watermark, room: Size) -> Image.Image:
    """Return the text of *watermark* as large as *room* allows, on a clear RGBA picture."""
    text = watermark.text or ""
    font, padding = _largest(watermark, text, room)
    left, top, right, bottom = font.getbbox(text)
    size = (
        max(1, round(right - left) + 2 * padding),
        max(1, round(bottom - top) + 2 * padding),
    )
    layer = Image.new("RGBA", size, (*watermark.color, 0))
    origin = (padding - left, padding - top)
    against = _contrasting(watermark.color)
    if watermark.contrast is Contrast.SHADOW:
        layer = _shadow(size, origin, text, font, against)
    outline = padding if watermark.contrast is Contrast.OUTLINE else 0
    ImageDraw.Draw(layer).text(
        origin,
        text,
        font=font,
        fill=(*watermark.color, 255),
        stroke_width=outline,
        stroke_fill=(*against, 255),
    )
    return layer


def lacking_in(text: str, path: str | None) -> str:
    """Return the characters of *text* that the font at *path*, or the bundled one, cannot draw."""
    font = _font(path, _PROBE_SIZE)
    missing = font.getmask(_NONCHARACTER)
    seen = dict.fromkeys(character for character in text if not character.isspace())
    return "".join(
        character
        for character in seen
        if (mask := font.getmask(character)).size == missing.size and bytes(mask) == bytes(missing)
    )


def _largest(watermark: Watermark, text: str, room: Size) -> tuple[ImageFont.FreeTypeFont, int]:
    """Return the font at the size that fills *room*, and how far its contrast reaches around it."""
    reach = {
        Contrast.NONE: 0.0,
        Contrast.OUTLINE: _OUTLINE,
        Contrast.SHADOW: _SHADOW_OFFSET + 2 * _SHADOW_BLUR,
    }[watermark.contrast]
    left, top, right, bottom = _font(watermark.font, _PROBE_SIZE).getbbox(text)
    width, height = (right - left) / _PROBE_SIZE, (bottom - top) / _PROBE_SIZE
    size = min(
        room.width / max(width + 2 * reach, 0.01), room.height / max(height + 2 * reach, 0.01)
    )
    padding = max(1, round(size * reach)) if reach else 0
    return _font(watermark.font, max(1.0, size)), padding


def _shadow(
    size: tuple[int, int],
    origin: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont,
    color: Color,
) -> Image.Image:
    alpha = Image.new("L", size)
    shift = font.size * _SHADOW_OFFSET
    ImageDraw.Draw(alpha).text((origin[0] + shift, origin[1] + shift), text, font=font, fill=255)
    shadow = Image.new("RGBA", size, color)
    shadow.putalpha(alpha.filter(ImageFilter.GaussianBlur(font.size * _SHADOW_BLUR)))
    return shadow


def _contrasting(color: Color) -> Color:
    luma = Image.new("RGB", (1, 1), color).convert("L").tobytes()[0]
    return _BLACK if luma >= _MIDDLE else _WHITE


def _font(path: str | None, size: float) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(path or _bundled(), size)
    except OSError as error:
        raise ConfigurationError(f"the watermark's font {path or 'bundled'}: {error}") from error


def _bundled() -> str:
    spec = find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {_BUNDLED_PACKAGE} is not installed")
    return str(Path(spec.origin).parent / _BUNDLED_FILE)

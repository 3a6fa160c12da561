"""The text of a watermark as a picture, readable on light and dark.

It is laid out letter by letter, left to right, on every machine: Pillow's other layout needs
FriBiDi, which Lambda does not have.
"""

import unicodedata
from functools import lru_cache
from io import BytesIO
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.errors import ConfigurationError
from pipeline.imaging.fingerprint import bundled_font
from pipeline.model import Color, Contrast, Size, Watermark

# In parts of the font's size.
_OUTLINE = 1 / 18
_SHADOW_OFFSET, _SHADOW_BLUR = 1 / 16, 1 / 20

_PROBE_SIZE = 100
_SMALL = 32
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_MIDDLE = 128

# Line break hints and variation selectors, which are not drawn.
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI"})
_MARKS = frozenset({"Mn", "Mc", "Me"})
# Left to right, but their letters join: parts of Korean syllables, Mongolian, Phags-pa; joiners.
_JOINED = frozenset(
    [*range(0x1100, 0x1200), *range(0x1800, 0x18B0), *range(0xA840, 0xA880), 0x200C, 0x200D]
)

# No font has a glyph for a noncharacter: it is drawn as every missing glyph is.
_NONCHARACTER = "\uffff"


def draw_text(watermark: Watermark, room: Size) -> Image.Image:
    """Return the text of *watermark* as large as *room* allows, on a clear RGBA picture."""
    text = normalize(watermark.text or "")
    font, padding = _largest(watermark, text, room)
    scale = ceil(_SMALL / font.size)
    if scale == 1:
        return _draw(watermark, text, font, padding)
    # Letters are placed at whole pixels: small ones would be further apart than large ones.
    larger = Size(width=room.width * scale, height=room.height * scale)
    layer = _draw(watermark, text, *_largest(watermark, text, larger))
    size = max(1, round(layer.width / scale)), max(1, round(layer.height / scale))
    return layer.resize(size, Image.Resampling.LANCZOS)


def _draw(
    watermark: Watermark, text: str, font: ImageFont.FreeTypeFont, padding: int
) -> Image.Image:
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


def normalize(text: str) -> str:
    """Return *text* without invisible characters, a letter and its marks combined."""
    return unicodedata.normalize("NFC", text.translate(_INVISIBLE))


def unsupported_letters(text: str) -> str:
    """Return the characters of the normalized *text* that cannot be laid out letter by letter.

    They are of scripts that run from right to left or join their letters, and marks that do not
    combine with their letter to one character.
    """
    return "".join(character for character in dict.fromkeys(text) if _is_joined(character))


def missing_glyphs(text: str, path: str | None) -> str:
    """Return the characters of *text* that are not in the font at *path*, or in the bundled one."""
    font = _font(path, _PROBE_SIZE)
    missing = font.getmask(_NONCHARACTER)
    seen = dict.fromkeys(character for character in text if not character.isspace())
    return "".join(
        character
        for character in seen
        if (mask := font.getmask(character)).size == missing.size and bytes(mask) == bytes(missing)
    )


def _is_joined(character: str) -> bool:
    return (
        unicodedata.bidirectional(character) in _RIGHT_TO_LEFT
        or unicodedata.category(character) in _MARKS
        or ord(character) in _JOINED
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


@lru_cache(maxsize=2)
def _file(path: str | None) -> bytes:
    """Return the font at *path*, or the bundled one; a second time no file is opened."""
    return Path(path or bundled_font()).read_bytes()


def _font(path: str | None, size: float) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(BytesIO(_file(path)), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise ConfigurationError(f"the watermark's font {path or 'bundled'}: {error}") from error

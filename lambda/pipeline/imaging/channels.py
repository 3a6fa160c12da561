"""Channels as the pipeline works with them: 8 bits each, and alpha where a picture can be clear.

For integers of up to 16 bits the file says what white is. For wider ones and floating numbers no
format does: white is the least of 1, 255 and 65535 that the numbers do not exceed, or their range
is stretched if they go below zero or beyond all of these. Of floating numbers, which hold
highlights, infinities and places without data, one in a hundred at either end does not count.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, cast

from PIL import ExifTags, Image, ImageChops, ImageFile

ALPHA_MODES = frozenset({"LA", "RGBA"})
_PLAIN_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "LAB"})
_DEEP = "I;16"
_MODES_WITH_ALPHA = {"1": "LA", "L": "LA", _DEEP: "LA", "RGB": "RGBA"}

_CLEAR, _OPAQUE = 0, 255
_DEPTH = 16
_WHITES = (1, 255, 65_535)
_WHITE_IS_ZERO = 0
_SAMPLE_SIDE = 256
_IGNORED_SHARE = 100


def to_plain_mode(image: Image.Image) -> Image.Image:
    """Return *image* as L, LA, RGB, RGBA, CMYK or LAB, deeper channels scaled to 8 bits."""
    if has_transparent_color(image):
        return apply_transparent_color(image)
    if image.mode in _PLAIN_MODES:
        return drop_empty_alpha(image) if image.format == "BMP" else image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return to_8_bit(image)
    if image.mode == "La":
        return image.convert("LA")
    return image.convert("RGBA" if has_alpha(image) else "RGB")


def has_alpha(image: Image.Image) -> bool:
    """Tell from its header whether *image* can be transparent anywhere."""
    return image.has_transparency_data


def has_transparent_color(image: Image.Image) -> bool:
    """Tell whether *image* declares one colour to be transparent."""
    return "transparency" in image.info and image.mode in _MODES_WITH_ALPHA


def normalise_transparent_color(image: ImageFile.ImageFile) -> None:
    """Scale the transparent colour of the PNG *image*, just opened, to the 8 bits of its pixels.

    Pillow leaves it as stored. Of 16-bit colours Pillow reads the upper half, so that half counts.
    """
    color: Any = image.info.get("transparency")
    if isinstance(color, str):  # a text of that name
        del image.info["transparency"]
    elif has_transparent_color(image):
        rawmode = str(image.tile[0].args)
        if rawmode in ("L;2", "L;4"):
            highest = (1 << int(rawmode[-1])) - 1
            image.info["transparency"] = int(color & highest) * _OPAQUE // highest
        elif rawmode == "RGB;16B":
            image.info["transparency"] = tuple(level >> 8 for level in color)


def apply_transparent_color(image: Image.Image) -> Image.Image:
    """Return *image*, which has a transparent colour, as LA or RGBA."""
    if image.mode != _DEEP:
        return image.convert(_MODES_WITH_ALPHA[image.mode])
    levels = [_OPAQUE] * (1 << _DEPTH)
    levels[image.info["transparency"]] = _CLEAR
    return Image.merge("LA", (to_8_bit(image), image.convert("I").point(levels, "L")))


def drop_empty_alpha(image: Image.Image) -> Image.Image:
    """Return *image*, a BMP, without an alpha channel that would hide all of it.

    Many writers leave the last 8 of 32 bits empty, and readers show such bitmaps as opaque.
    """
    if image.mode != "RGBA" or _extrema(image.getchannel("A"))[1]:
        return image
    return image.convert("RGB")


def drop_opaque_alpha(image: Image.Image) -> Image.Image:
    """Return *image* without its alpha channel if that hides nothing."""
    if image.mode not in ALPHA_MODES or _extrema(image.getchannel("A"))[0] != _OPAQUE:
        return image
    return image.convert(image.mode.removesuffix("A"))


def to_common_mode(images: list[Image.Image]) -> list[Image.Image]:
    """Return *images* in one mode, as the frames of an animation must be."""
    if len({image.mode for image in images}) == 1:
        return images
    mode = "RGBA" if any("A" in image.getbands() for image in images) else "RGB"
    return [image.convert(mode) for image in images]


def to_8_bit(grey: Image.Image) -> Image.Image:
    """Return *grey*, in mode I, F or one of 16 bits, scaled to L."""
    # Pillow inverts pictures in which 0 is white in 8 bits only.
    is_white_zero = _WHITE_IS_ZERO in _tiff_tag(grey, ExifTags.Base.PhotometricInterpretation)
    if grey.mode.startswith("I;16"):
        bits = min((_DEPTH, *_tiff_tag(grey, ExifTags.Base.BitsPerSample)))
        # Pillow has no tables for 16 bits.
        return grey.convert("I").point(_table(bits, is_white_zero), "L")
    low, high = _range(grey)
    scale = 255 / ((high - low) or 1)
    scaled = grey.point(lambda level: level * scale + (0.5 - low * scale)).convert("L")
    return ImageChops.invert(scaled) if is_white_zero else scaled


@lru_cache(maxsize=4)
def _table(bits: int, is_white_zero: bool) -> list[int]:
    white = (1 << bits) - 1
    table = [min(255, (2 * 255 * level + white) // (2 * white)) for level in range(1 << _DEPTH)]
    return [255 - level for level in table] if is_white_zero else table


def _tiff_tag(image: Image.Image, tag: int) -> Sequence[int]:
    value = getattr(image, "tag_v2", {}).get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _range(grey: Image.Image) -> tuple[float, float]:
    """Return the numbers that are black and white."""
    low, high = _sampled_range(grey) if grey.mode == "F" else _extrema(grey)
    if low < 0 or high > _WHITES[-1]:
        return low, high
    return 0, next(white for white in _WHITES if high <= white)


def _extrema(grey: Image.Image) -> tuple[float, float]:
    return cast("tuple[float, float]", grey.getextrema())


def _sampled_range(grey: Image.Image) -> tuple[float, float]:
    size = min(grey.width, _SAMPLE_SIDE), min(grey.height, _SAMPLE_SIDE)
    sample = memoryview(grey.resize(size, Image.Resampling.NEAREST).tobytes()).cast("f")
    levels = sorted(filter(isfinite, sample)) or [0.0]
    ignored = len(levels) // _IGNORED_SHARE
    return levels[ignored], levels[-1 - ignored]

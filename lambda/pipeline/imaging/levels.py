"""Grey of any depth, made 8 bits.

Of integers of 16 bits and fewer the file tells what white is. Of wider ones and of floating numbers
no format does: white is then the least of 1, 255 and 65535 that the numbers do not exceed, or
their range is stretched if they go below zero or beyond all of these. Of floating numbers, which
hold highlights, infinities and places without data, one in a hundred at either end does not count.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from typing import cast

from PIL import ExifTags, Image, ImageChops

_DEPTH = 16
_WHITES = (1, 255, 65_535)
_WHITE_IS_ZERO = 0

_SAMPLE_SIDE = 256
_UNCOUNTED = 100


def eight_bits(grey: Image.Image) -> Image.Image:
    """Return *grey*, in mode I, F or one of 16 bits, scaled to L."""
    if grey.mode.startswith("I;16"):
        # Pillow has no tables for 16 bits.
        return grey.convert("I").point(_table(_bits(grey), _is_negative(grey)), "L")
    low, high = _range(grey)
    scale = 255 / ((high - low) or 1)
    shown = grey.point(lambda level: level * scale + (0.5 - low * scale)).convert("L")
    return ImageChops.invert(shown) if _is_negative(grey) else shown


@lru_cache(maxsize=4)
def _table(bits: int, is_negative: bool) -> list[int]:
    white = (1 << bits) - 1
    table = [min(255, (2 * 255 * level + white) // (2 * white)) for level in range(1 << _DEPTH)]
    return [255 - level for level in table] if is_negative else table


def _bits(grey: Image.Image) -> int:
    return min((_DEPTH, *_tiff_tag(grey, ExifTags.Base.BitsPerSample)))


def _is_negative(grey: Image.Image) -> bool:
    """Tell whether 0 is white: Pillow turns that round in 8 bits only."""
    return _WHITE_IS_ZERO in _tiff_tag(grey, ExifTags.Base.PhotometricInterpretation)


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
    ignored = len(levels) // _UNCOUNTED
    return levels[ignored], levels[-1 - ignored]

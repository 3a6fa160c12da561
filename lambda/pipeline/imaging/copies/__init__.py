"""Copies of uploads that are published as they are coded: the picture alone, without metadata.

Decoders ignore bytes that they do not need: metadata, tables, the rest of a coded stream. These
could be anything, such as a script or an archive, and must not be published with the picture.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import zip_longest
from operator import eq
from typing import Final

from PIL import Image

from pipeline.errors import CorruptImage, Rejected
from pipeline.imaging.copies import gif, jpeg, png, webp
from pipeline.imaging.decode import Raster, decode, decode_frames, plays
from pipeline.imaging.source import SourceImage, open_image
from pipeline.model import Format, Limits

# Comparing decodes the source and its copy once more: larger pictures are encoded again.
_MAX_PIXELS, _MAX_PIXELS_OF_ALL_FRAMES = 8 << 20, 64 << 20
_ROWS = 256  # compared at a time

_DAMAGE = (
    *(IndexError, KeyError, ValueError, OSError, SyntaxError),
    *(struct.error, zlib.error, CorruptImage, Image.DecompressionBombError),
)

_PICTURE_ALONE: Final[dict[Format, Callable[[bytes], bytes | None]]] = {
    Format.JPEG: jpeg.picture_alone,
    Format.PNG: png.picture_alone,
    Format.WEBP: webp.picture_alone,
    Format.GIF: gif.picture_alone,
}


def copy_picture(source: SourceImage, limit: int) -> bytes | None:
    """Return the picture of *source* as it is coded, if that fits *limit* and shows the same."""
    pixels = source.picture.size.width * source.picture.size.height
    if pixels > _MAX_PIXELS or pixels * source.picture.frames > _MAX_PIXELS_OF_ALL_FRAMES:
        return None
    content = source.content()
    copy = without_metadata(content, source.picture.format)
    if copy is None or len(copy) > limit or not _show_the_same(content, copy, source.limits):
        return None
    return copy


def without_metadata(data: bytes, format_: Format) -> bytes | None:
    """Return the sound file *data* with its picture alone.

    None where *format_* is not taken apart here, or what the picture does not need cannot be
    removed.
    """
    picture_alone = _PICTURE_ALONE.get(format_)
    try:
        return picture_alone(data) if picture_alone else None
    except _DAMAGE:
        return None


def _show_the_same(content: bytes, copy: bytes, limits: Limits) -> bool:
    """Tell whether two files decode to the same pixels, frame by frame, with the same timing."""
    try:
        with (
            open_image(BytesIO(content), limits) as one,
            open_image(BytesIO(copy), limits) as other,
        ):
            if plays(one) != plays(other):
                return False
            pairs = zip_longest(_rasters(one), _rasters(other))
            return all(first and second and _is_same(first, second) for first, second in pairs)
    except Rejected:
        return False


def _rasters(source: SourceImage) -> Iterator[Raster]:
    if source.picture.frames > 1:
        yield from decode_frames(source)
    else:
        yield decode(source, [])


def _is_same(one: Raster, other: Raster) -> bool:
    return (
        one.milliseconds == other.milliseconds
        and one.is_as_stored == other.is_as_stored
        and one.image.size == other.image.size
        and all(map(eq, _rows(one.image), _rows(other.image)))
    )


def _rows(image: Image.Image) -> Iterator[bytes]:
    # Grey is the same as RGB: the colours of a palette that are used may be all grey.
    mode = "CMYK" if image.mode == "CMYK" else "RGBA"
    for top in range(0, image.height, _ROWS):
        part = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
        yield part.convert(mode).tobytes()

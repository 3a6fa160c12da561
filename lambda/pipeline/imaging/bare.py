"""A file without its metadata, its coded picture untouched."""

import struct
from collections.abc import Callable

from pipeline.errors import CorruptImage
from pipeline.imaging import gif, jpeg, png
from pipeline.model import Format

_JPEG_ADOBE = 0xEE  # tells how the colours are coded, so it stays
_JPEG_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE}) - {_JPEG_ADOBE}

_WEBP_PICTURE = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04  # ICC profile, EXIF, XMP


def bare(data: bytes, format_: Format) -> bytes | None:
    """Return the file *data* without EXIF, XMP, IPTC, profile, comments, thumbnails and trailers.

    None where *format_* cannot be taken apart here.
    """
    strip = _STRIPPERS.get(format_)
    try:
        return strip(data) if strip else None
    except (IndexError, struct.error, CorruptImage):
        return None


def _bare_jpeg(data: bytes) -> bytes:
    kept = (part.whole for part in jpeg.segments(data) if part.marker not in _JPEG_METADATA)
    return b"".join([jpeg.START, *kept])


def _bare_webp(data: bytes) -> bytes:
    kept = []
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if name == b"VP8X":
            flags = data[at + 8] & ~_WEBP_METADATA_FLAGS
            kept.append(data[at : at + 8] + bytes([flags]) + data[at + 9 : end])
        elif name in _WEBP_PICTURE:
            kept.append(data[at:end])
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_STRIPPERS: dict[Format, Callable[[bytes], bytes]] = {
    Format.JPEG: _bare_jpeg,
    Format.PNG: png.bare,
    Format.WEBP: _bare_webp,
    Format.GIF: gif.bare,
}

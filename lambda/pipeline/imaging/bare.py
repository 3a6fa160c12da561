"""A file without its metadata, its coded picture untouched."""

import struct
from collections.abc import Callable, Iterator

from pipeline.errors import CorruptImage
from pipeline.model import Format

_JPEG_START, _JPEG_END, _JPEG_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
_JPEG_ADOBE = 0xEE  # tells how the colours are coded, so it stays
_JPEG_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE}) - {_JPEG_ADOBE}

_PNG_SIGNATURE_BYTES = 8
_PNG_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})

_WEBP_PICTURE = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04  # ICC profile, EXIF, XMP

_GIF_TRAILER, _GIF_EXTENSION, _GIF_IMAGE = 0x3B, 0x21, 0x2C
_GIF_CONTROL, _GIF_APPLICATION = 0xF9, 0xFF
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def bare(data: bytes, format_: Format) -> bytes | None:
    """Return the file *data* without EXIF, XMP, IPTC, profile, comments, thumbnails and trailers.

    None where *format_* cannot be taken apart here.
    """
    strip = _STRIPPERS.get(format_)
    try:
        return strip(data) if strip else None
    except (IndexError, struct.error, CorruptImage):
        return None


def check_gif_ends(data: bytes) -> None:
    """Raise `CorruptImage` if the GIF file *data* stops before its trailer.

    Its reader takes what is missing between two frames for the end.
    """
    try:
        for _ in _gif_blocks(data):
            pass
    except IndexError as error:
        raise CorruptImage("the animation ends too soon") from error


def _bare_jpeg(data: bytes) -> bytes:
    kept = [_JPEG_START]
    at = len(_JPEG_START)
    while data[at : at + 2] != _JPEG_END:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF or end > len(data):
            raise IndexError
        if marker == _JPEG_SCAN:
            end = _end_of_scan(data, end)
        if marker not in _JPEG_METADATA:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, _JPEG_END])


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the next marker is: in a scan, 0xFF is followed by 0 or a restart's number."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise IndexError
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _bare_png(data: bytes) -> bytes:
    kept = [data[:_PNG_SIGNATURE_BYTES]]
    at = _PNG_SIGNATURE_BYTES
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if name in _PNG_PICTURE:
            kept.append(data[at:end])
        if name == b"IEND":
            break
        at = end
    return b"".join(kept)


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


def _bare_gif(data: bytes) -> bytes:
    return b"".join(block for block, is_metadata in _gif_blocks(data) if not is_metadata)


def _gif_blocks(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield each block with whether it is metadata; raise `IndexError` if there is no trailer."""
    at = 13 + _gif_palette(data[10])
    yield data[:at], False
    while data[at] != _GIF_TRAILER:
        kind, label = data[at], data[at + 1]
        if kind == _GIF_EXTENSION:
            start = at + 2
            metadata = label != _GIF_CONTROL and not (
                label == _GIF_APPLICATION and data[start + 1 : start + 12] in _GIF_LOOPS
            )
        elif kind == _GIF_IMAGE:
            start = at + 11 + _gif_palette(data[at + 9])
            metadata = False
        else:
            raise IndexError
        end = _end_of_sub_blocks(data, start)
        yield data[at:end], metadata
        at = end
    yield data[at : at + 1], False


def _gif_palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_sub_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


_STRIPPERS: dict[Format, Callable[[bytes], bytes]] = {
    Format.JPEG: _bare_jpeg,
    Format.PNG: _bare_png,
    Format.WEBP: _bare_webp,
    Format.GIF: _bare_gif,
}

"""The picture of a PNG alone (third edition)."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from pipeline.imaging.containers import png
from pipeline.imaging.copies.palette import clear_unused, used_colors
from pipeline.imaging.formats import pillow_name
from pipeline.model import Format

_PALETTE = 3  # a colour type
_CHANNELS = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}

# The chunks of a picture, in bytes; its palette and streams have any number.
_BYTES = {b"IHDR": 13, b"IEND": 0, b"acTL": 8, b"fcTL": 26}
_CLEAR_BYTES = {0: 2, 2: 6}  # tRNS, by colour type
_ENTRY_BYTES = {b"PLTE": 3, b"tRNS": 1}
_STREAMS = frozenset({b"IDAT", b"fdAT"})
_KEPT = frozenset({*_BYTES, b"PLTE", b"tRNS", *_STREAMS})

# Where the seven passes of an interlaced picture begin, and how far apart their pixels are.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_PIECE = 1 << 20


class _Ihdr(NamedTuple):
    width: int
    height: int
    depth: int
    color_type: int
    compression: int
    filter: int
    interlaced: int


def picture_alone(data: bytes) -> bytes | None:
    """Return the file *data* with its picture and that of every frame alone.

    None if a stream goes on after its pixels, or a chunk is longer than it has to be.
    """
    kept = [chunk for chunk in png.chunks(data) if chunk.name in _KEPT]
    header = _Ihdr(*struct.unpack(">IIBBBBB", kept[0].body))
    if any(not _has_right_length(chunk, header) for chunk in kept):
        return None
    if not all(_is_exact_stream(stream, size, header) for size, stream in _streams(kept, header)):
        return None
    bodies = [(chunk.name, bytes(chunk.body)) for chunk in kept]
    if header.color_type == _PALETTE:
        if any(name == b"acTL" for name, _ in bodies):
            return None
        with Image.open(BytesIO(data), formats=(pillow_name(Format.PNG),)) as image:
            image.load()
            used = used_colors(image)
        bodies = [(name, _with_used(name, body, used)) for name, body in bodies]
    else:
        bodies = [(name, body) for name, body in bodies if name != b"PLTE"]
    return png.join_chunks(bodies)


def _has_right_length(chunk: png.Chunk, header: _Ihdr) -> bool:
    length = len(chunk.body)
    if chunk.name == b"tRNS":
        return length == _CLEAR_BYTES.get(header.color_type, length) and length <= 256
    if chunk.name == b"PLTE":
        return length <= 768
    return length == _BYTES.get(chunk.name, length)


def _streams(
    kept: list[png.Chunk], header: _Ihdr
) -> Iterator[tuple[tuple[int, int], list[memoryview]]]:
    """Yield the size and the parts of each stream: that of the picture, those of frames."""
    size, parts = (header.width, header.height), list[memoryview]()
    for chunk in kept:
        if chunk.name in _STREAMS:
            parts.append(chunk.body[4:] if chunk.name == b"fdAT" else chunk.body)
        elif chunk.name in (b"fcTL", b"IEND"):
            if parts:
                yield size, parts
                parts = []
            if chunk.name == b"fcTL":
                size = struct.unpack_from(">II", chunk.body, 4)


def _is_exact_stream(parts: list[memoryview], size: tuple[int, int], header: _Ihdr) -> bool:
    """Tell whether a stream holds just the pixels of *size*, and ends with its last part."""
    inflate = zlib.decompressobj()
    inflated, expected = 0, _raw_bytes(size, header)
    for part in parts:
        if inflate.eof:
            return False
        rest: bytes | memoryview = part
        while rest and not inflate.eof and inflated <= expected:
            inflated += len(inflate.decompress(rest, _PIECE))
            rest = inflate.unconsumed_tail
    return inflate.eof and not inflate.unused_data and inflated == expected


def _raw_bytes(size: tuple[int, int], header: _Ihdr) -> int:
    """Return how many bytes the rows of a picture take, each with the number of its filter."""
    passes = _PASSES if header.interlaced else ((0, 0, 1, 1),)
    bits = header.depth * _CHANNELS[header.color_type]
    total = 0
    for left, top, across, down in passes:
        width = (size[0] - left + across - 1) // across
        height = (size[1] - top + down - 1) // down
        if width > 0 and height > 0:
            total += height * (1 + (width * bits + 7) // 8)
    return total


def _with_used(name: bytes, body: bytes, used: set[int]) -> bytes:
    """Return the *body* of a chunk, with zeros for the colours of its table that are not *used*."""
    width = _ENTRY_BYTES.get(name)
    return clear_unused(body, width, used) if width else body

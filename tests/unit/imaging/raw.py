"""Files of kinds that no writer at hand makes, from their numbers."""

import struct
import zlib
from collections.abc import Sequence

GREY, TRUE_COLOR = 0, 2
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
UNSIGNED, FLOAT = 1, 3
PREMULTIPLIED_ALPHA = 1


def chunk(name: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int,
    rows: Sequence[bytes],
    *chunks: bytes,
    depth: int = 8,
    colors: int = GREY,
    late: bytes = b"",
) -> bytes:
    """Return a PNG of *rows*, with *chunks* before its pixels and *late* ones after them."""
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colors, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *chunks,
            chunk(b"IDAT", pixels),
            late,
            chunk(b"IEND", b""),
        )
    )


def tiff(
    width: int,
    height: int,
    data: bytes,
    *,
    order: str = "<",
    bits: Sequence[int] = (8,),
    shown: int = BLACK_IS_ZERO,
    numbers: int = UNSIGNED,
    extra: Sequence[int] = (),
) -> bytes:
    """Return an uncompressed TIFF of *data*, whose samples have *bits* each, in byte *order*."""
    start = 8
    tags: dict[int, Sequence[int]] = {
        256: (width,),
        257: (height,),
        258: bits,
        259: (1,),
        262: (shown,),
        273: (start,),
        277: (len(bits),),
        278: (height,),
        279: (len(data),),
        339: (numbers,) * len(bits),
    }
    if extra:
        tags[338] = extra
    values, entries = b"", b""
    after = start + len(data) + 2 + 12 * len(tags) + 4
    for tag, numbers_ in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers_)}I", *numbers_)
        entries += struct.pack(order + "HHI", tag, 4, len(numbers_))
        entries += packed if len(packed) == 4 else struct.pack(order + "I", after + len(values))
        values += packed if len(packed) > 4 else b""
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4) + values
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HI", 42, start + len(data)) + data + directory


def bmp(width: int, height: int, pixels: bytes) -> bytes:
    """Return a bitmap of *pixels*, each blue, green, red and alpha, from the lowest row up."""
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header = (header + masks).ljust(124, b"\0")
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels), 0, 0, 138) + header + pixels

"""Files of kinds that no available library writes, assembled by hand."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

GREY, TRUE_COLOR = 0, 2
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, YCBCR, LAB = 0, 1, 2, 5, 6, 8
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
UNKNOWN_EXTRA, PREMULTIPLIED_ALPHA, ALPHA = 0, 1, 2
PLAIN, MASKS, ALPHA_MASKS = 0, 3, 6
NOTHING: Mapping[int, Sequence[int]] = MappingProxyType({})


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
    data: bytes | Sequence[bytes],
    *,
    order: str = "<",
    big: bool = False,
    packed: bool = False,
    bits: Sequence[int] = (8,),
    shown: int = BLACK_IS_ZERO,
    numbers: int = UNSIGNED,
    extra: Sequence[int] = (),
    more: Mapping[int, Sequence[int]] = NOTHING,
    following: int = 0,
    base: int = 0,
) -> bytes:
    """Return a TIFF of *data*, whose samples have *bits* each, in byte *order*.

    Several *data* are planes, a strip each. *more* fields override the derived ones, and empty
    fields are omitted. *following* is the offset of the next page, *base* the offset of this file
    in a larger one.
    """
    parts = [data] if isinstance(data, bytes) else data
    parts = [zlib.compress(part) for part in parts] if packed else parts
    starts = [base + 16 + sum(map(len, parts[:number])) for number in range(len(parts))]
    tags: dict[int, Sequence[int]] = {
        256: (width,),
        257: (height,),
        258: bits,
        259: (8 if packed else 1,),
        262: (shown,),
        273: starts,
        277: (len(bits),),
        278: (height,),
        279: [len(part) for part in parts],
        284: (2 if len(parts) > 1 else 1,),
        339: (numbers,) * len(bits),
        **({338: extra} if extra else {}),
        **more,
    }
    tags = {tag: numbers for tag, numbers in tags.items() if numbers}
    start = base + 16 + sum(map(len, parts))
    mark = b"II" if order == "<" else b"MM"
    if big:
        header = struct.pack(order + "HHHQ", 43, 8, 0, start)
    else:
        header = struct.pack(order + "HI", 42, start)
    head = (mark + header).ljust(16, b"\0")
    return head + b"".join(parts) + _directory(tags, start, order, following, big=big)


def _directory(
    tags: Mapping[int, Sequence[int]], start: int, order: str, following: int, *, big: bool
) -> bytes:
    """Return a directory at *start* of *tags*, whose values are integers of 32 bits."""
    inline, pointer = (8, "Q") if big else (4, "I")
    entry = struct.calcsize(f"{order}HH{pointer}") + inline
    head = struct.pack(order + ("Q" if big else "H"), len(tags))
    after = start + len(head) + entry * len(tags) + inline
    values, entries = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        entries += struct.pack(f"{order}HH{pointer}", tag, 4, len(numbers))
        if len(packed) <= inline:
            entries += packed.ljust(inline, b"\0")
        else:
            entries += struct.pack(order + pointer, after + len(values))
            values += packed
    return head + entries + struct.pack(order + pointer, following) + values


def bmp(
    width: int,
    height: int,
    pixels: bytes,
    *,
    version: int = 124,
    bits: int = 32,
    compression: int = MASKS,
    masks: Sequence[int] = (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    profile: bytes = b"",
) -> bytes:
    """Return a bitmap of *pixels*, each blue, green, red and alpha, from the lowest row up.

    *version* is the size of its header, and *masks* say where else the channels are.
    """
    header = struct.pack(
        "<IiiHHIIiiII", version, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0
    )
    header = (header + struct.pack("<4I", *masks)).ljust(version, b"\0")
    if version == 40:
        header = header[: 40 + {MASKS: 12, ALPHA_MASKS: 16}.get(compression, 0)]
    start = 14 + len(header)
    if profile:
        place = struct.pack("<II", len(header) + len(pixels), len(profile))
        header = header[:56] + b"DEBM" + header[60:112] + place + header[120:]
    file = struct.pack("<IHHI", start + len(pixels) + len(profile), 0, 0, start)
    return b"BM" + file + header + pixels + profile

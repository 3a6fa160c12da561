"""The picture of a GIF alone (version 89a)."""

import struct
from collections.abc import Iterator

from PIL import Image

from pipeline.imaging.containers import gif
from pipeline.imaging.copies.palette import clear_unused, used_colors

_CONTROL = bytes([gif.EXTENSION, gif.CONTROL])
_LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01"
_REPETITIONS_AT = 16  # of repetitions

# The codes of a frame's last pixels and of its end are in these many bytes at the most.
_END_BYTES = 4
_MAX_SUB_BLOCK = 255


def picture_alone(data: bytes) -> bytes | None:
    """Return the file *data* with its frames, their timing and the colours that they use.

    None if the stream of a frame goes on after its pixels. Raises `CorruptImage` or `ValueError` if
    it is damaged.
    """
    header = gif.header(data)
    used: set[int] = set()
    blocks: list[bytes] = []
    for block in gif.blocks(data):
        if block[0] == gif.IMAGE:
            frame = _frame(block, used)
            if frame is None:
                return None
            blocks.append(frame)
        elif block.startswith(_CONTROL):
            blocks.append(_CONTROL + b"\x04" + block[3:7] + b"\0")
        elif gif.is_loop(block):
            blocks.append(_LOOP + block[_REPETITIONS_AT : _REPETITIONS_AT + 2] + b"\0")
    palette = clear_unused(header[gif.HEADER_BYTES :], 3, used)
    return b"".join([header[: gif.HEADER_BYTES], palette, *blocks, bytes([gif.TRAILER])])


def _frame(block: bytes, used: set[int]) -> bytes | None:
    """Return the frame *block*, and add to *used* what it needs of the common palette."""
    width, height, flags = struct.unpack_from("<HHB", block, 5)
    start = gif.DESCRIPTOR_BYTES + gif.palette_bytes(flags)
    bits, coded = block[start], b"".join(_sub_block_bodies(block[start + 1 :]))
    pixels = Image.new("L", (width, height))
    pixels.frombytes(_sub_blocks(coded), "gif", bits, bool(flags & gif.INTERLACED))
    if _is_complete(coded[:-_END_BYTES], bits, (width, height)):
        return None
    own = used_colors(pixels)
    palette = block[gif.DESCRIPTOR_BYTES : start]
    if not palette:
        used |= own
    clean_palette = clear_unused(palette, 3, own)
    return block[: gif.DESCRIPTOR_BYTES] + clean_palette + bytes([bits]) + _sub_blocks(coded)


def _is_complete(coded: bytes, bits: int, size: tuple[int, int]) -> bool:
    """Tell whether *coded* gives all pixels of a frame of *size*."""
    try:
        Image.new("L", size).frombytes(_sub_blocks(coded), "gif", bits, False)
    except ValueError:
        return False
    return True


def _sub_block_bodies(stream: bytes) -> Iterator[bytes]:
    at = 0
    while stream[at]:
        yield stream[at + 1 : at + 1 + stream[at]]
        at += 1 + stream[at]


def _sub_blocks(coded: bytes) -> bytes:
    parts = (coded[at : at + _MAX_SUB_BLOCK] for at in range(0, len(coded), _MAX_SUB_BLOCK))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"

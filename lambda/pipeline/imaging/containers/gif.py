"""GIF files, block by block and frame by frame (Graphics Interchange Format, version 89a)."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from PIL import Image

from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.imaging.animation import Disposal, Frame
from pipeline.imaging.channels import to_plain_mode

HEADER_BYTES, DESCRIPTOR_BYTES = 13, 10
TRAILER, EXTENSION, IMAGE = 0x3B, 0x21, 0x2C
CONTROL, APPLICATION = 0xF9, 0xFF
INTERLACED = 0x40

XMP = b"XMP DataXMP"
"""The application of blocks that hold XMP."""

# After the packet, which is not in sub-blocks: from any of its bytes on, these lead to the end.
_XMP_TRAILER = bytes([1, *range(255, -1, -1), 0])

_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_LOOP_PART, _LOOP_BYTES = b"\3\1", 18  # length and kind; in all, with the end of the block
_GREYS = bytes(level for level in range(256) for _ in "rgb")

# 4 is reserved, but some files mean 3 by it, and browsers accept that.
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}


class _Control(NamedTuple):
    """How to show the next image (section 23); *clear* is a number in its palette."""

    disposal: Disposal = Disposal.KEEP
    milliseconds: int = 0
    clear: int | None = None


def blocks(data: bytes) -> Iterator[bytes]:
    """Yield the blocks of the file *data* between its header and its trailer.

    As browsers do, accept the end of the file as its trailer, and ignore zeros between blocks.
    Raises `CorruptImage` after an incomplete block, whose picture may be complete.
    """
    at = len(header(data))
    while at < len(data) and data[at] != TRAILER:
        if not data[at]:
            at += 1
            continue
        end = _end_of_block(data, at)
        yield data[at:end]
        if end > len(data):
            raise CorruptImage("the file stops within a block")
        at = end


def header(data: bytes) -> bytes:
    """Return what is before the first block of the file *data*, with the common palette."""
    return data[: HEADER_BYTES + palette_bytes(data[10])]


def palette_bytes(flags: int) -> int:
    """Return the length of the palette that the *flags* of a header or image announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def check_end(data: bytes) -> None:
    """Raise `CorruptImage` if the last block of the file *data* is incomplete."""
    for _ in blocks(data):
        pass


def plays(data: bytes) -> int:
    """Return how often the file *data* is played, 0 for forever: once, unless it says otherwise."""
    with suppress(CorruptImage):
        for block in blocks(data):
            if is_loop(block):
                (repetitions,) = struct.unpack_from("<H", block, 16)
                return repetitions and int(repetitions) + 1
    return 1


def frames(data: bytes, max_pixels: int) -> Iterator[Frame]:
    """Yield the frames of the file *data*.

    Raises `ImageTooLarge` for one of more than *max_pixels*, and anything where it is damaged.
    """
    palette = header(data)[HEADER_BYTES:]
    control = _Control()
    for block in blocks(data):
        if block[0] == IMAGE:
            yield _frame(block, control, palette, max_pixels)
            control = _Control()
        elif block[1] == CONTROL:
            flags, hundredths, clear = struct.unpack_from("<BHB", block, 3)
            disposal = _DISPOSALS.get(flags >> 2 & 7, Disposal.KEEP)
            control = _Control(disposal, 10 * hundredths, clear if flags & 1 else None)


def application(block: bytes) -> bytes:
    """Return the application that *block* is for, empty if it is of another kind."""
    return block[3:14] if block[0] == EXTENSION and block[1] == APPLICATION else b""


def is_loop(block: bytes) -> bool:
    """Tell whether *block* is an extension that holds the number of repetitions."""
    is_loops = application(block) in _LOOPS
    return is_loops and len(block) > _LOOP_BYTES and block[14:16] == _LOOP_PART


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """Return the file *data* with an XMP *packet* before its trailer."""
    block = bytes([EXTENSION, APPLICATION, len(XMP)]) + XMP + packet + _XMP_TRAILER
    return data[:-1] + block + bytes([TRAILER])


def _end_of_block(data: bytes, at: int) -> int:
    """Return where the block at *at* ends: after the end of *data* if it is incomplete."""
    if data[at] not in (EXTENSION, IMAGE):
        raise CorruptImage(f"a block of the unknown kind {data[at]}")
    try:
        at += 2 if data[at] == EXTENSION else DESCRIPTOR_BYTES + 1 + palette_bytes(data[at + 9])
        while data[at]:
            at += 1 + data[at]
    except IndexError:
        return len(data) + 1
    return at + 1


def _frame(block: bytes, control: _Control, palette: bytes, max_pixels: int) -> Frame:
    left, top, width, height, flags = struct.unpack_from("<4HB", block, 1)
    if not width * height:
        raise CorruptImage(f"a frame of {width} x {height} has no pixels")
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"a frame of {width} x {height} is more than the {max_pixels} pixels allowed for it"
        )
    start = DESCRIPTOR_BYTES + palette_bytes(flags)
    colors = block[DESCRIPTOR_BYTES:start] or palette
    # Where the numbers are the levels of grey, or there are no colours, the picture is grey.
    image = Image.new("L" if _GREYS.startswith(colors) else "P", (width, height))
    if control.clear is not None:
        image.info["transparency"] = control.clear
    if image.mode == "P":
        image.putpalette(colors)
    image.frombytes(block[start + 1 :], "gif", block[start], bool(flags & INTERLACED))
    return Frame(
        image=to_plain_mode(image),
        left=left,
        top=top,
        over=True,
        disposal=control.disposal,
        milliseconds=control.milliseconds,
    )

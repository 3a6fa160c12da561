"""GIF files, block by block and frame by frame (Graphics Interchange Format, version 89a)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.imaging import color
from pipeline.imaging.film import Disposal, Frame

_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")

_HEADER_BYTES, _DESCRIPTOR_BYTES = 13, 10
_INTERLACED = 0x40
_GREYS = bytes(level for level in range(256) for _ in "rgb")

# 4 is reserved, but there are files that mean 3 by it, and browsers take it for that.
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}


class _Control(NamedTuple):
    """What is said of the next image (section 23); *clear* is a number in its palette."""

    disposal: Disposal = Disposal.KEEP
    milliseconds: int = 0
    clear: int | None = None


def bare(data: bytes) -> bytes:
    """Return the file *data* without comments and what other applications put into it."""
    kept = (block for block in blocks(data) if not _is_metadata(block))
    return b"".join([_header(data), *kept, bytes([_TRAILER])])


def blocks(data: bytes) -> Iterator[bytes]:
    """Yield the blocks of the file *data* between its header and its trailer.

    As browsers do, take the end of the file for its trailer, and pass over zeros between blocks.
    Raises `CorruptImage` after one that is not all there: its picture may be.
    """
    at = len(_header(data))
    while at < len(data) and data[at] != _TRAILER:
        if not data[at]:
            at += 1
            continue
        end = _end_of_block(data, at)
        yield data[at:end]
        if end > len(data):
            raise CorruptImage("the file stops within a block")
        at = end


def check_end(data: bytes) -> None:
    """Raise `CorruptImage` if the last block of the file *data* is not all there."""
    for _ in blocks(data):
        pass


def frames(data: bytes, most_pixels: int) -> Iterator[Frame]:
    """Yield the frames of the file *data*.

    Raises `ImageTooLarge` for one of more than *most_pixels*, and anything where it is damaged.
    """
    palette = _header(data)[_HEADER_BYTES:]
    control = _Control()
    for block in blocks(data):
        if block[0] == _IMAGE:
            yield _frame(block, control, palette, most_pixels)
            control = _Control()
        elif block[1] == _CONTROL:
            control = _control(block)


def _header(data: bytes) -> bytes:
    return data[: _HEADER_BYTES + _palette_bytes(data[10])]


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_block(data: bytes, at: int) -> int:
    """Return where the block at *at* ends: after the end of *data* if it is not all there."""
    if data[at] not in (_EXTENSION, _IMAGE):
        raise CorruptImage(f"a block of the unknown kind {data[at]}")
    try:
        at += 2 if data[at] == _EXTENSION else _DESCRIPTOR_BYTES + 1 + _palette_bytes(data[at + 9])
        while data[at]:
            at += 1 + data[at]
    except IndexError:
        return len(data) + 1
    return at + 1


def _is_metadata(block: bytes) -> bool:
    if block[0] == _IMAGE or block[1] == _CONTROL:
        return False
    return block[1] != _APPLICATION or block[3:14] not in _LOOPS


def _control(block: bytes) -> _Control:
    flags, hundredths, clear = struct.unpack_from("<BHB", block, 3)
    return _Control(
        disposal=_DISPOSALS.get(flags >> 2 & 7, Disposal.KEEP),
        milliseconds=10 * hundredths,
        clear=clear if flags & 1 else None,
    )


def _frame(block: bytes, control: _Control, palette: bytes, most_pixels: int) -> Frame:
    left, top, width, height, flags = struct.unpack_from("<4HB", block, 1)
    if not width * height:
        raise CorruptImage(f"a frame of {width} x {height} has no pixels")
    if width * height > most_pixels:
        raise ImageTooLarge(
            f"a frame of {width} x {height} is more than the {most_pixels} pixels allowed for it"
        )
    start = _DESCRIPTOR_BYTES + _palette_bytes(flags)
    colors = block[_DESCRIPTOR_BYTES:start] or palette
    image = _blank((width, height), colors, control.clear)
    image.frombytes(block[start + 1 :], "gif", block[start], bool(flags & _INTERLACED))
    return Frame(
        image=color.plain(image),
        left=left,
        top=top,
        over=True,
        disposal=control.disposal,
        milliseconds=control.milliseconds,
    )


def _blank(size: tuple[int, int], colors: bytes, clear: int | None) -> Image.Image:
    """Return an image for the numbers of *colors*, of which *clear* is to be transparent."""
    # Where the numbers are the levels of grey, or there are no colours, the picture is grey.
    image = Image.new("L" if _GREYS.startswith(colors) else "P", size)
    if clear is not None:
        image.info["transparency"] = clear
    if image.mode == "P":
        image.putpalette(colors)
    return image

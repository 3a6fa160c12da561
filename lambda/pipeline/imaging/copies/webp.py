"""The picture of a WebP alone (RFC 9649)."""

import struct
from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from pipeline.imaging.formats import pillow_name
from pipeline.imaging.metadata import webp_chunks
from pipeline.model import Format

_ALPHA_FLAG, _MOTION_FLAG = 0x10, 0x02
_ANMF_BYTES = 16  # of an ANMF chunk, before its picture
_CODED = frozenset({b"VP8 ", b"VP8L", b"ALPH"})

# Decoders read ahead: without so many bytes at its end, a stream is incomplete.
_END_BYTES = 16
_VP8_HEADER_BYTES = 10
_PARTITIONS_SHIFT = 5


def picture_alone(data: bytes) -> bytes:
    """Return the file *data* with its picture, or its frames, alone.

    Raises `ValueError` if a stream goes on after what its picture needs.
    """
    kept = []
    for name, body in webp_chunks(data[12:]):
        if name == b"VP8X":
            flags = body[0] & (_ALPHA_FLAG | _MOTION_FLAG)
            kept.append(_chunk(name, bytes([flags, 0, 0, 0]) + body[4:10]))
        elif name == b"ANMF":
            picture = _frame(body[_ANMF_BYTES:], _frame_size(body))
            kept.append(_chunk(name, body[:_ANMF_BYTES] + picture))
        elif name == b"ANIM":
            kept.append(_chunk(name, body[:6]))
        elif name in _CODED:
            kept.append(_chunk(name, body))
    still = [(name, body) for name, body in webp_chunks(b"".join(kept)) if name in _CODED]
    if still:
        _check_streams(still, _canvas(data))
    return _riff(b"".join(kept))


def _frame(chunks: bytes, size: tuple[int, int]) -> bytes:
    coded = [(name, body) for name, body in webp_chunks(chunks) if name in _CODED]
    _check_streams(coded, size)
    return b"".join(_chunk(name, body) for name, body in coded)


def _check_streams(coded: list[tuple[bytes, bytes]], size: tuple[int, int]) -> None:
    """Raise `ValueError` if a stream of the picture *coded* is longer than it has to be."""
    names = [name for name, _ in coded]
    if names not in ([b"VP8 "], [b"VP8L"], [b"ALPH", b"VP8 "]):
        raise ValueError(f"a picture of {names}")
    for number, (name, body) in enumerate(coded):
        for shorter in _shortened(name, body):
            others = [*coded[:number], (name, shorter), *coded[number + 1 :]]
            if _decodes(others, size):
                raise ValueError(f"{name!r} holds more than the picture")


def _shortened(name: bytes, body: bytes) -> Iterator[bytes]:
    """Yield *body* without the end of each of its streams."""
    yield body[:-_END_BYTES]
    if name != b"VP8 ":
        return
    if _partitions(body) > 1:
        raise ValueError("several partitions, whose ends are not looked for")
    # The first of two partitions ends where its length in the header says (RFC 6386, section 9.1).
    tag = int.from_bytes(body[:3], "little")
    length = tag >> _PARTITIONS_SHIFT
    end = _VP8_HEADER_BYTES + length
    cut = min(_END_BYTES, length)
    head = (tag - (cut << _PARTITIONS_SHIFT)).to_bytes(3, "little")
    yield head + body[3 : end - cut] + body[end:]


class _Bits:
    """Flags and numbers at the beginning of a VP8 frame (RFC 6386, section 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)
        self._value = next(self._bytes, 0) << 8 | next(self._bytes, 0)
        self._range, self._shifted = 255, 0

    def number(self, bits: int) -> int:
        """Return the number of that many *bits*, each of which is as likely to be set as not."""
        number = 0
        for _ in range(bits):
            number = number << 1 | self._bit()
        return number

    def skip_if_set(self, bits: int) -> None:
        """Skip an optional number of that many *bits*."""
        if self.number(1):
            self.number(bits)

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) >> 1)
        bit = int(self._value >= split << 8)
        self._range = self._range - split if bit else split
        self._value -= bit * (split << 8)
        while self._range < 128:
            self._value, self._range = self._value << 1, self._range << 1
            self._shifted += 1
            if self._shifted % 8 == 0:
                self._value |= next(self._bytes, 0)
        return bit


def _partitions(body: bytes) -> int:
    """Return in how many parts the coefficients of the VP8 frame *body* are (section 9.5)."""
    bits = _Bits(body[_VP8_HEADER_BYTES:])
    bits.number(2)
    if bits.number(1):
        updates_map, updates_data = bits.number(1), bits.number(1)
        if updates_data:
            bits.number(1)
            for size in (8, 8, 8, 8, 7, 7, 7, 7):
                bits.skip_if_set(size)
        for _ in range(3 * updates_map):
            bits.skip_if_set(8)
    bits.number(1 + 6 + 3)
    if bits.number(1) and bits.number(1):
        for _ in range(8):
            bits.skip_if_set(7)
    return 1 << bits.number(2)


def _decodes(coded: list[tuple[bytes, bytes]], size: tuple[int, int]) -> bool:
    width, height = size
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = _chunk(b"VP8X", bytes([_ALPHA_FLAG, 0, 0, 0]) + canvas)
    file = _riff(extended + b"".join(_chunk(name, body) for name, body in coded))
    try:
        with Image.open(BytesIO(file), formats=(pillow_name(Format.WEBP),)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _frame_size(frame: bytes) -> tuple[int, int]:
    return 1 + int.from_bytes(frame[6:9], "little"), 1 + int.from_bytes(frame[9:12], "little")


def _canvas(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data), formats=(pillow_name(Format.WEBP),)) as image:
        return image.size


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks

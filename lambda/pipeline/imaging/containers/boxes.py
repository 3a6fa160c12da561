"""Boxes of ISO base media files (ISO/IEC 14496-12, section 4.2), read within their bounds."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.errors import CorruptImage

_MAX_TOP_LEVEL = 256  # an image file has five
_MAX_CHILDREN = 8192
_HEADER_BYTES, _LONG_HEADER_BYTES = 8, 16


class Box(NamedTuple):
    """One box: its *kind* of four characters, its *body*, and *whole* with its header."""

    kind: str
    body: memoryview
    whole: memoryview


class Fields:
    """Read the fields of a box one by one; raise `CorruptImage` if the box ends early."""

    def __init__(self, body: memoryview, kind: str) -> None:
        self.kind = kind
        self._body = body
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._body)

    def take(self, size: int) -> memoryview:
        """Return the next *size* bytes."""
        end = self._at + size
        if end > len(self._body):
            raise CorruptImage(f"the box {self.kind!r} ends too early")
        taken = self._body[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        """Return the unsigned number in the next *size* bytes."""
        return int.from_bytes(self.take(size))

    def name(self) -> str:
        """Return the next four characters."""
        return bytes(self.take(4)).decode("latin-1")

    def text(self) -> str:
        """Return the text up to the next zero byte, or to the end."""
        text, _, _ = bytes(self._body[self._at :]).partition(b"\0")
        self._at = min(len(self._body), self._at + len(text) + 1)
        return text.decode("latin-1")

    def version_and_flags(self) -> tuple[int, int]:
        """Return the first fields of a full box."""
        return self.number(1), self.number(3)

    def rest(self) -> memoryview:
        """Return everything up to the end of the box."""
        return self.take(len(self._body) - self._at)


def children(body: memoryview, parent: str) -> Iterator[Box]:
    """Yield the boxes in *body*, which is part of the box *parent*."""
    at = 0
    for _ in range(_MAX_CHILDREN):
        if at == len(body):
            return
        fields = Fields(body[at:], parent)
        size, kind, header = fields.number(4), fields.name(), _HEADER_BYTES
        if size == 1:
            size, header = fields.number(8), _LONG_HEADER_BYTES
        if not header <= size <= len(body) - at:
            raise CorruptImage(f"the box {kind!r} of {size} bytes does not fit into {parent!r}")
        yield Box(kind, body[at + header : at + size], body[at : at + size])
        at += size
    raise CorruptImage(f"the box {parent!r} holds more than {_MAX_CHILDREN} others")


def top_level(data: memoryview) -> Iterator[Box]:
    """Yield the boxes of a file.

    Ignore what follows the last one, such as a camera's trailer, and cut a box where the file ends.
    """
    at = 0
    for _ in range(_MAX_TOP_LEVEL):
        header = bytes(data[at : at + _LONG_HEADER_BYTES])
        if len(header) < _HEADER_BYTES:
            return
        size, kind, start = int.from_bytes(header[:4]), header[4:8], _HEADER_BYTES
        if size == 1 and len(header) == _LONG_HEADER_BYTES:
            size, start = int.from_bytes(header[8:]), _LONG_HEADER_BYTES
        end = at + size if size else len(data)
        if end < at + start:
            return
        yield Box(kind.decode("latin-1"), data[at + start : end], data[at:end])
        at = end
    raise CorruptImage(f"the file has more than {_MAX_TOP_LEVEL} boxes one after the other")


def box(kind: str, *parts: bytes) -> bytes:
    """Return a box of *kind* that holds *parts*."""
    body = b"".join(parts)
    return struct.pack(">I4s", _HEADER_BYTES + len(body), kind.encode("latin-1")) + body


def full_box(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box of *kind* that begins with *version* and *flags*."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)

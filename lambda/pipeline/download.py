"""A file that can be read while it is still downloading."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pipeline.errors import TransientFailure

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK: Final = 128 << 10
"""Bytes to read at a time. Meanwhile, the socket buffers what arrives."""


class Download(io.RawIOBase):
    """A seekable file of *length* bytes, which *read* returns in order.

    The last byte is returned only after *read* has reported the end and thereby made its own
    checks. Raises `TransientFailure` if that end is not at *length*; exceptions of *read* pass
    through.
    """

    def __init__(
        self, *, read: Callable[[int], bytes], close: Callable[[], None], length: int
    ) -> None:
        self._read = read
        self._close = close
        self._length = length
        self._position = 0
        self._arrived = bytearray()
        self._ended = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position without reading."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise ValueError(f"position {base + offset} is before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        target = memoryview(buffer)
        end = min(self._position + len(target), self._length)
        size = max(0, end - self._position)
        if size:
            self._await(end)
            target[:size] = memoryview(self._arrived)[self._position : end]
            self._position = end
        return size

    def close(self) -> None:
        """Abort the download and free its memory."""
        if not self.closed:
            self._close()
            self._arrived = bytearray()
        super().close()

    def _await(self, end: int) -> None:
        while not self._ended and (len(self._arrived) < end or end == self._length):
            block = self._read(_BLOCK)
            self._arrived += block
            self._ended = not block
        if self._ended and len(self._arrived) != self._length:
            raise TransientFailure(
                f"{len(self._arrived)} bytes arrived, {self._length} were announced"
            )

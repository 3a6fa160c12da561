"""A file that can be read while it is still arriving. Knows nothing of where it comes from."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pipeline.errors import TransientFailure

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK: Final = 128 << 10
"""Bytes asked for at a time: what comes meanwhile waits in the socket's buffer."""


class Download(io.RawIOBase):
    """*length* bytes that *read* gives in order, kept so that they can be read in any order.

    The last byte is given out only when *read* has nothing more to give and so has made its own
    checks. Raises `TransientFailure` if there is then more or less than *length*; what *read*
    raises passes through.
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
        """Change the position; nothing is read."""
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
        """Give up what has not arrived."""
        if not self.closed:
            self._close()
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

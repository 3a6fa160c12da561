"""The messages between processes: a kind and fields in JSON, and a body of bytes, all bounded."""

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_LENGTHS: Final = struct.Struct(">IQ")
_MOST_HEADER_BYTES: Final = 1 << 20
_PIECE: Final = 1 << 20

FORK: Final = b"F"
"""The request to fork a child. The descriptors of its pipes come with it."""


class ProtocolError(Exception):
    """The other side violates the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""

    def packed(self) -> tuple[bytes, bytes]:
        """Return the bytes to send: the header with both lengths, and the body."""
        header = json.dumps({"kind": self.kind, "fields": self.fields}).encode()
        return _LENGTHS.pack(len(header), len(self.body)) + header, self.body


class Frames:
    """Reassembles frames from the pieces that arrive. Raises `ProtocolError`."""

    def __init__(self) -> None:
        self.most_body_bytes = 0
        self._arrived = bytearray()

    def feed(self, piece: bytes) -> None:
        """Add what has arrived."""
        self._arrived += piece

    def next(self) -> Frame | None:
        """Return the next frame, or None if it has not arrived completely."""
        if len(self._arrived) < _LENGTHS.size:
            return None
        header_bytes, body_bytes = _LENGTHS.unpack_from(self._arrived)
        if header_bytes > _MOST_HEADER_BYTES or body_bytes > self.most_body_bytes:
            raise ProtocolError(f"a message of {header_bytes} and {body_bytes} bytes")
        start = _LENGTHS.size + header_bytes
        end = start + body_bytes
        if len(self._arrived) < end:
            return None
        frame = _parsed(bytes(self._arrived[_LENGTHS.size : start]))
        body = bytes(memoryview(self._arrived)[start:end])
        self._arrived = self._arrived[end:]
        return Frame(kind=frame.kind, fields=frame.fields, body=body)


def send(pipe: int, frame: Frame) -> None:
    """Write *frame* to *pipe*, blocking while that is full. Raises OSError."""
    for part in frame.packed():
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(pipe, rest) :]


def receive(pipe: int) -> Frame | None:
    """Read the next frame, which has no body, from *pipe*; return None at the end.

    Reads nothing beyond the frame. Raises `ProtocolError`.
    """
    frames = Frames()
    lengths = _read(pipe, _LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    frames.feed(lengths)
    frame = frames.next()
    if frame is None:
        frames.feed(_read(pipe, _LENGTHS.unpack(lengths)[0]))
        frame = frames.next()
    return frame


def _read(pipe: int, length: int) -> bytes:
    data = bytearray()
    while len(data) < length and (piece := os.read(pipe, min(length - len(data), _PIECE))):
        data += piece
    return bytes(data)


def _parsed(header: bytes) -> Frame:
    try:
        message = json.loads(header)
        kind, fields = message["kind"], message["fields"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProtocolError(f"a malformed message: {type(error).__name__}") from error
    if not isinstance(kind, str) or not isinstance(fields, dict):
        raise ProtocolError("a message without kind or fields")
    return Frame(kind=kind, fields=fields)

"""The picture of a JPEG alone (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image

from pipeline.imaging.containers import jpeg
from pipeline.imaging.formats import pillow_name
from pipeline.model import Format

_SEQUENTIAL = frozenset({0xC0, 0xC1})  # frames in Huffman codes
_HUFFMAN, _QUANTIZATION, _RESTARTS = 0xC4, 0xDB, 0xDD
_JFIF, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE
_METADATA = frozenset({*range(0xE0, 0xF0), _COMMENT})

# Readers tell by these two how the colours are coded.
_JFIF_BODY = b"JFIF\0\1\1\0\0\1\0\1\0\0"
_ADOBE_BODY = b"Adobe\0\x64\0\0\0\0"

_MARKER_IN_SCAN = re.compile(rb"\xff[^\0]")
_CODE_LENGTHS = 16
_END_BYTES = 2  # of a scan: the last bits of the picture, and perhaps a padding byte


@dataclass(slots=True)
class _Parts:
    """What a decoder needs of a file: the last of each table, and one frame and scan."""

    quantization: dict[int, bytes] = field(default_factory=dict)
    huffman: dict[int, bytes] = field(default_factory=dict)
    is_jfif: bool = False
    adobe_transform: bytes = b""
    frame_marker: int = 0
    frame: bytes = b""
    scan: bytes = b""
    coded: bytes = b""


def picture_alone(data: bytes) -> bytes | None:
    """Return the file *data* with one frame, the tables that it uses, and its scan.

    None if there are several scans or restarts, between which anything may hide, or bytes after the
    last one that the picture needs.
    """
    parts = _read(data)
    if parts is None or _MARKER_IN_SCAN.search(parts.coded):
        return None
    start = jpeg.START + b"".join(_segments(parts))
    # The part has no end marker: at that, a decoder would add what is missing.
    if _is_complete(start + parts.coded + jpeg.END, start + parts.coded[:-_END_BYTES]):
        return None
    return start + parts.coded + jpeg.END


def _read(data: bytes) -> _Parts | None:
    parts = _Parts()
    for marker, whole in jpeg.segments(data):
        length = int.from_bytes(whole[2:4])
        body = bytes(whole[4 : 2 + length])
        if marker == _QUANTIZATION:
            parts.quantization |= _quantization_tables(body)
        elif marker == _HUFFMAN:
            parts.huffman |= _huffman_tables(body)
        elif marker in _SEQUENTIAL and not parts.frame:
            parts.frame_marker, parts.frame = marker, body[: 6 + 3 * body[5]]
        elif marker == jpeg.SCAN and not parts.scan:
            parts.scan, parts.coded = body[: 4 + 2 * body[0]], bytes(whole[2 + length :])
        elif marker == _JFIF and body.startswith(b"JFIF\0"):
            parts.is_jfif = True
        elif marker == _ADOBE and body.startswith(b"Adobe"):
            parts.adobe_transform = body[11:12]
        elif (marker == _RESTARTS and any(body)) or (
            marker not in _METADATA and marker not in (_RESTARTS, jpeg.END[1])
        ):
            return None
    # A scan of some components is followed by others.
    return parts if parts.scan and parts.scan[0] == parts.frame[5] else None


def _quantization_tables(body: bytes) -> dict[int, bytes]:
    tables = {}
    at = 0
    while at < len(body):
        end = at + (129 if body[at] >> 4 else 65)
        tables[body[at] & 15] = body[at:end]
        at = end
    return tables


def _huffman_tables(body: bytes) -> dict[int, bytes]:
    tables = {}
    at = 0
    while at < len(body):
        end = at + 1 + _CODE_LENGTHS + sum(body[at + 1 : at + 1 + _CODE_LENGTHS])
        tables[body[at]] = body[at:end]
        at = end
    return tables


def _segments(parts: _Parts) -> Iterator[bytes]:
    if parts.is_jfif:
        yield _segment(_JFIF, _JFIF_BODY)
    if parts.adobe_transform:
        yield _segment(_ADOBE, _ADOBE_BODY + parts.adobe_transform)
    for number in sorted(set(parts.frame[8::3])):
        yield _segment(_QUANTIZATION, parts.quantization[number])
    yield _segment(parts.frame_marker, parts.frame)
    selectors = parts.scan[2 : 1 + 2 * parts.scan[0] : 2]
    dc, ac = ({each >> 4 for each in selectors}, {0x10 | each & 15 for each in selectors})
    for number in sorted(dc | ac):
        yield _segment(_HUFFMAN, parts.huffman[number])
    yield _segment(jpeg.SCAN, parts.scan)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _is_complete(file: bytes, part: bytes) -> bool:
    """Tell whether *part*, *file* without its end, already gives all pixels.

    libjpeg waits for more where the data end, and until then gives the rows that are complete.
    """
    with Image.open(BytesIO(file), formats=(pillow_name(Format.JPEG),)) as image:
        mode, arguments = image.mode, image.tile[0].args
        image.load()
        whole = image.copy()
    partial = whole.point(lambda level: 255 - level)
    try:
        partial.frombytes(part, "jpeg", arguments)
    except ValueError:
        return partial.tobytes() == whole.tobytes()
    return mode == whole.mode

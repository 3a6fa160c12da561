"""Animated AVIF: the tracks of an ISO base media file (ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import BinaryIO

from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.imaging.containers.boxes import Box, Fields, children, top_level
from pipeline.imaging.containers.heif import nclx
from pipeline.imaging.profiles import CodePoints

_PARENTS = frozenset({"moov", "trak", "mdia", "minf", "stbl", "edts"})
_MAX_BOXES = 1024  # a picture with alpha has fifty
_SEQUENCE, _STILL = b"avis", b"avif"

# The bytes of each entry in a table, after version, flags and count.
_TABLES = {"stts": 8, "ctts": 8, "stsc": 12, "stss": 4, "stco": 4, "co64": 8}
_OFFSETS = {"stco": ">I", "co64": ">Q"}
_ENTRY_BYTES, _ENTRY_SIZE_AT = 78, 24  # of a visual sample entry, before its boxes
_REPEATS = 1  # in the flags of an edit list
_TIMED = frozenset({"mvhd", "tkhd", "mdhd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """An animation as *file*, each frame of which is decoded as *coded_pixels*."""

    file: bytes
    coded_pixels: int
    points: CodePoints | None


def is_sequence(file: BinaryIO) -> bool:
    """Tell whether readers show *file* as an animation: by its major brand, as libavif does."""
    file.seek(8)
    if file.read(4) != _SEQUENCE:
        return False
    file.seek(0)
    return any(box.kind == "moov" for box in top_level(memoryview(file.read())))


def read_sequence(file: BinaryIO) -> Sequence:
    """Return *file* without the stills beside its tracks.

    Raises `UnsupportedFormat` if a track is not AV1, `CorruptImage` if a box does not fit.
    """
    file.seek(0)
    data = bytearray(file.read())
    coded_pixels, points = 0, None
    for box in top_level(memoryview(data)):
        if box.kind == "ftyp":
            # With the brand of stills, a decoder would expect their box.
            box.body[8:] = bytes(box.body[8:]).replace(_STILL, _SEQUENCE)
        elif box.kind == "meta":
            _drop(box)
        elif box.kind == "moov":
            for part in _descendants(box):
                if part.kind == "stsd":
                    size, found = _sample_entries(part)
                    coded_pixels, points = max(coded_pixels, size), points or found
                _check_table(part, len(data))
    if not coded_pixels:
        raise CorruptImage("an animation has no track of pictures")
    return Sequence(file=bytes(data), coded_pixels=coded_pixels, points=points)


def plays(data: bytes) -> int:
    """Return how often browsers play the animation *data*; 0 is forever.

    With a repeating edit list, it is how often the edit fits into the duration of the track.
    """
    for _, parts in _tracks(memoryview(data)):
        if "elst" in parts and "tkhd" in parts:
            edits = Fields(parts["elst"].body, "elst")
            version, flags = edits.version_and_flags()
            edits.take(4)
            once, whole = edits.number(8 if version else 4), _duration(parts["tkhd"])
            if not flags & _REPEATS:
                return 1
            if once and int.from_bytes(whole) != (1 << 8 * len(whole)) - 1:
                return ceil(int.from_bytes(whole) / once)
    return 0


def set_plays(data: bytes, count: int) -> bytes:
    """Return the animation *data*, as libavif writes it, played *count* times."""
    changed = bytearray(data)
    for header, parts in _tracks(memoryview(changed)):
        edits = Fields(parts["elst"].body, "elst")
        version, _ = edits.version_and_flags()
        edits.take(4)
        whole = count * edits.number(8 if version else 4)
        for duration in (_duration(header), _duration(parts["tkhd"])):
            duration[:] = whole.to_bytes(len(duration))
    return bytes(changed)


def clear_times(data: bytes) -> bytes:
    """Return the animation *data* without creation times, so that equal frames give equal files."""
    changed = bytearray(data)
    for movie in _movies(memoryview(changed)):
        for part in _descendants(movie):
            if part.kind in _TIMED:
                part.body[4 : 20 if part.body[0] else 12] = bytes(16 if part.body[0] else 8)
    return bytes(changed)


def _movies(data: memoryview) -> Iterator[Box]:
    return (box for box in top_level(data) if box.kind == "moov")


def _tracks(data: memoryview) -> Iterator[tuple[Box, dict[str, Box]]]:
    """Yield the header of the movie with the boxes of each of its tracks."""
    for movie in _movies(data):
        parts = list(children(movie.body, movie.kind))
        header = next((part for part in parts if part.kind == "mvhd"), None)
        if header is None:
            raise CorruptImage("an animation has no header")
        for track in (part for part in parts if part.kind == "trak"):
            yield header, {part.kind: part for part in _descendants(track)}


def _duration(header: Box) -> memoryview:
    """Return the duration in *header*, of a movie or a track."""
    number = 8 if header.kind == "tkhd" else 4
    if any(header.body[:1]):
        return header.body[20 + number : 28 + number]
    return header.body[12 + number : 16 + number]


def _descendants(parent: Box) -> Iterator[Box]:
    """Yield all boxes within *parent* that hold no others, and drop the stills among them."""
    waiting = [parent]
    for _ in range(_MAX_BOXES):
        if not waiting:
            return
        box = waiting.pop()
        if box.kind == "meta":
            _drop(box)
        elif box.kind in _PARENTS:
            waiting += children(box.body, box.kind)
        else:
            yield box
    raise CorruptImage(f"an animation has more than {_MAX_BOXES} boxes")


def _drop(box: Box) -> None:
    """Rename *box*, in place, to a kind that readers ignore."""
    box.whole[4:8] = b"free"


def _sample_entries(table: Box) -> tuple[int, CodePoints | None]:
    """Return the largest frame of a track, in pixels, and its code points."""
    fields = Fields(table.body, table.kind)
    fields.take(8)
    pixels, points = 0, None
    for entry in children(fields.rest(), table.kind):
        if entry.kind != "av01":
            raise UnsupportedFormat(f"animations in {entry.kind!r} are not read here, but in AV1")
        entry_fields = Fields(entry.body, entry.kind)
        width, height = struct.unpack_from(">HH", entry_fields.take(_ENTRY_BYTES), _ENTRY_SIZE_AT)
        pixels = max(pixels, width * height)
        for part in children(entry_fields.rest(), entry.kind):
            if part.kind == "colr":
                points = points or nclx(part.body)
    return pixels, points


def _check_table(box: Box, length: int) -> None:
    """Raise `CorruptImage` if a table promises more than it has, or than the file's *length*."""
    fields = Fields(box.body, box.kind)
    if box.kind == "stsz":
        fields.take(4)
        size, count = fields.number(4), fields.number(4)
        total = size * count if size else sum(_numbers(fields, ">I", count))
        if total > length:
            raise CorruptImage(f"the frames have {total} bytes, the file {length}")
    elif box.kind in _TABLES:
        fields.take(4)
        count = fields.number(4)
        if box.kind not in _OFFSETS:
            fields.take(count * _TABLES[box.kind])
        elif max(_numbers(fields, _OFFSETS[box.kind], count), default=0) >= length:
            raise CorruptImage("frames lie beyond the end of the file")


def _numbers(fields: Fields, code: str, count: int) -> Iterator[int]:
    rows = struct.iter_unpack(code, fields.take(count * struct.calcsize(code)))
    return (number for (number,) in rows)

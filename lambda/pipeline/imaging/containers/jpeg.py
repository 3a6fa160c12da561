"""JPEG files, segment by segment (ITU-T T.81, annex B). Needs no Pillow."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

START, END = b"\xff\xd8", b"\xff\xd9"
SCAN = 0xDA

FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The markers of frame headers, which hold the size."""

_UNREAD_FRAMES = {
    **dict.fromkeys((0xC5, 0xC6, 0xC7), "hierarchical"),
    0xCB: "lossless arithmetic",
    **dict.fromkeys((0xCD, 0xCE, 0xCF), "hierarchical arithmetic"),
}
_COEFFICIENTS = range(64)
_COMPONENTS_AT = 5  # in the parameters of a frame header

# The least bytes that Pillow expects in segments of these markers that begin with these names.
_MIN_BYTES = {(0xE0, b"JFIF"): 7, (0xE2, b"ICC_PROFILE\0"): 14, (0xEE, b"Adobe"): 7}
_PHOTOSHOP = 0xED

# What else may follow 0xFF: 0 in coded data, 0xFF before a marker, and markers without a length.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


class Segment(NamedTuple):
    """One segment; that of a scan with the coded data after it."""

    marker: int
    whole: memoryview


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments after the start of the file *data*, its end included.

    Like libjpeg, ignore what is between two of them. Raises `IndexError` if the end is missing.
    """
    view = memoryview(data)
    at = _next_marker(data, len(START))
    while data[at + 1] != END[1]:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        following = _next_marker(data, end)
        yield Segment(marker, view[at : following if marker == SCAN else end])
        at = following
    yield Segment(END[1], view[at : at + 2])


def first_scan_is_complete(file: BinaryIO) -> bool:
    """Tell whether the first scan in *file* has all components; read no further."""
    components = None
    file.seek(len(START))
    while marker := _read_marker(file):
        if marker == END[1]:
            return False
        segment = file.read(int.from_bytes(file.read(2)) - 2)
        if marker in FRAMES and len(segment) > _COMPONENTS_AT:
            components = segment[_COMPONENTS_AT]
        if marker == SCAN:
            return segment[:1] == bytes([components or 0])
    return False


def count_scans(data: bytes) -> int:
    """Return how many scans the file *data* has, without those of thumbnails."""
    scans = 0
    with suppress(IndexError):
        for segment in segments(data):
            scans += segment.marker == SCAN
    return scans


def unread_process(data: bytes) -> str:
    """Return the name of the coding process of the file *data* if libjpeg does not decode it."""
    with suppress(IndexError):
        for segment in segments(data):
            if segment.marker in FRAMES:
                return _UNREAD_FRAMES.get(segment.marker, "")
    return ""


def drop_unreadable_segments(data: bytes) -> tuple[bytes, list[str]]:
    """Return the file *data* without metadata that Pillow cannot read, and the names of what went.

    Raises `IndexError` if the end is missing.
    """
    kept, dropped = [START], []
    for segment in segments(data):
        if name := _unreadable(segment):
            dropped.append(name)
        else:
            kept.append(bytes(segment.whole))
    return b"".join(kept), dropped


def drop_end(data: bytes) -> bytes | None:
    """Return the file *data*, whose end is missing, up to its last coded byte.

    None if scans are missing as well: those of a progressive file each refine the picture.
    """
    data = data.rstrip(b"\xff")
    missing: set[tuple[int, int]] = set()
    try:
        for marker, segment in segments(data + END):
            if marker in FRAMES:
                missing = {(each, number) for each in segment[10::3] for number in _COEFFICIENTS}
            elif marker == SCAN:
                missing -= _finished(segment)
    except IndexError:
        return None
    return None if missing else data


def _finished(scan: memoryview) -> set[tuple[int, int]]:
    """Return which coefficients of which components have their last bit after *scan*."""
    count = scan[4]
    first, last, bits = scan[5 + 2 * count : 8 + 2 * count]
    if bits & 0x0F:
        return set()
    components = scan[5 : 5 + 2 * count : 2]
    return {(each, number) for each in components for number in range(first, last + 1)}


def _unreadable(segment: Segment) -> str:
    """Return the name of the metadata in *segment* if Pillow may fail on it."""
    body = segment.whole[4:]
    if segment.marker == _PHOTOSHOP:
        return "Photoshop"
    for (marker, name), length in _MIN_BYTES.items():
        if marker == segment.marker and body[: len(name)] == name and len(body) < length:
            return name.rstrip(b"\0").decode()
    return ""


def _read_marker(file: BinaryIO) -> int:
    """Return the next marker of *file*, which is read up to there; 0 at its end."""
    byte = file.read(1)
    while byte:
        after = file.read(1)
        if byte == b"\xff" and after and _MARKER.match(byte + after):
            return after[0]
        byte = after
    return 0


def _next_marker(data: bytes, at: int) -> int:
    found = _MARKER.search(data, at)
    if found is None:
        raise IndexError("the file stops before its end")
    return found.start()

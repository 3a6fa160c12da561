"""JPEG files, segment by segment (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

START = b"\xff\xd8"

_END, _SCAN = 0xD9, 0xDA

# What else may follow 0xFF: 0 in coded data, 0xFF before a marker, and markers without a length.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


class Segment(NamedTuple):
    """One segment; that of a scan with the coded data after it."""

    marker: int
    whole: memoryview


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments after the start of the file *data*, its end included.

    Like libjpeg, pass over what is between two of them. Raises `IndexError` where the file stops
    before its end.
    """
    view = memoryview(data)
    at = _next_marker(data, len(START))
    while data[at + 1] != _END:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        following = _next_marker(data, end)
        yield Segment(marker, view[at : following if marker == _SCAN else end])
        at = following
    yield Segment(_END, view[at : at + 2])


def count_scans(data: bytes) -> int:
    """Return how many scans the file *data* has, as far as it goes.

    Those of thumbnails, profiles and what follows the picture are not among them.
    """
    scans = 0
    with suppress(IndexError):
        for segment in segments(data):
            scans += segment.marker == _SCAN
    return scans


def _next_marker(data: bytes, at: int) -> int:
    found = _MARKER.search(data, at)
    if found is None:
        raise IndexError("the file stops before its end")
    return found.start()

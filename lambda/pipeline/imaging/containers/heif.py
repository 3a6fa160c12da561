"""HEIF and AVIF stills, checked before native code sees them (ISO/IEC 23008-12, AVIF 1.1).

The decoder gets a file written here, in the simplest shape: the primary picture with its tiles, its
alpha, its properties and its metadata. It never sees the rest.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.imaging.containers.boxes import Fields, top_level
from pipeline.imaging.containers.heif_items import Item
from pipeline.imaging.containers.heif_selection import Selection
from pipeline.imaging.profiles import CodePoints
from pipeline.model import Format

_GAIN_MAPS = frozenset(
    {"urn:com:apple:photo:2020:aux:hdrgainmap", "urn:com:samsung:photo:2023:aux:hdrgainmap"}
)


class Aperture(NamedTuple):
    """The part of a coded picture that is shown, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One picture in a *file* of its own.

    *width* and *height* are those before clean aperture and rotation; *coded_pixels* are decoded.
    """

    file: bytes
    width: int
    height: int
    coded_pixels: int
    aperture: Aperture | None
    points: CodePoints | None
    has_gain_map: bool


def read_still(file: BinaryIO, format_: Format) -> Still:
    """Return the picture that *file* shows.

    Raises `UnsupportedFormat`, which says what kind of picture it is, or `CorruptImage`.
    """
    file.seek(0)
    data = memoryview(file.read())
    meta = next((each.body for each in top_level(data) if each.kind == "meta"), None)
    if meta is None:
        raise UnsupportedFormat(f"{format_} without a still picture is not read here")
    selection = Selection(data, meta, format_)
    primary = selection.items[selection.primary]
    width, height = primary.size
    return Still(
        file=selection.file(),
        width=width,
        height=height,
        coded_pixels=max(selection.coded_pixels, width * height),
        aperture=_aperture(primary),
        points=next(filter(None, map(nclx, selection.colors())), None),
        has_gain_map=any(
            item.kind == "tmap" or item.auxiliary_type in _GAIN_MAPS
            for item in selection.items.values()
        ),
    )


def nclx(body: memoryview) -> CodePoints | None:
    """Return the code points in the body of a `colr` box, None if it holds a profile."""
    fields = Fields(body, "colr")
    if fields.name() != "nclx":
        return None
    return CodePoints(fields.number(2), fields.number(2)).as_in_video


def _aperture(item: Item) -> Aperture | None:
    """Return the part of *item* that is shown, None for all of it (14496-12, section 12.1.4)."""
    body = item.find("clap")
    if body is None:
        return None
    # Not at the top: few pictures are cropped, and a cold start need not wait for it.
    from fractions import Fraction

    terms = struct.unpack(">II II iI iI", Fields(body, "clap").take(32))
    if not all(terms[1::2]):
        raise CorruptImage("a clean aperture is divided by zero")
    width, height, right, down = map(Fraction, terms[::2], terms[1::2])
    whole = item.size
    left = (whole[0] - width) / 2 + right
    top = (whole[1] - height) / 2 + down
    aperture = Aperture(*(round(each) for each in (left, top, left + width, top + height)))
    inside = 0 <= aperture.left < aperture.right <= whole[0]
    if not (inside and 0 <= aperture.top < aperture.bottom <= whole[1]):
        raise CorruptImage(f"a clean aperture of {tuple(aperture)} is not within {whole}")
    return aperture

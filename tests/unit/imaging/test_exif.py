"""Records keep the requested EXIF fields if they are valid; results keep none."""

from functools import partial
from typing import Any

import pytest
from PIL import ExifTags, Image
from pipeline.model import ExifFact, Format

from tests.unit.imaging.pictures import corners, heic, opened, rendered, saved, style, variant

ALL = tuple(ExifFact)
Tag, Gps = ExifTags.Base, ExifTags.GPS

TAKEN = {Tag.DateTimeOriginal: "2026:08:01 12:30:00", Tag.OffsetTimeOriginal: "+02:00"}
CAMERA = {Tag.Make: "Canon", Tag.Model: "EOS R5"}
PLACE = {
    Gps.GPSLatitudeRef: "S",
    Gps.GPSLatitude: (33.0, 51.0, 24.84),
    Gps.GPSLongitudeRef: "E",
    Gps.GPSLongitude: (151.0, 12.0, 54.6),
}
FACTS = {
    "date": "2026-08-01T12:30:00+02:00",
    "camera": "Canon EOS R5",
    "place": "-33.856900,151.215167",
}


def exif(
    *, main: dict[Any, Any] = CAMERA, taken: dict[Any, Any] = TAKEN, place: dict[Any, Any] = PLACE
) -> Image.Exif:
    block = Image.Exif()
    block.update(main)
    block.get_ifd(ExifTags.IFD.Exif).update(taken)
    block.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    return block


def facts(block: Image.Exif, *wanted: ExifFact) -> dict[str, str]:
    """Return the recorded EXIF fields of a JPEG with *block*, by default all supported ones."""
    file = saved(corners(), Format.JPEG, exif=block)
    asked = style(exif_facts=wanted or ALL)
    return dict(rendered(file, style=asked).picture.exif)


def test_nothing_is_kept_unless_asked() -> None:
    assert rendered(saved(corners(), Format.JPEG, exif=exif())).picture.exif == {}


@pytest.mark.parametrize("fact", list(ExifFact))
def test_only_requested_fields_are_kept(fact: ExifFact) -> None:
    assert facts(exif(), fact) == {fact.value: FACTS[fact.value]}


@pytest.mark.parametrize(
    "format_", [Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF, Format.HEIC]
)
def test_facts_are_found_in_every_format(format_: Format) -> None:
    block = exif().tobytes()
    make = heic if format_ is Format.HEIC else partial(saved, format_=format_)
    file = make(corners(), exif=block)
    assert rendered(file, style=style(exif_facts=ALL)).picture.exif == FACTS


@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_results_have_no_exif(format_: Format) -> None:
    file = saved(corners(), Format.JPEG, exif=exif())
    (made,) = rendered(file, variant(format=format_), style=style(exif_facts=ALL)).renditions
    assert dict(opened(made.body).getexif()) == {}


def test_date_without_an_offset_is_that_of_the_camera() -> None:
    taken = {Tag.DateTimeOriginal: "2026:08:01 12:30:00"}
    assert facts(exif(taken=taken), ExifFact.DATE) == {"date": "2026-08-01T12:30:00"}


@pytest.mark.parametrize("date", ["0000:00:00 00:00:00", "yesterday", "    :  :     :  :  ", ""])
def test_invalid_date_is_omitted(date: str) -> None:
    assert facts(exif(taken={Tag.DateTimeOriginal: date}), ExifFact.DATE) == {}


@pytest.mark.parametrize(
    ("main", "camera"),
    [
        ({Tag.Make: "NIKON", Tag.Model: "NIKON Z 8"}, "NIKON Z 8"),
        ({Tag.Model: "Pixel 9"}, "Pixel 9"),
        ({Tag.Make: "Leica"}, "Leica"),
        ({Tag.Make: "A\0\n<b>", Tag.Model: "  x  y "}, "A<b> x y"),
        ({Tag.Make: "A" * 500}, "A" * 100),
    ],
)
def test_camera_is_one_line_of_text(main: dict[Any, Any], camera: str) -> None:
    assert facts(exif(main=main), ExifFact.CAMERA) == {"camera": camera}


@pytest.mark.parametrize(
    "place",
    [
        {**PLACE, Gps.GPSLatitude: (91.0, 0.0, 0.0)},
        {**PLACE, Gps.GPSLongitude: (180.0, 0.0, 1.0)},
        {Gps.GPSLatitude: PLACE[Gps.GPSLatitude]},
        {},
    ],
)
def test_invalid_position_is_omitted(place: dict[Any, Any]) -> None:
    assert facts(exif(place=place), ExifFact.PLACE) == {}


def test_damaged_block_is_ignored() -> None:
    file = saved(corners(), Format.JPEG, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert rendered(file, style=style(exif_facts=ALL)).picture.exif == {}

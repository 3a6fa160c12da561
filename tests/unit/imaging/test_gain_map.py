"""Dropping a gain map causes a warning."""

import struct

import pytest
from PIL import Image
from pipeline.model import Format

from tests.unit.imaging.containers import Item, auxiliary, coded, container
from tests.unit.imaging.pictures import corners, rendered, saved

APPLE = b"urn:com:apple:photo:2020:aux:hdrgainmap"
ULTRA_HDR = b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">HH", 0xFF00 | marker, 2 + len(body)) + body


def jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    file = saved(corners(), Format.JPEG)
    return file[:2] + b"".join(segments) + file[2:] + behind


JPEGS = {
    "ISO 21496-1": jpeg(segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))),
    "Ultra HDR": jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + ULTRA_HDR)),
    "Apple": jpeg(segment(0xE2, b"MPF\0" + bytes(40)), behind=APPLE),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_gain_map_of_a_jpeg_is_reported_as_dropped(kind: str) -> None:
    assert rendered(JPEGS[kind]).picture.warnings == {"gain_map": "dropped"}


@pytest.mark.parametrize("format_", [Format.AVIF, Format.HEIC])
def test_gain_map_of_heif_is_reported_as_dropped(format_: Format) -> None:
    items: dict[int, Item] = {
        1: coded(corners(), format_),
        2: coded(Image.new("L", (32, 32), 90), format_, auxiliary(APPLE)),
    }
    brand = {Format.AVIF: b"avif", Format.HEIC: b"heic"}[format_]
    file = container(items, [(b"auxl", 2, [1])], brand=brand)
    assert rendered(file).picture.warnings == {"gain_map": "dropped"}


def test_gain_map_keywords_after_another_picture_are_ignored() -> None:
    assert rendered(jpeg(behind=APPLE)).picture.warnings == {}

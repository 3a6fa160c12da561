"""Sources are recognised by content and checked on the header."""

import re
import struct
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from random import Random
from typing import BinaryIO

import pytest
from PIL import Image
from pipeline.errors import (
    CorruptImage,
    EmptyFile,
    ImageTooLarge,
    Rejected,
    TransientFailure,
    UnsupportedFormat,
)
from pipeline.imaging import open_image, render
from pipeline.model import Format, Size

from tests.unit.imaging import bombs, raw
from tests.unit.imaging.pictures import LIMITS, STYLE, VARIANT, corners, gradient, rendered, saved

WRITABLE = [
    Format.JPEG,
    Format.PNG,
    Format.WEBP,
    Format.AVIF,
    Format.GIF,
    Format.TIFF,
    Format.BMP,
    Format.JPEG2000,
]


@pytest.mark.parametrize("format_", WRITABLE)
def test_format_is_recognised_by_content(format_: Format) -> None:
    with open_image(BytesIO(saved(corners(), format_)), LIMITS) as source:
        assert source.picture.format is format_
        assert source.picture.size == Size(width=96, height=64)


KINDS = {
    b"<svg xmlns='http://www.w3.org/2000/svg'/>": "an SVG drawing",
    b"\xef\xbb\xbf <?xml version='1.0'?><svg width='1'>": "an SVG drawing",
    b"<?xml version='1.0' encoding='utf-8' standalone='no'?>": "an XML file",
    b"<!DOCTYPE html><title>404</title>": "an HTML page",
    b"%PDF-1.7\n": "a PDF document",
    b"%!PS-Adobe-3.0 EPSF-3.0\n": "a PostScript file",
    b"8BPS\0\1": "a Photoshop file",
    b"\0\0\1\0\1\0": "an icon",
    b"\xff\x0a\0": "a JPEG XL image",
    b"\0\0\0\x0cJXL \r\n\x87\n": "a JPEG XL image",
    b"II\xbc\1": "a JPEG XR image",
    b"\0\0\0\x18ftypisom\0\0\0\0mp42": "a video",
    b"\0\0\0\x18ftypqt  \0\0\0\0qt  ": "a video",
    b"\0\0\0\x18ftypcrx \0\0\0\1crx ": "a camera's raw file",
    b"IIU\0\x18": "a camera's raw file",
    b"RIFF\0\0\0\0AVI LIST": "an AVI video",
    b"P6 1 1 255 abc": "a Netpbm image",
    b"PK\3\4": "a ZIP archive",
}


@pytest.mark.parametrize("content", KINDS)
def test_kind_of_an_unsupported_file_is_named(content: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match=f"the content is {KINDS[content]}.*none of jpeg"):
        open_image(BytesIO(content), LIMITS)


@pytest.mark.parametrize(
    "content",
    [
        b"BM is how this text starts, and it goes on for a while",
        b"\0\0\0\x18ftypzzzz\0\0\0\0zzzz",
        b"RIFF\0\0\0\0ZZZZ",
        b"P9 is no image",
        b"<3",
        b"?",
    ],
)
def test_file_of_no_known_kind_is_unsupported(content: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match="the content is none of jpeg"):
        open_image(BytesIO(content), LIMITS)


def test_empty_file_is_named_so() -> None:
    with pytest.raises(EmptyFile):
        open_image(BytesIO(), LIMITS)


def test_too_many_pixels_are_refused_on_the_header() -> None:
    header = saved(corners(), Format.JPEG)[:700]
    with pytest.raises(ImageTooLarge) as refusal:
        open_image(BytesIO(header), replace(LIMITS, pixels=96 * 64 - 1))
    assert refusal.value.details == {"format": "jpeg", "width": 96, "height": 64, "frames": 1}


def test_too_many_bytes_are_refused_before_the_header_is_read() -> None:
    file = saved(corners(), Format.PNG)
    with pytest.raises(ImageTooLarge):
        open_image(BytesIO(file), replace(LIMITS, source_bytes=len(file) - 1))


@pytest.mark.parametrize("format_", WRITABLE)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_file_is_rejected(format_: Format, share: float) -> None:
    file = saved(gradient(300, 300).convert("RGB"), format_)
    with pytest.raises(CorruptImage):
        rendered(file[: int(len(file) * share)])


def test_jpeg_that_is_scanned_without_end_is_refused() -> None:
    file = saved(gradient().convert("RGB"), Format.JPEG, progressive=True)
    scan = file[file.rindex(b"\xff\xda") : -2]
    assert rendered(file[:-2] + scan * 50 + file[-2:])
    with pytest.raises(ImageTooLarge) as refusal:
        rendered(file[:-2] + scan * 5_000 + file[-2:])
    assert refusal.value.details["scans"] == 5_010


DOUBLES = struct.pack("<d", 0.5) * 16
UNREAD = {
    "TIFF of doubles": raw.tiff(4, 4, DOUBLES, bits=(64,), numbers=raw.FLOAT),
    "TIFF of floating colours": raw.tiff(
        2, 2, struct.pack("<f", 0.5) * 12, bits=(32,) * 3, shown=raw.RGB, numbers=raw.FLOAT
    ),
    "BMP of an unknown depth": saved(corners(), Format.BMP).replace(
        b"\1\0\x18\0", b"\1\0\x07\0", 1
    ),
    "JPEG in a hierarchy": saved(corners(), Format.JPEG).replace(b"\xff\xc0", b"\xff\xc5"),
    "JPEG of 12 bits": saved(corners(), Format.JPEG).replace(
        b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_valid_file_of_an_unsupported_kind_is_not_reported_as_damaged(name: str) -> None:
    with pytest.raises(UnsupportedFormat, match="not read here") as refusal:
        rendered(UNREAD[name])
    assert refusal.value.details["format"] == name.split()[0].lower()


PYTHON = re.compile(
    r"\w+(Error|Exception|Warning)\b|object at|_io\.|Traceback|out of range|requires"
)


@pytest.mark.parametrize("format_", WRITABLE)
@pytest.mark.parametrize("seed", range(12))
def test_damage_is_described_without_python_terms(format_: Format, seed: int) -> None:
    chance = Random(seed)
    file = bytearray(saved(corners(), format_))
    for _ in range(8):
        file[chance.randrange(12, min(len(file), 400))] = chance.randrange(256)
    damaged = bytes(file[: chance.randrange(60, len(file))])
    message = ""
    with suppress(Rejected):  # unless the file is still valid
        message = damage_of(damaged)
    assert not PYTHON.search(message)


def damage_of(file: bytes) -> str:
    try:
        rendered(file)
    except CorruptImage as damage:
        return str(damage)
    return ""


@pytest.mark.parametrize("format_", WRITABLE)
def test_damage_is_described_without_object_names(format_: Format) -> None:
    with pytest.raises(CorruptImage) as refusal:
        rendered(saved(corners(), format_)[:40])
    assert not PYTHON.search(str(refusal.value))


def test_size_beyond_every_limit_is_reported() -> None:
    with pytest.raises(ImageTooLarge) as refusal:
        open_image(BytesIO(bombs.png(width=60_000, height=60_000)), LIMITS)
    found = {"format": "png", "width": 60_000, "height": 60_000, "frames": 1}
    assert refusal.value.details == found


def test_rejection_while_rendering_has_size_and_format() -> None:
    with (
        pytest.raises(ImageTooLarge) as refusal,
        open_image(BytesIO(saved(corners(), Format.PNG)), LIMITS),
    ):
        raise ImageTooLarge("too much", details={"more": 1})
    assert refusal.value.details == {
        "format": "png",
        "width": 96,
        "height": 64,
        "frames": 1,
        "more": 1,
    }


class BrokenConnection(OSError, TransientFailure):
    """A read that failed on the network."""


class Interrupted(BytesIO):
    """A file whose reads fail beyond its first kilobytes."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > 2_000:
            raise BrokenConnection
        return data


@pytest.mark.parametrize("format_", WRITABLE)
def test_failure_to_read_is_not_blamed_on_the_file(format_: Format) -> None:
    noise = Image.effect_noise((200, 200), 99)
    with pytest.raises(BrokenConnection):
        render_file(Interrupted(saved(noise, format_)))


def render_file(file: BinaryIO) -> None:
    with open_image(file, LIMITS) as source:
        render(source, [VARIANT], STYLE)

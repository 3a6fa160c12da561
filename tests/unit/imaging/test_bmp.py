"""Bitmaps are rendered with the colours, alpha and profile that browsers show."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image
from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.model import Format

from tests.unit.imaging import profiles, raw
from tests.unit.imaging.pictures import rendered, result, saved

SIDE = 16
A1R5G5B5 = (0x7C00, 0x3E0, 0x1F, 0x8000)
A4R4G4B4 = (0xF00, 0xF0, 0xF, 0xF000)
R5G6B5 = (0xF800, 0x7E0, 0x1F, 0)
A2R10G10B10 = (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)
R8G8B8A8 = (0xFF000000, 0xFF0000, 0xFF00, 0xFF)
A8R8G8B8 = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def pixel(file: bytes, x: int = 3, y: int = 3) -> Any:
    return result(file, format=Format.PNG).convert("RGBA").getpixel((x, y))


def halves(left: int, right: int, bits: int) -> bytes:
    """Return rows of `SIDE` pixels, half of them *left*, half *right*."""
    code = {16: "H", 32: "I"}[bits]
    row = [left] * (SIDE // 2) + [right] * (SIDE // 2)
    return struct.pack(f"<{SIDE}{code}", *row) * SIDE


@pytest.mark.parametrize("version", [40, 56, 108, 124])
@pytest.mark.parametrize(
    ("bits", "masks", "number", "expected"),
    [
        (16, R5G6B5, 0b10000_011111_11111, (132, 125, 255, 255)),
        (16, A1R5G5B5, 0b1_10000_00000_11111, (132, 0, 255, 255)),
        (16, A4R4G4B4, 0x8F4A, (255, 68, 170, 136)),
        (32, A2R10G10B10, 0b10_1111111111_1000000000_0000000011, (255, 128, 1, 170)),
        (32, R8G8B8A8, 0x0A141E64, (10, 20, 30, 100)),
        (32, (0xFF, 0xFF0000, 0xFF00, 0), 0x64141E0A, (10, 20, 30, 255)),
        (32, (0x1FF8000, 0x7C00, 0x3FF, 0), 0x1FF8000 | 0x3FF, (255, 0, 255, 255)),
    ],
)
def test_masks_locate_the_channels(
    version: int, bits: int, masks: Sequence[int], number: int, expected: tuple[int, ...]
) -> None:
    compression = raw.ALPHA_MASKS if version == 40 else raw.MASKS
    file = raw.bmp(
        SIDE,
        SIDE,
        halves(number, number, bits),
        version=version,
        bits=bits,
        masks=masks,
        compression=compression,
    )
    assert pixel(file) == pytest.approx(expected, abs=1)


def test_pixels_of_one_bit_of_alpha_are_clear_or_opaque() -> None:
    file = raw.bmp(SIDE, SIDE, halves(0x7C00, 0xFC00, 16), bits=16, masks=A1R5G5B5)
    assert [pixel(file, x)[3] for x in (2, 13)] == [0, 255]
    assert pixel(file, 13) == (255, 0, 0, 255)


def test_alpha_mask_counts_with_default_colours() -> None:
    pixels = halves(0x000A141E, 0xFF0A141E, 32)
    for version, alphas in {40: [255, 255], 108: [0, 255], 124: [0, 255]}.items():
        file = raw.bmp(SIDE, SIDE, pixels, version=version, compression=raw.PLAIN, masks=A8R8G8B8)
        assert [pixel(file, x)[3] for x in (2, 13)] == alphas
        assert pixel(file, 13) == (10, 20, 30, 255)


def test_default_16_bit_colours_have_no_alpha() -> None:
    file = raw.bmp(
        SIDE, SIDE, halves(0x7C00, 0xFC00, 16), bits=16, compression=raw.PLAIN, masks=A1R5G5B5
    )
    assert [pixel(file, x) for x in (2, 13)] == [(255, 0, 0, 255)] * 2


def test_embedded_profile_is_applied() -> None:
    pixels = halves(0xFFC82828, 0xFFC82828, 32)
    plain = raw.bmp(SIDE, SIDE, pixels)
    tagged = raw.bmp(SIDE, SIDE, pixels, profile=profiles.DISPLAY_P3)
    assert pixel(plain) == (200, 40, 40, 255)
    assert pixel(tagged) == pytest.approx((220, 0, 20, 255), abs=4)


def test_short_header_of_os2_is_read() -> None:
    palette = bytes((0, 0, 0, 0, 30, 20, 10, 0)) + bytes(4 * 254)
    start = 14 + 16 + len(palette)
    header = struct.pack("<IIIHH", 16, SIDE, SIDE, 1, 8)
    file = b"BM" + struct.pack("<IHHI", 0, 0, 0, start) + header + palette + b"\1" * SIDE**2
    assert pixel(file) == (10, 20, 30, 255)


def test_os2_compression_is_not_mistaken_for_masks() -> None:
    file = raw.bmp(SIDE, SIDE, bytes(SIDE**2 * 4), version=64, compression=3)
    with pytest.raises(UnsupportedFormat, match="OS/2 bitmap of compression 3"):
        rendered(file)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_smallest_picture_is_read(mode: str) -> None:
    assert pixel(saved(Image.new(mode, (1, 1), "white"), Format.BMP), 0, 0) == (255,) * 4


COLORS = [(0, 0, 0), (10, 20, 30), (200, 100, 50), (9, 9, 250)]


def runs(size: tuple[int, int], bits: int, data: bytes, colors: list[Any] = COLORS) -> bytes:
    """Return a bitmap whose pixels are the runs in *data*, from the lowest row up."""
    palette = b"".join(bytes((blue, green, red, 0)) for red, green, blue in colors)
    compression = {8: 1, 4: 2}[bits]
    header = struct.pack(
        "<IiiHHIIiiII", 40, *size, 1, bits, compression, len(data), 0, 0, len(colors), 0
    )
    start = 54 + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + palette + data


def rows(file: bytes) -> list[list[int]]:
    """Return the numbers of the colours in each row of what *file* shows, from the highest down."""
    image = result(file, format=Format.PNG).convert("RGB")
    return [
        [COLORS.index(image.getpixel((x, y))) for x in range(image.width)]  # type: ignore[arg-type]  # a tuple
        for y in range(image.height)
    ]


@pytest.mark.parametrize(
    ("bits", "data"),
    [
        (8, b"\5\1\0\0\0\5\1\2\3\2\1\0\0\0\2\3\3\2\0\1"),
        (4, b"\5\x11\0\0\0\5\x12\x32\x10\0\0\0\2\x33\3\x22\0\1"),
    ],
)
def test_runs_of_pixels_are_read(bits: int, data: bytes) -> None:
    expected = [[3, 3, 2, 2, 2], [1, 2, 3, 2, 1], [1, 1, 1, 1, 1]]
    assert rows(runs((5, 3), bits, data)) == expected


RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)
MANY = [(255 - number // 2, 255, 40) for number in range(256)]


@pytest.mark.parametrize(
    ("colors", "shown"),
    [
        pytest.param([RED, GREEN], BLACK, id="room in the palette"),
        pytest.param([RED, GREEN, *MANY[2:200], BLACK, *MANY[201:]], BLACK, id="black among 256"),
        pytest.param([RED, GREEN, *MANY[2:]], RED, id="no black among 256: the darkest"),
    ],
)
def test_pixels_that_runs_skip_are_black(colors: list[Any], shown: tuple[int, int, int]) -> None:
    data = b"\2\1\0\0\0\2\2\1\2\1\0\1"
    image = result(runs((4, 4), 8, data, colors), format=Format.PNG).convert("RGB")
    rows = [[image.getpixel((x, y)) for x in range(4)] for y in range(4)]
    assert rows == [
        [shown] * 4,
        [shown] * 2 + [GREEN] * 2,
        [shown] * 4,
        [GREEN] * 2 + [shown] * 2,
    ]


def test_run_beyond_its_row_is_cut_off() -> None:
    assert rows(runs((2, 2), 8, b"\xff\1\0\0\2\2\0\1")) == [[2, 2], [1, 1]]


def test_two_greys_in_runs_are_black_and_white() -> None:
    file = runs((4, 1), 8, b"\2\0\2\1\0\1", [(0, 0, 0), (255, 255, 255)])
    image = result(file, format=Format.PNG).convert("L")
    assert list(image.tobytes()) == [0, 0, 255, 255]


@pytest.mark.parametrize("end", [1, 3, 4, 6])
def test_runs_that_are_cut_off_are_damage(end: int) -> None:
    with pytest.raises(CorruptImage):
        rendered(runs((4, 3), 8, b"\4\1\0\0\4\2\0\0\4\3\0\1"[:end]))

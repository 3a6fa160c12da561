"""Transparent pixels of a file are transparent in its result."""

import struct
import zlib

import pytest
from PIL import Image
from pipeline.model import Format

from tests.unit.imaging import raw
from tests.unit.imaging.pictures import WHITE, rendered, result, saved, scene

SIDE = 16


def halves(left: int, right: int, depth: int) -> bytes:
    """Return a row of `SIDE` grey pixels, half of them *left*, half *right*."""
    bits = "".join(f"{left if at < SIDE // 2 else right:0{depth}b}" for at in range(SIDE))
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def alphas(image: Image.Image) -> list[int]:
    alpha = image.convert("RGBA").getchannel("A")
    return [alpha.tobytes()[x] for x in (2, SIDE - 3)]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("clear_is_white", [False, True])
def test_clear_grey_of_any_depth_is_clear(depth: int, clear_is_white: bool) -> None:
    white = (1 << depth) - 1
    key, other = (white, 0) if clear_is_white else (0, white)
    trns = raw.chunk(b"tRNS", struct.pack(">H", key))
    file = raw.png(SIDE, [halves(key, other, depth)] * SIDE, trns, depth=depth)
    image = result(file, format=Format.WEBP, lossless=True)
    assert alphas(image) == [0, 255]
    visible = image.convert("RGB").getpixel((SIDE - 3, 3))
    assert visible == ((0, 0, 0) if clear_is_white else WHITE)


def test_grey_beside_the_clear_one_is_opaque() -> None:
    trns = raw.chunk(b"tRNS", struct.pack(">H", 0x8001))
    file = raw.png(SIDE, [halves(0x8001, 0x8000, 16)] * SIDE, trns, depth=16)
    assert alphas(result(file, format=Format.WEBP, lossless=True)) == [0, 255]


@pytest.mark.parametrize("depth", [8, 16])
def test_clear_colour_of_any_depth_is_clear(depth: int) -> None:
    levels = 3 * depth // 8
    colors = [(9).to_bytes(levels, "big"), (1 << 8 * levels - 2).to_bytes(levels, "big")]
    key = b"".join(
        colors[0][at : at + depth // 8].rjust(2, b"\0") for at in range(0, levels, depth // 8)
    )
    row = colors[0] * (SIDE // 2) + colors[1] * (SIDE // 2)
    file = raw.png(SIDE, [row] * SIDE, raw.chunk(b"tRNS", key), depth=depth, colors=raw.TRUE_COLOR)
    assert alphas(result(file, format=Format.WEBP, lossless=True)) == [0, 255]


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt"])
def test_text_named_transparency_is_not_transparency(name: bytes) -> None:
    body = b"0" if name == b"tEXt" else b"\0" + zlib.compress(b"0")
    text = raw.chunk(name, b"transparency\0" + body)
    made = rendered(raw.png(SIDE, [halves(0, 255, 8)] * SIDE, text))
    assert not made.picture.has_alpha


def test_premultiplied_grey_is_shown_as_it_was() -> None:
    file = raw.tiff(
        SIDE, SIDE, b"\x64\xc8" * SIDE**2, bits=(8, 8), extra=(raw.PREMULTIPLIED_ALPHA,)
    )
    image = result(file)
    assert image.mode == "LA"
    assert image.getpixel((3, 3)) == (127, 200)


def test_bitmap_whose_alpha_was_left_empty_is_opaque() -> None:
    image = result(raw.bmp(SIDE, SIDE, b"\x1e\x14\x0a\0" * SIDE**2))
    assert image.mode == "RGB"
    assert image.getpixel((3, 3)) == (10, 20, 30)


def test_bitmap_whose_alpha_is_used_stays_transparent() -> None:
    pixels = b"\x1e\x14\x0a\0" * (SIDE**2 - 1) + b"\x1e\x14\x0a\xff"
    image = result(raw.bmp(SIDE, SIDE, pixels))
    assert image.getchannel("A").getextrema() == (0, 255)


def test_fully_transparent_picture_stays_transparent() -> None:
    clear = scene(SIDE, SIDE).convert("RGBA")
    clear.putalpha(0)
    image = result(saved(clear, Format.PNG))
    assert image.convert("RGBA").getchannel("A").getextrema() == (0, 0)

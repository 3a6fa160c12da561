"""The contact sheet of the demo."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tools.local.contact_sheet import Photograph, Side, draw


@pytest.fixture
def photo(tmp_path: Path) -> Side:
    file = tmp_path / "photo.png"
    Image.new("RGB", (64, 48), "orange").save(file)
    return Side(file, "64 × 48", file.stat().st_size)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.jpg"


def half_a_jpeg() -> bytes:
    file = BytesIO()
    Image.effect_noise((400, 400), 100).save(file, "JPEG")
    return file.getvalue()[: file.tell() // 2]


def broken_png() -> bytes:
    file = BytesIO()
    Image.effect_noise((400, 400), 100).save(file, "PNG")
    start, chunk, rest = file.getvalue().partition(b"IDAT")
    return start + chunk + rest.replace(b"IDAT", b"\0\0\0\0")


def enormous_gif() -> bytes:
    file = BytesIO()
    Image.new("L", (1, 1)).save(file, "GIF")
    return file.getvalue().replace(b"\x01\0\x01\0", b"\xff\xff\xff\xff")


def colors(sheet: Path) -> set[tuple[int, ...]]:
    """The approximate colours of the tiles' centres."""
    with Image.open(sheet) as image:
        pixels = [image.getpixel((228, y)) for y in (228, 716)]
    return {
        tuple(round(value / 64) for value in pixel) for pixel in pixels if isinstance(pixel, tuple)
    }


def test_a_photograph_stands_above_its_result(photo: Side, sheet: Path) -> None:
    draw([Photograph(before=photo, after=[photo], milliseconds=12)], sheet)

    assert colors(sheet) == {(4, 3, 0)}


def test_every_photograph_adds_a_column(photo: Side, sheet: Path) -> None:
    widths = []
    for count in (1, 3):
        draw([Photograph(before=photo, after=[photo])] * count, sheet)
        with Image.open(sheet) as image:
            widths.append(image.width)

    assert widths[1] - widths[0] == 2 * 428


def test_a_file_that_is_not_a_picture_has_an_empty_tile(sheet: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("text")

    draw([Photograph(before=Side(text, "", 4), failure="unsupported-format: text")], sheet)

    assert colors(sheet) == {(4, 4, 4)}


@pytest.mark.parametrize("file", [half_a_jpeg(), broken_png(), enormous_gif()])
def test_an_unreadable_picture_has_an_empty_tile(file: bytes, sheet: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(file)

    draw([Photograph(before=Side(damaged, "", len(file)), failure="corrupt-image")], sheet)

    assert colors(sheet) == {(4, 4, 4)}


def test_the_sheet_is_small_enough_for_a_page(sheet: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.effect_noise((400, 400), 100).save(noise)
    side = Side(noise, "400 × 400", noise.stat().st_size)

    draw([Photograph(before=side, after=[side])] * 6, sheet)

    assert sheet.stat().st_size <= 400_000

"""What is read of a file, and how little of it."""

import struct
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from subprocess import run
from typing import Any

import pytest
from PIL import Image, ImageChops
from pipeline.imaging import engine, open_image, render
from pipeline.imaging.facts import dominant_color
from pipeline.imaging.resize import in_bands
from pipeline.model import Format, Size

from tests.unit.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    STYLE,
    VARIANT,
    corners,
    rendered,
    result,
    saved,
    scene,
    variant,
)

GAIN_MAP = b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"/>'


def multi_picture(first: Image.Image, second: Image.Image, **options: Any) -> bytes:
    """Two pictures in one file, as phones write them (CIPA DC-007)."""
    buffer = BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second], **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"xmp": GAIN_MAP}], ids=["pair", "gain map"])
def test_base_picture_of_a_phone_is_shown(options: dict[str, bytes]) -> None:
    file = multi_picture(corners(800, 600), Image.new("RGB", (400, 300), BLUE), **options)
    made = rendered(file)
    assert made.picture.format is Format.JPEG
    assert made.picture.frames == 1
    image = result(file, format=Format.PNG)
    assert image.size == (64, 48)
    assert image.getpixel((10, 10)) == pytest.approx(RED, abs=12)


@pytest.mark.parametrize("kind", ["plain", "oriented", "phone"])
def test_large_jpeg_is_reduced_while_it_is_decoded(kind: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    file = {
        "plain": lambda: saved(scene(1600, 1200), Format.JPEG),
        "oriented": lambda: saved(scene(1600, 1200), Format.JPEG, exif=exif),
        "phone": lambda: multi_picture(scene(1600, 1200), scene(100, 100)),
    }[kind]()
    with open_image(BytesIO(file), LIMITS) as source:
        render(source, [variant(width=180, height=180)], STYLE)
        assert source.image.size == (200, 150)


def test_first_page_is_shown() -> None:
    pages = [Image.new("RGB", (40, 30), color) for color in (RED, GREEN)]
    file = saved(pages[0], Format.TIFF, save_all=True, append_images=pages[1:])
    assert result(file, format=Format.PNG).getpixel((5, 5)) == RED


def test_orientation_that_a_png_tells_after_its_pixels_is_applied() -> None:
    exif = Image.Exif()
    exif[274] = 6
    file = saved(corners(), Format.PNG, exif=exif)
    start = file.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", file[start : start + 4])[0]
    late = file[:start] + file[end:-12] + file[start:end] + file[-12:]
    made = rendered(late, variant(width=48, height=48))
    assert made.picture.size == Size(width=64, height=96)
    assert made.renditions[0].size == Size(width=32, height=48)


def test_stages_are_announced_in_order() -> None:
    stages: list[str] = []

    @contextmanager
    def note(name: str) -> Iterator[None]:
        stages.append(name)
        yield

    with open_image(BytesIO(saved(corners(), Format.PNG)), LIMITS) as source:
        render(source, [VARIANT], STYLE, stage=note)
    assert [name for name in stages if name != "decode"] == ["resize", "encode"]
    assert stages[0] == "decode"


def test_facts_of_a_picture() -> None:
    picture = rendered(saved(scene(), Format.JPEG)).picture
    assert (picture.format, picture.size, picture.frames, picture.has_alpha) == (
        Format.JPEG,
        Size(width=400, height=300),
        1,
        False,
    )
    assert 20 <= len(picture.placeholder) <= 36


def test_dominant_colour_is_that_of_the_largest_area() -> None:
    picture = Image.new("RGB", (16, 16), RED)
    picture.paste(BLUE, (0, 0, 16, 6))
    assert dominant_color(picture) == "#ff0000"


def test_placeholder_knows_alpha_and_shape() -> None:
    wide = rendered(saved(scene(400, 100), Format.PNG)).picture.placeholder
    high = rendered(saved(scene(100, 400), Format.PNG)).picture.placeholder
    clear = rendered(saved(Image.new("RGBA", (40, 40), (9, 9, 9, 90)), Format.PNG)).picture
    assert wide != high
    assert b64decode(clear.placeholder)[2] & 0x80  # ThumbHash's flag for alpha


def test_engine_is_one_identity_for_one_code() -> None:
    assert engine() == engine()
    assert len(engine()) == 64


def test_no_plugin_but_those_of_the_formats_is_ever_loaded() -> None:
    program = (
        "import sys, io\n"
        "from PIL import Image\n"
        "from tests.unit.imaging.pictures import corners, rendered, saved, variant\n"
        "from pipeline.model import Format\n"
        "made = [rendered(saved(corners(), f), variant(format=g))\n"
        "        for f in (Format.JPEG, Format.WEBP) for g in (Format.AVIF, Format.GIF)]\n"
        "print('PIL.EpsImagePlugin' in sys.modules, Image.MAX_IMAGE_PIXELS)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["False", str(Image.MAX_IMAGE_PIXELS)]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_bands_are_scaled_to_the_same_pixels_as_the_whole(mode: str) -> None:
    picture = Image.merge("RGB", [Image.effect_noise((1703, 1301), 60) for _ in range(3)])
    picture = picture.convert(mode)
    box = (0.0, 0.0, 1702.5, 1300.25)
    whole = picture.resize((1001, 777), Image.Resampling.HAMMING, box)
    bands = in_bands(picture, Size(width=1001, height=777), Image.Resampling.HAMMING, box)
    for one, other in zip(bands.split(), whole.split(), strict=True):
        assert sum(ImageChops.difference(one, other).histogram()[2:]) == 0

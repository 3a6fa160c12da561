"""Decoding reads the right picture, and as little of the file as possible."""

import random
import struct
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from PIL import Image, ImageChops
from pipeline.imaging import engine, open_image, render
from pipeline.imaging.placeholder import dominant_color
from pipeline.imaging.resize import resize_in_halves
from pipeline.model import MOST_BLURRED_BYTES, Format, Size
from pipeline.timing import measured

from tests.unit.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    STYLE,
    VARIANT,
    WHITE,
    corners,
    opened,
    rendered,
    result,
    saved,
    scene,
    style,
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


def test_orientation_after_the_pixels_of_a_png_is_ignored() -> None:
    exif = Image.Exif()
    exif[274] = 6
    file = saved(corners(), Format.PNG, exif=exif)
    start = file.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", file[start : start + 4])[0]
    late = file[:start] + file[end:-12] + file[start:end] + file[-12:]
    made = rendered(late, variant(width=48, height=48))
    assert made.picture.size == Size(width=96, height=64)
    assert made.renditions[0].size == Size(width=48, height=32)


def test_stages_are_timed_in_order() -> None:
    file = BytesIO(saved(corners(), Format.PNG))
    with open_image(file, LIMITS) as source, measured() as milliseconds:
        rendering = render(source, [VARIANT], STYLE)
        assert list(milliseconds) == ["decode", "resize"]
        list(rendering)
    assert list(milliseconds) == ["decode", "resize", "encode"]


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


def blurred(image: Image.Image) -> str:
    asked = style(blurred_placeholder=True)
    return rendered(saved(image, Format.PNG), style=asked).picture.blurred_placeholder


def shown(url: str) -> Image.Image:
    prefix, _, text = url.partition(",")
    assert prefix == "data:image/webp;base64"
    return opened(b64decode(text, validate=True))


def test_blurred_placeholder_is_made_on_request() -> None:
    assert rendered(saved(scene(), Format.PNG)).picture.blurred_placeholder == ""
    assert blurred(scene())


def test_blurred_placeholder_is_the_whole_picture_in_a_few_pixels() -> None:
    small = shown(blurred(corners(400, 200)))
    assert small.size == (16, 8)
    quarters = [small.getpixel(at) for at in ((3, 1), (12, 1), (12, 6), (3, 6))]
    for color, wanted in zip(quarters, (RED, GREEN, BLUE, WHITE), strict=True):
        assert isinstance(color, tuple)
        assert max(abs(a - b) for a, b in zip(color, wanted, strict=True)) < 40


def test_blurred_placeholder_keeps_transparency() -> None:
    assert shown(blurred(Image.new("RGBA", (40, 40), (9, 9, 9, 90)))).mode == "RGBA"


def test_blurred_placeholder_of_noise_takes_at_most_a_kilobyte() -> None:
    noise = Image.frombytes("RGBA", (256, 256), random.Random(1).randbytes(4 * 256 * 256))
    assert 0 < len(blurred(noise)) <= MOST_BLURRED_BYTES


def test_equal_code_has_one_fingerprint() -> None:
    assert engine(Format.JPEG) == engine(Format.JPEG)
    assert len(engine(Format.JPEG)) == 64


def test_only_the_fingerprint_for_heic_includes_its_decoder(tmp_path: Path) -> None:
    """Put another build of the decoder before the installed one, as an update would."""
    program = (
        "from pipeline.imaging import engine\n"
        "from pipeline.model import Format\n"
        "print(*map(engine, Format))\n"
    )
    (tmp_path / "_pillow_heif.py").touch()
    before, after = (
        run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join([*folders, *sys.path])},
            check=True,
        ).stdout.split()
        for folders in ([], [str(tmp_path)])
    )
    changed = {
        format_ for format_, one, other in zip(Format, before, after, strict=True) if one != other
    }
    assert changed == {Format.HEIC}


def test_only_plugins_of_the_supported_formats_are_loaded() -> None:
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
    bands = resize_in_halves(picture, Size(width=1001, height=777), Image.Resampling.HAMMING, box)
    for one, other in zip(bands.split(), whole.split(), strict=True):
        assert sum(ImageChops.difference(one, other).histogram()[2:]) == 0

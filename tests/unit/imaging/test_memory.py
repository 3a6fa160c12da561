"""The estimate of memory, compared with measurements of large pictures."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from pipeline.errors import ImageTooLarge
from pipeline.model import Format

from tests.unit.imaging import raw
from tests.unit.imaging.pictures import LIMITS, heic, rendered, saved, scene, variant

WIDTH, HEIGHT = 3200, 2400
SMALL, FULL = 1024, WIDTH


@cache
def large() -> Image.Image:
    return scene(WIDTH, HEIGHT)


def few_colors(image: Image.Image) -> Image.Image:
    """Return *image* with a palette, made in a tenth of the time that the usual method takes."""
    return image.quantize(64, Image.Quantize.FASTOCTREE)


def clear() -> Image.Image:
    picture = large().copy()
    picture.putalpha(Image.radial_gradient("L").resize(picture.size))
    return picture


def with_chunk(name: bytes, body: bytes, image: Image.Image) -> bytes:
    """Return *image* as a PNG with one more chunk after its header."""
    file = saved(image, Format.PNG, compress_level=1)
    return file[:33] + raw.chunk(name, body) + file[33:]


def animation(format_: Format) -> bytes:
    frames = [scene(800, 600).rotate(angle) for angle in range(0, 100, 10)]
    first, *rest = map(few_colors, frames) if format_ is Format.GIF else frames
    return saved(first, format_, save_all=True, append_images=rest, duration=50)


def uncovered() -> bytes:
    """Return a GIF whose only frame does not cover a column and a row of the picture."""
    file = saved(few_colors(large()), Format.GIF)
    return file[:6] + struct.pack("<HH", WIDTH + 1, HEIGHT + 1) + file[10:]


@cache
def file_of(name: str) -> bytes:
    return FILES[name]()


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(large(), Format.JPEG),
    "progressive": lambda: saved(large(), Format.JPEG, progressive=True),
    "progressive-444": lambda: saved(large(), Format.JPEG, progressive=True, subsampling=0),
    "grey-jpeg": lambda: saved(large().convert("L"), Format.JPEG),
    "cmyk-jpeg": lambda: saved(large().convert("CMYK"), Format.JPEG),
    "png": lambda: saved(large(), Format.PNG, compress_level=1),
    "png-alpha": lambda: saved(clear(), Format.PNG, compress_level=1),
    "png-palette": lambda: saved(few_colors(large()), Format.PNG, compress_level=1),
    "png-deep": lambda: saved(large().convert("L").convert("I;16"), Format.PNG, compress_level=1),
    "png-linear": lambda: with_chunk(b"gAMA", struct.pack(">I", 100_000), large()),
    "png-clear-colour": lambda: with_chunk(b"tRNS", bytes(6), large()),
    "png-clear-grey": lambda: with_chunk(b"tRNS", bytes(2), large().convert("L")),
    "png-clear-deep": lambda: with_chunk(b"tRNS", bytes(2), large().convert("L").convert("I;16")),
    "webp": lambda: saved(large(), Format.WEBP, method=0),
    "webp-alpha": lambda: saved(clear(), Format.WEBP, method=0),
    "avif": lambda: saved(large(), Format.AVIF, speed=10),
    "gif": lambda: saved(few_colors(large()), Format.GIF),
    "gif-uncovered": uncovered,
    "tiff": lambda: saved(large(), Format.TIFF),
    "tiff-lzw-alpha": lambda: saved(clear(), Format.TIFF, compression="tiff_lzw"),
    "tiff-deep-big-endian": lambda: raw.tiff(
        WIDTH, HEIGHT, bytes(2 * WIDTH * HEIGHT), bits=(16,), order=">"
    ),
    "tiff-float": lambda: saved(large().convert("F"), Format.TIFF),
    "tiff-premultiplied": lambda: raw.tiff(
        WIDTH,
        HEIGHT,
        bytes(2 * WIDTH * HEIGHT),
        bits=(8, 8),
        extra=(raw.PREMULTIPLIED_ALPHA,),
    ),
    "tiff-planes-deep": lambda: raw.tiff(
        WIDTH, HEIGHT, [bytes(2 * WIDTH * HEIGHT)] * 3, bits=(16,) * 3, shown=raw.RGB
    ),
    "tiff-planes": lambda: raw.tiff(
        WIDTH, HEIGHT, [bytes(WIDTH * HEIGHT)] * 4, bits=(8,) * 4, shown=raw.CMYK, packed=True
    ),
    "bmp-alpha": lambda: raw.bmp(WIDTH, HEIGHT, bytes(4 * WIDTH * HEIGHT)),
    "bmp": lambda: saved(large(), Format.BMP),
    "jpeg2000": lambda: saved(large().resize((2000, 1500)), Format.JPEG2000),
    "heic": lambda: heic(large().resize((1000, 750))),
    "gif-animation": lambda: animation(Format.GIF),
    "webp-animation": lambda: animation(Format.WEBP),
    "png-animation": lambda: animation(Format.PNG),
}

CASES = [
    *((name, SMALL, Format.JPEG) for name in FILES if not name.endswith("animation")),
    *(("jpeg", FULL, target) for target in (Format.JPEG, Format.WEBP, Format.GIF)),
    ("png-alpha", FULL, Format.PNG),
    ("png-alpha", FULL, Format.WEBP),
    ("cmyk-jpeg", FULL, Format.JPEG),
    ("avif", SMALL, Format.AVIF),
    ("gif-animation", FULL, Format.GIF),
    ("gif-animation", FULL, Format.WEBP),
    ("webp-animation", FULL, Format.WEBP),
    ("png-animation", FULL, Format.PNG),
]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("name", "width", "target"), CASES)
def test_estimate_is_never_under_and_at_most_twice_over(
    name: str, width: int, target: Format, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(file_of(name))
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.imaging.peak", str(path), str(width), target.value],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    figures = json.loads(run.stdout)
    assert figures["measured"] <= figures["estimated"]
    # Codecs are loaded in any case, so a small picture's measure is mostly theirs.
    assert figures["estimated"] <= 2 * max(figures["measured"] + figures["libraries"], 30 << 20)


def test_a_picture_that_does_not_fit_the_memory_is_refused_with_figures() -> None:
    file = saved(large(), Format.PNG, compress_level=1)
    with pytest.raises(ImageTooLarge) as refusal:
        rendered(file, limits=replace(LIMITS, memory_bytes=130 << 20))
    found = refusal.value.details
    needed = found["memory_needed"]
    assert isinstance(needed, int)
    assert found["memory_allowed"] == 130 << 20 < needed
    assert str(needed >> 20) in str(refusal.value)
    rendered(file, limits=replace(LIMITS, memory_bytes=needed))


def test_small_results_of_a_large_jpeg_need_little() -> None:
    file = saved(large(), Format.JPEG)
    little = replace(LIMITS, memory_bytes=140 << 20)
    rendered(file, variant(width=500, height=500), limits=little)
    with pytest.raises(ImageTooLarge):
        rendered(file, variant(width=WIDTH, height=WIDTH), limits=little)

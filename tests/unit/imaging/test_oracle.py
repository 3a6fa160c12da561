"""The same work done by libvips: an independent engine has to agree, within two levels on average.

Where it may differ by more, the reason is given.
"""

from typing import Any, TypeAlias

import numpy
import numpy.typing
import pytest
import pyvips  # type: ignore[import-untyped]  # comes without types
from PIL import Image
from pipeline.model import Fit, Format, Position

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import heic, opened, rendered, saved, scene, variant

Array: TypeAlias = numpy.typing.NDArray[numpy.int64]

LEVELS = 2.0

# libvips converts ink by a press's full profile, the pipeline by 27 of its measured overprints.
PRESS_LEVELS = 8.0


def ours(file: bytes, **changes: Any) -> Array:
    made = rendered(file, variant(**{"width": 100, "height": 100, "format": Format.PNG} | changes))
    return array(opened(made.renditions[0].body))


def array(image: Image.Image) -> Array:
    return numpy.asarray(image.convert("RGBA")).astype(int)


def theirs(file: bytes, width: int = 100, height: int = 100, **options: Any) -> Array:
    image = pyvips.Image.thumbnail_buffer(
        file, width, height=height, **{"size": "down", "intent": "relative"} | options
    )
    return array(opened(image.write_to_buffer(".png", strip=True)))


def difference(a: Array, b: Array) -> float:
    """Return the largest mean difference of a channel, colours weighted by their alpha."""
    assert a.shape == b.shape
    weight = a[..., 3:] / 255
    moved = numpy.abs(a - b)
    colors = (moved[..., :3] * weight).mean(axis=(0, 1))
    return float(max(*colors, moved[..., 3].mean()))


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_orientation(format_: Format, orientation: int) -> None:
    file = saved(scene(), format_, exif=oriented(orientation), quality=95)
    assert difference(ours(file), theirs(file)) < LEVELS


@pytest.mark.parametrize("profile", ["DISPLAY_P3", "ADOBE_RGB", "PROPHOTO"])
@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.WEBP, Format.TIFF])
def test_profile_of_colours(format_: Format, profile: str) -> None:
    icc = getattr(profiles, profile)
    file = saved(scene(), format_, icc_profile=icc, quality=95)
    plain = saved(scene(), format_, quality=95)
    assert difference(ours(file), theirs(file, output_profile="srgb")) < LEVELS
    assert difference(ours(plain), ours(file)) > LEVELS


def test_profile_of_greys() -> None:
    file = saved(scene().convert("L"), Format.PNG, icc_profile=profiles.DARK_GREY)
    assert difference(ours(file), theirs(file, output_profile="srgb")) < LEVELS


@pytest.mark.parametrize("suffix", [".jpg[Q=95]", ".tif"])
def test_profile_of_inks(suffix: str) -> None:
    file = inks().write_to_buffer(suffix)
    assert difference(ours(file), printed(file)) < LEVELS


@pytest.mark.parametrize("suffix", [".jpg[Q=95,strip]", ".tif[strip]"])
def test_inks_without_a_profile(suffix: str) -> None:
    file = inks().write_to_buffer(suffix)
    assert difference(ours(file), printed(file)) < PRESS_LEVELS


def inks() -> pyvips.Image:
    return pyvips.Image.new_from_buffer(saved(scene(), Format.PNG), "").icc_transform("cmyk")


def printed(file: bytes) -> Array:
    # Its thumbnailer has no black point compensation, which decides how dark ink can look.
    colors = pyvips.Image.new_from_buffer(file, "").icc_transform(
        "srgb", input_profile="cmyk", intent="relative", black_point_compensation=True
    )
    return theirs(colors.write_to_buffer(".png", strip=True))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_depth_of_greys(bits: int) -> None:
    levels = (1 << min(bits, 8)) - 1
    picture = scene().convert("L").point(lambda level: round(level * levels / 255) * 255 // levels)
    grey = pyvips.Image.new_from_buffer(saved(picture, Format.PNG), "")
    if bits == 16:
        grey = (grey.cast("ushort") * 257).cast("ushort").copy(interpretation="grey16")
        file = grey.write_to_buffer(".png")
    else:
        file = grey.write_to_buffer(".png", bitdepth=bits)
    assert difference(ours(file), theirs(file)) < LEVELS


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_colours(suffix: str) -> None:
    image = pyvips.Image.new_from_buffer(saved(scene(), Format.PNG), "")
    deep = (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    file = deep.write_to_buffer(suffix)
    assert difference(ours(file), theirs(file)) < LEVELS


@pytest.mark.parametrize("format_", [Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF])
def test_alpha(format_: Format) -> None:
    cut = scene()
    cut.putalpha(Image.radial_gradient("L").resize(cut.size))
    file = saved(cut, format_, quality=95)
    assert difference(ours(file), theirs(file)) < LEVELS


@pytest.mark.parametrize("format_", [Format.GIF, Format.TIFF, Format.BMP, Format.JPEG2000])
def test_other_formats(format_: Format) -> None:
    file = saved(scene(), format_)
    if format_ in (Format.BMP, Format.JPEG2000):
        expected = theirs(saved(scene(), Format.PNG))  # libvips's wheel reads neither
    else:
        expected = theirs(file)
    assert difference(ours(file), expected) < LEVELS


def test_heic() -> None:
    assert difference(ours(heic(scene())), theirs(saved(scene(), Format.PNG))) < LEVELS


@pytest.mark.parametrize("position", [Position.LEFT, Position.CENTER, Position.RIGHT])
def test_cover(position: Position) -> None:
    file = saved(scene(), Format.PNG)
    crop = {Position.LEFT: "low", Position.CENTER: "centre", Position.RIGHT: "high"}[position]
    # An odd number of spare pixels would be halved differently.
    expected = theirs(file, 60, 90, crop=crop)
    made = ours(file, width=60, height=90, fit=Fit.COVER, position=position)
    assert difference(made, expected) < LEVELS


def test_fill() -> None:
    file = saved(scene(), Format.PNG)
    made = ours(file, width=90, height=110, fit=Fit.FILL)
    assert difference(made, theirs(file, 90, 110, size="force")) < LEVELS


def test_palette_with_transparency() -> None:
    picture = scene().quantize(64)
    picture.info["transparency"] = 3
    file = saved(picture, Format.PNG, transparency=3)
    made, expected = ours(file), theirs(file)
    assert difference(made, expected) < LEVELS
    assert numpy.any(made[..., 3] < 255)

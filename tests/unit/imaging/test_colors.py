"""Colours that the oracle cannot check: odd profiles, deep channels, and their warnings."""

import struct

import pytest
from PIL import Image, ImageCms
from pipeline.model import Format

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import corners, gradient, rendered, result, saved, scene


def test_broken_profile_is_ignored_with_a_warning() -> None:
    made = rendered(saved(corners(), Format.PNG, icc_profile=b"no profile at all" * 20))
    assert "ignored" in str(made.picture.warnings["icc_profile"])


def test_profile_of_another_colour_space_is_ignored_with_a_warning() -> None:
    made = rendered(saved(corners(), Format.JPEG, icc_profile=profiles.DARK_GREY))
    assert "GRAY" in str(made.picture.warnings["icc_profile"])


def test_valid_profile_causes_no_warning() -> None:
    assert (
        rendered(saved(corners(), Format.JPEG, icc_profile=profiles.ADOBE_RGB)).picture.warnings
        == {}
    )


def test_srgb_under_any_name_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = result(saved(scene(), Format.PNG, icc_profile=srgb))
    assert tagged.tobytes() == result(saved(scene(), Format.PNG)).tobytes()


def test_alpha_survives_a_profile() -> None:
    cut = corners(mode="RGBA")
    cut.putalpha(100)
    image = result(saved(cut, Format.PNG, icc_profile=profiles.DISPLAY_P3))
    assert image.getchannel("A").getextrema() == (100, 100)


@pytest.mark.parametrize(
    ("format_", "mode"),
    [
        (Format.PNG, "I;16"),
        (Format.TIFF, "I;16"),
        (Format.TIFF, "I"),
        (Format.TIFF, "F"),
        (Format.JPEG2000, "I;16"),
    ],
)
def test_deep_greys_are_scaled_not_clipped(format_: Format, mode: str) -> None:
    ramp = gradient(256, 8)
    deep = Image.frombytes(
        "I;16", ramp.size, b"".join(struct.pack("<H", v * 257) for v in ramp.tobytes())
    )
    if mode != "I;16":
        deep = deep.convert("I").convert(mode)
    image = result(saved(deep, format_), width=256, height=256, format=Format.PNG)
    shown, expected = image.convert("L").tobytes(), ramp.tobytes()
    assert max(abs(a - b) for a, b in zip(shown, expected, strict=True)) <= 1


def test_floats_from_zero_to_one_are_the_whole_range() -> None:
    unit = gradient(256, 8).convert("F").point(lambda level: level * (1 / 255) + 0)
    image = result(saved(unit, Format.TIFF), width=256, height=256, format=Format.PNG)
    assert image.convert("L").getextrema() == (0, 255)


def test_lab_pictures_are_shown() -> None:
    lab = ImageCms.profileToProfile(
        scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    shown = result(saved(lab, Format.TIFF), width=400, height=400, format=Format.PNG)
    pairs = zip(shown.convert("RGB").tobytes(), scene().tobytes(), strict=True)
    assert sum(abs(a - b) for a, b in pairs) / len(scene().tobytes()) < 3


def test_paper_without_ink_is_white_and_full_black_is_black() -> None:
    for ink, low, high in ((0, 255, 255), (255, 0, 12)):
        sheet = Image.new("CMYK", (64, 64), (0, 0, 0, ink))
        image = result(saved(sheet, Format.TIFF), format=Format.PNG)
        # Pillow types a pixel as a number too; of RGB it is a tuple.
        assert all(low <= level <= high for level in image.convert("RGB").getpixel((9, 9)))  # type: ignore[union-attr]  # RGB

"""Profiles are made and read safely: lcms never runs stages without bounds."""

import struct
from time import process_time

import pytest
from pipeline.imaging.profiles import (
    SRGB,
    Primaries,
    gamma,
    matrix_profile,
    srgb_curve,
    without_stages,
)
from pipeline.model import Format

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import rendered, result, saved, scene

SECONDS = 3


def chain(stages: int) -> bytes:
    """Return a multiProcessElements tag of *stages* that all have the same offset."""
    formula = b"parf" + bytes(8) + struct.pack(">4f", 1.0001, 1, 0, 0)
    curve = b"curf" + bytes(4) + struct.pack(">HH", 1, 0) + formula
    places = struct.pack(">II", 36, len(curve)) * 3
    stage = b"cvst" + bytes(4) + struct.pack(">HH", 3, 3) + places + curve
    table = struct.pack(">II", 16 + 8 * stages, len(stage)) * stages
    return b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, stages) + table + stage


def with_tag(profile: bytes, name: bytes, body: bytes) -> bytes:
    """Return *profile* as of version 4, with one more tag."""
    (count,) = struct.unpack_from(">I", profile, 128)
    end = 132 + 12 * count
    entries = [struct.unpack_from(">4sII", profile, at) for at in range(132, end, 12)]
    table = b"".join(struct.pack(">4sII", each, at + 12, size) for each, at, size in entries)
    table += struct.pack(">4sII", name, len(profile) + 12, len(body))
    header = struct.pack(">I4sI", len(profile) + 12 + len(body), b"test", 0x04400000)
    return header + profile[12:128] + struct.pack(">I", count + 1) + table + profile[end:] + body


@pytest.mark.parametrize("name", [b"D2B0", b"D2B1", b"D2B3"])
def test_chain_of_stages_in_a_profile_is_not_run(name: bytes) -> None:
    bomb = with_tag(profiles.ADOBE_RGB, name, chain(10_000))
    file = saved(scene(), Format.PNG, icc_profile=bomb)
    started = process_time()
    image = result(file)
    assert process_time() - started < SECONDS
    sound = result(saved(scene(), Format.PNG, icc_profile=profiles.ADOBE_RGB))
    assert image.tobytes() == sound.tobytes()


@pytest.mark.parametrize("length", [1, 100, 131, 132, 200])
def test_profile_that_ends_early_is_ignored_and_noted(length: int) -> None:
    file = saved(scene(), Format.JPEG, icc_profile=profiles.ADOBE_RGB[:length])
    assert "ignored" in str(rendered(file).picture.warnings["icc_profile"])


def test_profile_with_more_tags_than_bytes_is_ignored() -> None:
    odd = profiles.ADOBE_RGB[:128] + b"\xff" * 4 + profiles.ADOBE_RGB[132:]
    assert "ignored" in str(
        rendered(saved(scene(), Format.JPEG, icc_profile=odd)).picture.warnings["icc_profile"]
    )


def test_profile_of_more_than_sixteen_megabytes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"17,825,792 bytes, of 16,777,216 allowed"):
        without_stages(bytes(17 << 20))


@pytest.mark.parametrize(
    "primaries",
    [
        Primaries((0.3, 0.3), (0.4, 0.4), (0.5, 0.5)),
        Primaries((0.64, 0), (0.3, 0.6), (0.15, 0.06)),
        SRGB._replace(white=(0.0, 0.0)),
    ],
)
def test_primaries_of_no_colours_make_no_profile(primaries: Primaries) -> None:
    with pytest.raises(ValueError, match=r"primaries on one line|a chromaticity of"):
        matrix_profile(primaries, srgb_curve())


def test_made_profile_says_the_same_as_one_from_published_numbers() -> None:
    ours = matrix_profile(Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), gamma(2.19921875))
    picture = scene()
    made = result(saved(picture, Format.PNG, icc_profile=ours))
    known = result(saved(picture, Format.PNG, icc_profile=profiles.ADOBE_RGB))
    pairs = zip(made.tobytes(), known.tobytes(), strict=True)
    assert max(abs(a - b) for a, b in pairs) <= 1

"""Colours declared by code points (H.273) come out as Chromium shows them."""

import struct
from collections.abc import Sequence

import pytest
from PIL import Image
from pipeline.imaging.profiles import HLG, PQ, CodePoints
from pipeline.model import Format

from tests.unit.imaging import profiles, raw
from tests.unit.imaging.containers import coded, container, nclx
from tests.unit.imaging.pictures import rendered, result, saved, variant

Colors = Sequence[tuple[int, int, int]]

BRANDS = {Format.AVIF: b"avif", Format.HEIC: b"heic"}

STORED: Colors = ((150, 60, 60), (60, 130, 90), (128, 128, 128), (190, 170, 140), (40, 30, 90))

# Of PNG files with STORED and a cICP of these primaries and transfer, Chromium 156 shows these.
SHOWN: dict[tuple[int, int], Colors] = {
    (1, 1): ((144, 49, 49), (49, 123, 81), (121, 121, 121), (186, 165, 134), (28, 18, 81)),
    (1, 13): STORED,
    (1, 16): ((194, 26, 26), (26, 137, 61), (132, 132, 132), (255, 198, 119), (9, 4, 61)),
    (1, 18): ((110, 43, 43), (45, 99, 69), (99, 99, 99), (180, 151, 118), (21, 14, 56)),
    (9, 1): ((178, 0, 45), (0, 129, 76), (121, 121, 121), (200, 163, 129), (26, 14, 85)),
    (9, 13): ((184, 30, 57), (0, 136, 85), (128, 128, 128), (203, 168, 135), (39, 27, 94)),
    (9, 16): ((241, 0, 2), (0, 145, 46), (132, 132, 132), (255, 173, 93), (2, 2, 65)),
    (9, 18): ((137, 21, 41), (0, 103, 65), (99, 99, 99), (198, 147, 112), (21, 12, 58)),
    (12, 1): ((157, 39, 45), (0, 125, 77), (121, 121, 121), (191, 164, 129), (30, 17, 84)),
    (12, 13): ((162, 52, 56), (16, 132, 86), (128, 128, 128), (194, 169, 136), (42, 30, 94)),
    (12, 16): ((212, 0, 0), (0, 140, 50), (132, 132, 132), (255, 189, 100), (10, 4, 64)),
    (12, 18): ((120, 37, 40), (14, 100, 66), (99, 99, 99), (186, 150, 113), (23, 14, 58)),
    (9, 4): ((186, 22, 54), (0, 137, 84), (129, 129, 129), (205, 169, 137), (33, 21, 94)),
    (9, 8): ((234, 121, 132), (72, 195, 157), (188, 188, 188), (232, 212, 193), (113, 94, 166)),
    (6, 13): ((146, 63, 60), (66, 129, 90), (128, 128, 128), (189, 170, 140), (40, 32, 90)),
    (11, 13): ((159, 52, 57), (36, 132, 86), (128, 128, 128), (193, 169, 136), (41, 29, 94)),
}
LEVELS = 4  # 8 bits are few for HDR

# The same with a content light level (cLLI) of 4,000 cd/m2.
BRIGHT_SHOWN: Colors = ((241, 0, 2), (0, 145, 46), (132, 132, 132), (255, 153, 81), (2, 2, 65))

# What Chromium shows of an even ramp of greys, every 24th level of 256.
RAMP = tuple(range(16, 256, 24))
RAMP_SHOWN = {
    16: (1, 9, 30, 58, 98, 153, 213, 246, 255, 255),
    18: (3, 21, 43, 64, 85, 107, 135, 174, 212, 236),
}


def declared(primaries: int, transfer: int) -> bytes:
    return raw.chunk(b"cICP", bytes((primaries, transfer, 0, 1)))


def strip(colors: Colors, *chunks: bytes) -> bytes:
    """Return a PNG of one row of squares in *colors*."""
    row = b"".join(bytes(color) * 8 for color in colors)
    return raw.png(8 * len(colors), [row] * 8, *chunks, colors=raw.TRUE_COLOR)


def squares(image: Image.Image, count: int) -> list[tuple[int, ...]]:
    """Return the colour in the middle of each of the *count* squares in *image*."""
    shown = image.convert("RGB")
    found = [shown.getpixel((8 * number + 4, 4)) for number in range(count)]
    return [pixel for pixel in found if isinstance(pixel, tuple)]


def furthest(shown: Sequence[Sequence[int]], expected: Sequence[Sequence[int]]) -> int:
    """Return by how many levels the worst channel is off."""
    return max(
        abs(a - b)
        for left, right in zip(shown, expected, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def shown(*chunks: bytes, colors: Colors = STORED) -> list[tuple[int, ...]]:
    image = result(strip(colors, *chunks), width=4000, height=4000, format=Format.PNG)
    return squares(image, len(colors))


@pytest.mark.parametrize("points", SHOWN)
def test_code_points_decide_the_colours(points: tuple[int, int]) -> None:
    assert furthest(shown(declared(*points)), SHOWN[points]) <= LEVELS


@pytest.mark.parametrize("transfer", RAMP_SHOWN)
def test_greys_of_high_dynamic_range_rise_evenly(transfer: int) -> None:
    greys = [(level, level, level) for level in range(256)]
    levels = [red for red, _, _ in shown(declared(9, transfer), colors=greys)]
    assert levels == sorted(levels)
    expected = [(level,) for level in RAMP_SHOWN[transfer]]
    assert furthest([(levels[level],) for level in RAMP], expected) <= 1


def test_grey_file_of_high_dynamic_range_stays_grey() -> None:
    file = raw.png(64, [bytes([128]) * 64] * 64, declared(9, 16))
    image = result(file, format=Format.PNG)
    assert image.mode == "L"
    assert image.getpixel((9, 9)) == pytest.approx(SHOWN[9, 16][2][0], abs=1)


def test_alpha_survives_tone_mapping() -> None:
    file = saved(Image.new("RGBA", (64, 64), (*STORED[0], 77)), Format.PNG)
    image = result(file[:33] + declared(9, 16) + file[33:], format=Format.PNG)
    pixel = image.getpixel((9, 9))
    assert isinstance(pixel, tuple)
    assert furthest([pixel], [(*SHOWN[9, 16][0], 77)]) <= LEVELS


def test_content_light_level_tells_where_highlights_end() -> None:
    level = raw.chunk(b"cLLI", struct.pack(">II", 4000 * 10_000, 0))
    assert furthest(shown(declared(9, 16), level), BRIGHT_SHOWN) <= LEVELS


def test_mastering_display_tells_where_highlights_end_without_a_content_light_level() -> None:
    display = raw.chunk(b"mDCV", bytes(16) + struct.pack(">II", 4000 * 10_000, 50))
    assert furthest(shown(declared(9, 16), display), BRIGHT_SHOWN) <= LEVELS


def test_picture_no_brighter_than_paper_is_not_dimmed() -> None:
    level = raw.chunk(b"cLLI", struct.pack(">II", 100 * 10_000, 0))
    assert furthest(shown(declared(9, 16), level, colors=[(128,) * 3]), [(181,) * 3]) <= 1


@pytest.mark.parametrize("points", [(3, 13), (9, 17), (9, 11)])
def test_unknown_code_points_are_ignored_and_noted(points: tuple[int, int]) -> None:
    made = rendered(strip(STORED, declared(*points)), variant(format=Format.PNG))
    primaries, transfer = points
    assert made.picture.warnings == {"cicp": f"ignored: primaries {primaries}, transfer {transfer}"}
    assert shown(declared(*points)) == list(STORED)


def test_unspecified_code_points_are_not_worth_a_note() -> None:
    assert rendered(strip(STORED, declared(2, 2))).picture.warnings == {}


@pytest.mark.parametrize("format_", [Format.AVIF, Format.HEIC])
@pytest.mark.parametrize("points", [(9, 13), (12, 13), (12, 16), (9, 16), (9, 18)])
def test_heif_says_it_in_a_box(points: tuple[int, int], format_: Format) -> None:
    for stored, expected in zip(STORED, SHOWN[points], strict=True):
        assert furthest([in_box(stored, format_, points)], [expected]) <= 2 * LEVELS


@pytest.mark.parametrize("transfer", [1, 6, 14, 15])
def test_curves_of_cameras_are_taken_for_that_of_srgb_in_heif(transfer: int) -> None:
    assert furthest([in_box(STORED[0], Format.AVIF, (12, transfer))], [SHOWN[12, 13][0]]) <= LEVELS


def in_box(stored: tuple[int, int, int], format_: Format, points: tuple[int, int]) -> Sequence[int]:
    """Return what is shown of a file in one colour with these *points* in its nclx."""
    item = coded(Image.new("RGB", (64, 64), stored), format_, nclx(*points, 6))
    file = container({1: item}, brand=BRANDS[format_])
    pixel = result(file, format=Format.PNG).convert("RGB").getpixel((9, 9))
    assert isinstance(pixel, tuple)
    return pixel


def test_profile_counts_before_the_code_points_beside_it_in_heif() -> None:
    picture = Image.new("RGB", (64, 64), STORED[0])
    file = saved(picture, Format.AVIF, icc_profile=profiles.ADOBE_RGB, quality=100)
    box = file.index(b"nclx") + 4
    both = file[:box] + struct.pack(">HH", 9, 16) + file[box + 4 :]
    shown = result(both, format=Format.PNG).getpixel((9, 9))
    alone = result(file, format=Format.PNG).getpixel((9, 9))
    assert shown == alone
    assert shown != STORED[0]


def test_tone_mapping_profile_is_no_larger_than_a_photograph() -> None:
    toning, shown_ = CodePoints(9, 16).profiles()
    assert len(toning) < 250_000
    assert len(shown_) < 500


def test_light_of_both_curves_goes_from_none_to_all() -> None:
    for transfer in (PQ, HLG):
        assert transfer.light(0) == pytest.approx(0, abs=1e-6)
        assert transfer.light(1) == pytest.approx(1, abs=1e-6)

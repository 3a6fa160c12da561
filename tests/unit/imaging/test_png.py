"""PNG chunks that affect pixels are applied, and broken ones do no harm."""

import math
import struct
import zlib

import pytest
from PIL import Image, ImageCms
from pipeline.model import Format

from tests.unit.imaging import profiles, raw
from tests.unit.imaging.pictures import opened, rendered, result, saved, scene, variant

SIDE = 16
RAMP = bytes(range(0, 256, 16))
LINEAR = struct.pack(">I", 100_000)

HUGE = zlib.compress(bytes(2_000_000))
UNREADABLE = {
    "text": raw.chunk(b"zTXt", b"k\0\0" + HUGE),
    "unicode text": raw.chunk(b"iTXt", b"k\0\1\0\0\0" + HUGE),
    "text of an unknown coding": raw.chunk(b"zTXt", b"k\0\7" + HUGE),
    "profile": raw.chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(17 << 20))),
    "empty profile": raw.chunk(b"iCCP", b""),
    "profile of an unknown coding": raw.chunk(b"iCCP", b"p\0\7" + zlib.compress(b"")),
    "chromaticities": raw.chunk(b"cHRM", b""),
    "gamma": raw.chunk(b"gAMA", b"\0"),
    "damaged gamma": raw.chunk(b"gAMA", LINEAR)[:-1] + b"?",
    "intent": raw.chunk(b"sRGB", b""),
    "dots per inch": raw.chunk(b"pHYs", b""),
}
TEXTS = ("text", "unicode text", "text of an unknown coding")


def ramp(*chunks: bytes, late: bytes = b"") -> bytes:
    return raw.png(SIDE, [RAMP] * SIDE, *chunks, late=late)


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_metadata_is_ignored_with_a_warning(name: str) -> None:
    made = rendered(ramp(UNREADABLE[name]), variant(format=Format.PNG))
    assert opened(made.renditions[0].body).tobytes() == RAMP * SIDE
    assert str(made.picture.warnings["metadata"]).startswith("ignored: ")


@pytest.mark.parametrize("name", TEXTS)
def test_text_after_the_pixels_is_ignored(name: str) -> None:
    assert result(ramp(late=UNREADABLE[name])).tobytes() == RAMP * SIDE


@pytest.mark.parametrize("name", TEXTS)
def test_text_between_the_frames_of_an_animation_is_ignored(name: str) -> None:
    frames = [Image.new("L", (SIDE, SIDE), level) for level in (0, 90, 200)]
    file = saved(frames[0], Format.PNG, save_all=True, append_images=frames[1:])
    last = file.rindex(b"fcTL") - 4
    assert rendered(file[:last] + UNREADABLE[name] + file[last:]).picture.frames == 3


def test_profile_next_to_unreadable_metadata_is_applied() -> None:
    file = saved(scene(), Format.PNG, icc_profile=profiles.DISPLAY_P3)
    odd = file[:33] + UNREADABLE["text"] + file[33:]
    assert result(odd).tobytes() == result(file).tobytes()


def raised(level: int, gamma: float) -> int:
    light = math.pow(level / 255, 1 / gamma)
    shown = 12.92 * light if light <= 0.0031308 else 1.055 * math.pow(light, 1 / 2.4) - 0.055
    return round(255 * shown)


@pytest.mark.parametrize("gamma", [0.3, 0.7, 1.0])
def test_gamma_is_applied(gamma: float) -> None:
    file = ramp(raw.chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000))))
    expected = bytes(raised(level, gamma) for level in RAMP)
    assert result(file, format=Format.WEBP, lossless=True).convert("L").tobytes()[:SIDE] == expected


@pytest.mark.parametrize(
    "chunks",
    [
        [raw.chunk(b"gAMA", struct.pack(">I", 45_455))],
        [raw.chunk(b"gAMA", struct.pack(">I", 47_000))],
        [raw.chunk(b"gAMA", struct.pack(">I", 0))],
        [raw.chunk(b"gAMA", LINEAR), raw.chunk(b"sRGB", b"\0")],
        [raw.chunk(b"tEXt", b"gamma\0001.0")],
    ],
    ids=["usual", "almost usual", "none", "overruled", "text"],
)
def test_invalid_gamma_changes_nothing(chunks: list[bytes]) -> None:
    image = result(ramp(*chunks), format=Format.WEBP, lossless=True)
    assert image.convert("L").tobytes()[:SIDE] == RAMP


P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
USUAL = struct.pack(">I", 45_455)
PROFILE = raw.chunk(b"iCCP", b"p\0\0" + zlib.compress(profiles.ADOBE_RGB))
SRGB_POINTS, P3_POINTS = b"\x01\x0d\0\1", b"\x0c\x0d\0\1"
STORED = (200, 40, 40)
IN_P3, IN_ADOBE_RGB, LINEARLY = (218, 0, 26), (233, 35, 35), (229, 110, 110)

# Chromium 156's rendering of STORED, by the chunks before it.
DECLARED = {
    "chromaticities alone say nothing": ([raw.chunk(b"cHRM", P3)], STORED),
    "chromaticities beside gamma count": (
        [raw.chunk(b"cHRM", P3), raw.chunk(b"gAMA", USUAL)],
        (220, 0, 18),
    ),
    "chromaticities of no colours leave gamma": (
        [raw.chunk(b"cHRM", bytes(32)), raw.chunk(b"gAMA", LINEAR)],
        LINEARLY,
    ),
    "sRGB overrules chromaticities": (
        [raw.chunk(b"sRGB", b"\0"), raw.chunk(b"cHRM", P3), raw.chunk(b"gAMA", LINEAR)],
        STORED,
    ),
    "a profile overrules gamma": ([raw.chunk(b"gAMA", LINEAR), PROFILE], IN_ADOBE_RGB),
    "code points overrule gamma": (
        [raw.chunk(b"gAMA", LINEAR), raw.chunk(b"cICP", SRGB_POINTS)],
        STORED,
    ),
    "code points overrule a profile": ([PROFILE, raw.chunk(b"cICP", P3_POINTS)], IN_P3),
    "code points overrule sRGB": (
        [raw.chunk(b"sRGB", b"\0"), raw.chunk(b"cICP", P3_POINTS)],
        IN_P3,
    ),
    "unspecified code points leave the profile": (
        [PROFILE, raw.chunk(b"cICP", b"\2\x0d\0\1")],
        IN_ADOBE_RGB,
    ),
    "code points of YCbCr leave gamma": (
        [raw.chunk(b"gAMA", LINEAR), raw.chunk(b"cICP", b"\x0c\x0d\6\1")],
        LINEARLY,
    ),
    "code points of narrow range leave gamma": (
        [raw.chunk(b"gAMA", LINEAR), raw.chunk(b"cICP", b"\x0c\x0d\0\0")],
        LINEARLY,
    ),
    "short code points leave gamma": (
        [raw.chunk(b"gAMA", LINEAR), raw.chunk(b"cICP", b"\x0c\x0d\0")],
        LINEARLY,
    ),
}


def shown(*chunks: bytes, late: bytes = b"") -> Image.Image:
    rows = [bytes(STORED) * SIDE] * SIDE
    return result(raw.png(SIDE, rows, *chunks, colors=raw.TRUE_COLOR, late=late))


def assert_shown(image: Image.Image, expected: tuple[int, ...]) -> None:
    pixel = image.getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert all(abs(a - b) <= 2 for a, b in zip(pixel, expected, strict=True)), pixel


@pytest.mark.parametrize("rule", DECLARED)
def test_declarations_of_colours_overrule_each_other_as_in_browsers(rule: str) -> None:
    chunks, expected = DECLARED[rule]
    assert_shown(shown(*chunks), expected)


@pytest.mark.parametrize(
    "chunk",
    [
        raw.chunk(b"gAMA", LINEAR),
        raw.chunk(b"cHRM", P3) + raw.chunk(b"gAMA", USUAL),
        raw.chunk(b"cICP", P3_POINTS),
        PROFILE,
        raw.chunk(b"iCCP", b""),
    ],
    ids=["gamma", "chromaticities", "code points", "profile", "broken profile"],
)
def test_colours_declared_after_the_pixels_are_ignored(chunk: bytes) -> None:
    assert_shown(shown(late=chunk), STORED)


def test_profile_of_more_than_a_megabyte_is_applied_without_a_note() -> None:
    large = profiles.ADOBE_RGB + bytes(2 << 20)
    large = struct.pack(">I", len(large)) + large[4:]
    made = rendered(saved(Image.new("RGB", (64, 64), STORED), Format.PNG, icc_profile=large))
    assert_shown(opened(made.renditions[0].body), IN_ADOBE_RGB)
    assert made.picture.warnings == {}


def test_every_frame_of_an_animation_is_shown_by_its_code_points() -> None:
    frames = [Image.new("RGB", (SIDE, SIDE), color) for color in (STORED, (40, 200, 40))]
    file = saved(frames[0], Format.PNG, save_all=True, append_images=frames[1:])
    image = result(file[:33] + raw.chunk(b"cICP", P3_POINTS) + file[33:])
    for number, expected in enumerate((IN_P3, (0, 204, 0))):
        image.seek(number)
        assert_shown(image.convert("RGB"), expected)


@pytest.mark.parametrize("frames", [1, 2])
def test_default_image_of_an_apng_is_never_shown(frames: int) -> None:
    hidden = Image.new("RGB", (SIDE, SIDE), STORED)
    seen = [Image.new("RGB", (SIDE, SIDE), (0, 255 - 9 * n, 0)) for n in range(frames)]
    file = saved(hidden, Format.PNG, save_all=True, append_images=seen, default_image=True)
    assert_shown(result(file, format=Format.WEBP, lossless=True).convert("RGB"), (0, 255, 0))
    assert_shown(result(file, format=Format.JPEG, quality=100), (0, 255, 0))


def test_gamma_does_not_touch_alpha() -> None:
    picture = Image.new("RGBA", (SIDE, SIDE), (100, 100, 100, 77))
    file = saved(picture, Format.PNG)
    bright = file[:33] + raw.chunk(b"gAMA", LINEAR) + file[33:]
    image = result(bright, format=Format.WEBP, lossless=True)
    assert image.getpixel((5, 5)) == (raised(100, 1.0),) * 3 + (77,)


def flat(**options: object) -> bytes:
    """Return a PNG of few colours, which comes out larger."""
    noise = Image.merge("RGB", [Image.effect_noise((90, 60), 60) for _ in range(3)])
    return saved(noise.quantize(200), Format.PNG, optimize=True, **options)


@pytest.mark.parametrize(
    "meaning",
    [raw.chunk(b"gAMA", LINEAR), raw.chunk(b"cICP", b"\x0c\x0d\0\1")],
    ids=["gamma", "code points"],
)
def test_picture_in_other_colours_is_not_copied(meaning: bytes) -> None:
    file = flat()
    (made,) = rendered(file[:33] + meaning + file[33:], variant(width=90, height=90)).renditions
    assert "copied" not in made.warnings


def test_copy_also_loses_chunks_that_its_profile_overrode() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = flat(icc_profile=srgb)
    (made,) = rendered(
        file[:33] + raw.chunk(b"gAMA", LINEAR) + file[33:], variant(width=90, height=90)
    ).renditions
    assert made.warnings == {"copied": True}
    assert b"gAMA" not in made.body
    assert b"iCCP" not in made.body

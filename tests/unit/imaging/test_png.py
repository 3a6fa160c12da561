"""What PNG files say of themselves is heeded where it decides pixels, and harms nothing else."""

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
    "profile": raw.chunk(b"iCCP", b"p\0\0" + HUGE),
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
def test_metadata_that_cannot_be_read_is_passed_over_and_noted(name: str) -> None:
    made = rendered(ramp(UNREADABLE[name]), variant(format=Format.PNG))
    assert opened(made.renditions[0].body).tobytes() == RAMP * SIDE
    assert str(made.picture.notes["metadata"]).startswith("ignored: ")


@pytest.mark.parametrize("name", TEXTS)
def test_text_after_the_pixels_is_passed_over(name: str) -> None:
    assert result(ramp(late=UNREADABLE[name])).tobytes() == RAMP * SIDE


@pytest.mark.parametrize("name", TEXTS)
def test_text_between_the_frames_of_an_animation_is_passed_over(name: str) -> None:
    frames = [Image.new("L", (SIDE, SIDE), level) for level in (0, 90, 200)]
    file = saved(frames[0], Format.PNG, save_all=True, append_images=frames[1:])
    last = file.rindex(b"fcTL") - 4
    assert rendered(file[:last] + UNREADABLE[name] + file[last:]).picture.frames == 3


def test_profile_beside_metadata_that_cannot_be_read_is_applied() -> None:
    file = saved(scene(), Format.PNG, icc_profile=profiles.DISPLAY_P3)
    odd = file[:33] + UNREADABLE["text"] + file[33:]
    assert result(odd).tobytes() == result(file).tobytes()


def raised(level: int, gamma: float) -> int:
    return round(255 * math.pow(level / 255, 1 / (2.2 * gamma)))


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
def test_gamma_that_says_nothing_changes_nothing(chunks: list[bytes]) -> None:
    image = result(ramp(*chunks), format=Format.WEBP, lossless=True)
    assert image.convert("L").tobytes()[:SIDE] == RAMP


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


def test_copy_keeps_what_its_numbers_mean() -> None:
    file = flat()
    meaning = [
        raw.chunk(b"gAMA", LINEAR),
        raw.chunk(b"cHRM", bytes(32)),
        raw.chunk(b"cICP", b"\x0c\x10\0\1"),
    ]
    (made,) = rendered(
        file[:33] + b"".join(meaning) + file[33:], variant(width=90, height=90)
    ).renditions
    assert made.notes == {"copied": True}
    assert all(chunk in made.body for chunk in meaning)


def test_copy_loses_with_its_profile_what_that_overruled() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = flat(icc_profile=srgb)
    (made,) = rendered(
        file[:33] + raw.chunk(b"gAMA", LINEAR) + file[33:], variant(width=90, height=90)
    ).renditions
    assert made.notes == {"copied": True}
    assert b"gAMA" not in made.body
    assert b"iCCP" not in made.body

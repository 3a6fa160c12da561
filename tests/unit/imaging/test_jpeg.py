"""JPEG files are parsed as libjpeg parses them, and unusual ones can be written."""

from random import Random

import pytest
from PIL import Image, ImageChops
from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.model import Format

from tests.unit.imaging.pictures import gradient, opened, rendered, result, saved, scene, variant

SCANS = b"\xff\xda\0\x0c" * 5_000


def progressive(*, before: bytes = b"", after: bytes = b"") -> bytes:
    file = saved(gradient().convert("RGB"), Format.JPEG, progressive=True)
    return file[:2] + before + file[2:] + after


@pytest.mark.parametrize(
    "file",
    [
        progressive(before=b"\xff\xe5" + (len(SCANS) + 2).to_bytes(2, "big") + SCANS),
        progressive(before=b"\xff\xfe" + (len(SCANS) + 2).to_bytes(2, "big") + SCANS),
        progressive(after=SCANS * 20),
    ],
    ids=["application", "comment", "trailer"],
)
def test_scan_markers_outside_the_picture_are_not_counted(file: bytes) -> None:
    assert rendered(file).renditions[0].format is Format.JPEG


@pytest.mark.parametrize("between", [b"\xff", b"abc", b"\xff\0", b"\xff\x01", b"\xff\xd3"])
def test_scans_do_not_hide_behind_stray_bytes(between: bytes) -> None:
    file = progressive()
    scan = file[file.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageTooLarge, match="210 scans"):
        rendered(file[:-2] + (between + scan) * 200 + file[-2:])


@pytest.mark.parametrize("size", [(1, 65_500), (2, 20_000), (20_000, 2)])
def test_thin_strips_become_jpegs(size: tuple[int, int]) -> None:
    strip = saved(Image.effect_noise(size, 60).convert("RGB"), Format.PNG)
    image = result(strip, width=None, height=size[1], format=Format.JPEG, quality=100)
    assert image.size == size


def test_noise_larger_than_the_usual_buffer_becomes_a_jpeg() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((300, 300), 200) for _ in range(3)])
    exact = variant(width=300, height=300, format=Format.JPEG, quality=94, full_chroma=True)
    (made,) = rendered(saved(noise, Format.PNG), exact).renditions
    assert opened(made.body).size == (300, 300)
    assert len(made.body) > 300 * 300


METADATA = {
    "JFIF": (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
    "EXIF": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"),
    "XMP": (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    "ICC_PROFILE": (0xE2, b"ICC_PROFILE\0\1\1" + bytes(24)),
    "MPF": (0xE2, b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "Photoshop": (0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x10" + bytes(16)),
    "Adobe": (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
    "comment": (0xFE, b"comment"),
}
BARE = b"\xff\xd8" + saved(scene(64, 48), Format.JPEG)[20:]


@pytest.mark.parametrize("name", METADATA)
def test_truncated_metadata_do_not_hide_the_picture(name: str) -> None:
    marker, body = METADATA[name]
    expected = opened(BARE).tobytes()
    for length in range(len(body)):
        head = bytes((0xFF, marker)) + (2 + length).to_bytes(2, "big")
        file = BARE[:2] + head + body[:length] + BARE[2:]
        assert result(file, format=Format.PNG).tobytes() == expected


@pytest.mark.parametrize("name", ["JFIF", "ICC_PROFILE", "Adobe"])
def test_metadata_that_were_ignored_are_named(name: str) -> None:
    marker, body = METADATA[name]
    short = body[: len(name) + 1]
    head = bytes((0xFF, marker)) + (2 + len(short)).to_bytes(2, "big")
    warnings = rendered(BARE[:2] + head + short + BARE[2:]).picture.warnings
    assert warnings == {"metadata": f"ignored: {name}"}


def test_short_metadata_do_not_excuse_a_file_without_pixels() -> None:
    with pytest.raises(CorruptImage):
        rendered(BARE[:2] + b"\xff\xe0\0\x06JFIF" + BARE[2:300])


ENDLESS = {
    "sequential": {},
    "progressive": {"progressive": True},
    "grey": {"mode": "L"},
    "inks": {"mode": "CMYK"},
    "without subsampling": {"subsampling": 0},
}


def noisy(mode: str = "RGB", **options: object) -> bytes:
    noise = Image.frombytes("RGB", (200, 120), Random(1).randbytes(200 * 120 * 3))
    return saved(noise.convert(mode), Format.JPEG, **options)


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("side", [200, 60])
def test_picture_without_its_end_marker_is_shown(kind: str, missing: int, side: int) -> None:
    whole = noisy(**ENDLESS[kind])  # type: ignore[arg-type]  # options of `saved`
    size = variant(width=side, height=side, format=Format.PNG)
    made, expected = rendered(whole[:-missing], size), rendered(whole, size)
    (image,), (same,) = made.renditions, expected.renditions
    assert ImageChops.difference(opened(image.body), opened(same.body)).getbbox() is None


def test_missing_end_marker_causes_a_warning() -> None:
    made = rendered(noisy()[:-2], variant(width=200, height=200))
    assert made.picture.warnings == {"end_of_file": "missing"}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("cut", [4, 5, 9, 30, 300, 3000])
def test_picture_without_its_last_pixels_is_damaged(kind: str, cut: int) -> None:
    whole = noisy(**ENDLESS[kind])  # type: ignore[arg-type]  # options of `saved`
    with pytest.raises(CorruptImage):
        rendered(whole[:-cut], variant(width=200, height=200))


def test_progressive_picture_that_ends_between_scans_is_damaged() -> None:
    whole = noisy(progressive=True)
    with pytest.raises(CorruptImage):
        rendered(whole[: whole.rindex(b"\xff\xda")])

"""A truncated file is rejected, unless only bytes after the picture are missing."""

import pytest
from PIL import Image
from pipeline.errors import CorruptImage, Rejected
from pipeline.model import Format

from tests.unit.imaging.pictures import heic, opened, rendered, saved, variant

STEP = 97


def noisy() -> Image.Image:
    bands = [Image.effect_noise((90, 60), 80) for _ in range(3)]
    return Image.merge("RGB", bands)


def file_of(format_: Format, **options: object) -> bytes:
    if format_ is Format.HEIC:
        return heic(noisy())
    return saved(noisy(), format_, **options)


CASES = [
    *((format_, {}) for format_ in Format),
    (Format.JPEG, {"progressive": True}),
    (Format.WEBP, {"lossless": True}),
    (Format.TIFF, {"compression": "tiff_lzw"}),
    (Format.TIFF, {"compression": "tiff_adobe_deflate"}),
    (Format.TIFF, {"compression": "jpeg"}),
]


@pytest.mark.parametrize(("format_", "options"), CASES, ids=str)
def test_no_half_picture_is_published(format_: Format, options: dict[str, object]) -> None:
    whole = file_of(format_, **options)
    target = variant(width=90, height=90, format=Format.PNG)
    expected = opened(rendered(whole, target).renditions[0].body).tobytes()
    rejected = 0
    for end in range(1, len(whole), STEP):
        try:
            made = rendered(whole[:end], target)
        except Rejected:
            rejected += 1
        else:
            # The missing bytes were a checksum, an index or padding.
            assert opened(made.renditions[0].body).tobytes() == expected
            assert end > len(whole) * 0.9
    assert rejected > len(whole) // STEP * 0.9


@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.GIF, Format.WEBP])
def test_reason_is_the_damage(format_: Format) -> None:
    whole = file_of(format_)
    with pytest.raises(CorruptImage) as rejection:
        rendered(whole[: len(whole) // 2])
    assert rejection.value.details["format"] == format_.value


def animated() -> bytes:
    frames = [Image.effect_noise((40, 30), 90) for _ in range(3)]
    return saved(frames[0], Format.GIF, save_all=True, append_images=frames[1:])


def test_animation_without_its_trailer_is_complete() -> None:
    whole = animated()
    made = rendered(whole[:-1])
    assert made.picture.frames == 3
    assert made.renditions == rendered(whole).renditions


def test_zeros_between_the_frames_of_an_animation_are_ignored() -> None:
    whole = animated()
    between = whole.rindex(b"\x21\xf9")
    padded = whole[:between] + bytes(5) + whole[between:-1] + bytes(9)
    assert rendered(padded).renditions == rendered(whole).renditions


@pytest.mark.parametrize("cut", [1, 9, 15, 100])
def test_animation_that_ends_within_a_block_is_rejected(cut: int) -> None:
    whole = animated()
    with pytest.raises(CorruptImage) as rejection:
        rendered(whole[: whole.rindex(b"\x21\xf9") + cut])
    known = {"format": "gif", "width": 40, "height": 30}
    assert known.items() <= rejection.value.details.items()

"""A file that ends too soon is rejected, unless only bytes that hold no picture are missing."""

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
            # What is cut off was a checksum, an index or padding.
            assert opened(made.renditions[0].body).tobytes() == expected
            assert end > len(whole) * 0.9
    assert rejected > len(whole) // STEP * 0.9


@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.GIF, Format.WEBP])
def test_reason_is_the_damage(format_: Format) -> None:
    whole = file_of(format_)
    with pytest.raises(CorruptImage) as rejection:
        rendered(whole[: len(whole) // 2])
    assert rejection.value.found["format"] == format_.value

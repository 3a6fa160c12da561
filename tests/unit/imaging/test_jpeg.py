"""JPEG files as libjpeg takes them apart, and those that it cannot write at once."""

import pytest
from PIL import Image
from pipeline.errors import ImageTooLarge
from pipeline.model import Format

from tests.unit.imaging.pictures import gradient, opened, rendered, result, saved, variant

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
def test_what_looks_like_scans_beside_the_picture_is_not_counted(file: bytes) -> None:
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


def test_noise_that_no_buffer_of_its_area_holds_becomes_a_jpeg() -> None:
    noise = Image.merge("RGB", [Image.effect_noise((300, 300), 200) for _ in range(3)])
    exact = variant(width=300, height=300, format=Format.JPEG, quality=94, full_chroma=True)
    (made,) = rendered(saved(noise, Format.PNG), exact).renditions
    assert opened(made.body).size == (300, 300)
    assert len(made.body) > 300 * 300

"""The time and memory that a file needs, estimated from its header."""

from io import BytesIO

import pytest
from PIL import Image
from pipeline.errors import ImageTooLarge
from pipeline.imaging.containers import jpeg
from pipeline.imaging.containers.jpeg2000 import smallest_block_pixels
from pipeline.imaging.memory import rendering_seconds
from pipeline.model import Format, ImageInfo, Size

from tests.unit.imaging import bombs
from tests.unit.imaging.pictures import VARIANT, rendered, saved, scene, variant


@pytest.mark.parametrize(
    ("file", "pixels"),
    [
        (saved(scene(), Format.JPEG2000), 64 * 64),
        (saved(scene(), Format.JPEG2000, codeblock_size=(16, 32)), 16 * 32),
        (bombs.blocks(64), 4 * 4),
        (bombs.blocks(64, late=True), 4 * 4),
        (bombs.blocks(64, precincts=True), 1),
        (b"no codestream", 1),
        (bombs.blocks(64)[:50], 1),
    ],
)
def test_the_smallest_blocks_of_a_jpeg_2000_are_found(file: bytes, pixels: int) -> None:
    assert smallest_block_pixels(file) == pixels


@pytest.mark.parametrize(
    ("file", "is_complete"),
    [
        (saved(scene(), Format.JPEG), True),
        (saved(scene().convert("L"), Format.JPEG), True),
        (saved(scene(), Format.JPEG, exif=b"Exif\0\0" + bytes(60_000)), True),
        (saved(scene(), Format.JPEG, progressive=True), True),
        (bombs.sequential_scans(1, side=16), False),
        (saved(scene(), Format.JPEG)[:100], False),
    ],
)
def test_a_first_scan_with_all_components_is_recognised(file: bytes, is_complete: bool) -> None:
    assert jpeg.first_scan_is_complete(BytesIO(file)) is is_complete


def test_most_of_an_ordinary_jpeg_is_not_read_to_count_its_scans() -> None:
    file = BytesIO(saved(Image.effect_noise((400, 300), 60), Format.JPEG))
    jpeg.first_scan_is_complete(file)
    assert file.tell() < 1000


def test_a_jpeg_of_few_scans_is_made_in_any_order() -> None:
    assert rendered(bombs.sequential_scans(20, side=64)).renditions


@pytest.mark.parametrize(
    ("bomb", "message"),
    [
        (bombs.sequential_scans(200, side=64), "203 scans are more than the 100"),
        (bombs.gif(2000, 64, 64), "2000 frames are more than the 1000 allowed for results in gif"),
    ],
)
def test_an_expensive_file_is_refused_with_the_reason(bomb: bytes, message: str) -> None:
    with pytest.raises(ImageTooLarge, match=message):
        rendered(bomb)


def test_frames_that_no_result_uses_cost_nothing() -> None:
    assert rendered(bombs.gif(2000, 64, 64), variant(format=Format.JPEG)).renditions


def test_more_pixels_and_more_results_may_take_longer() -> None:
    small, large = (
        ImageInfo(format=Format.PNG, size=Size(width=w, height=w), frames=1, has_alpha=False)
        for w in (100, 10_000)
    )
    wide = variant(width=3000, height=3000)
    assert rendering_seconds(small, [VARIANT]) <= 6
    assert 15 <= rendering_seconds(large, [VARIANT]) <= 25
    assert rendering_seconds(large, [wide]) > rendering_seconds(large, [VARIANT]) + 20

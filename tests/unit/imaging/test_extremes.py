"""One-pixel sides, long strips, sizes that round to zero."""

from typing import Any

import pytest
from PIL import Image
from pipeline.model import BROWSER_FORMATS, Fit, Format, Position, Size

from tests.unit.imaging.pictures import (
    BLUE,
    GREEN,
    RED,
    corners,
    rendered,
    result,
    saved,
    scene,
    variant,
)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (20_000, 3), (2, 20_000)])
@pytest.mark.parametrize("target", sorted(BROWSER_FORMATS))
@pytest.mark.parametrize("fit", list(Fit))
def test_no_side_becomes_zero(target: Format, size: tuple[int, int], fit: Fit) -> None:
    file = saved(Image.new("RGB", size, BLUE), Format.PNG)
    image = result(file, width=100, height=100, fit=fit, format=target, position=None)
    assert min(image.size) >= 1
    if fit is not Fit.OUTSIDE:
        assert max(image.size) <= 100


@pytest.mark.parametrize("fit", [Fit.INSIDE, Fit.OUTSIDE, Fit.COVER, Fit.FILL])
def test_small_picture_is_not_enlarged_unless_asked(fit: Fit) -> None:
    file = saved(corners(30, 20), Format.PNG)
    assert result(file, width=100, height=100, fit=fit).size == (30, 20)
    assert max(result(file, width=90, height=90, fit=fit, enlarge=True).size) >= 90


def test_result_is_no_longer_than_its_format_allows() -> None:
    file = saved(Image.new("RGB", (20_000, 10), BLUE), Format.PNG)
    (made,) = rendered(file, variant(width=20_000, height=None, format=Format.WEBP)).renditions
    assert made.size == Size(width=16_383, height=8)
    assert made.warnings == {"limited_to": 16_383}


def test_small_picture_is_padded_by_contain() -> None:
    image = result(saved(corners(30, 20), Format.PNG), width=50, height=50, fit=Fit.CONTAIN)
    assert image.size == (50, 50)
    assert image.getpixel((2, 2)) == (255, 255, 255)
    assert image.getpixel((11, 16)) == RED


@pytest.mark.parametrize(("position", "color"), [(Position.LEFT, RED), (Position.RIGHT, GREEN)])
def test_cover_keeps_the_part_at_its_position(position: Position, color: Any) -> None:
    file = saved(corners(200, 50), Format.PNG)
    image = result(file, width=40, height=40, fit=Fit.COVER, position=position)
    assert image.getpixel((20, 5)) == color


@pytest.mark.parametrize("at", [10, 150, 290])
def test_cover_without_a_position_keeps_the_busiest_part(at: int) -> None:
    dull = Image.new("RGB", (400, 100), "grey")
    dull.paste(scene(100, 100).quantize(8).convert("RGB"), (at, 0))
    image = result(saved(dull, Format.PNG), width=100, height=100, fit=Fit.COVER, position=None)
    grey = sum(image.convert("RGB").getpixel((x, 50)) == (128, 128, 128) for x in range(100))
    assert grey <= 12


def test_enlarging_a_strip_to_cover_costs_no_more_than_its_result() -> None:
    file = saved(Image.new("RGB", (20_000, 1), BLUE), Format.PNG)
    image = result(file, width=100, height=100, fit=Fit.COVER, enlarge=True)
    assert image.size == (100, 100)

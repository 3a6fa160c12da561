"""One source in, a rendition per variant out."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageOps
from pipeline import imaging
from pipeline.model import Fit, Format, Position, Size
from pipeline.timing import measured

from tests.unit.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    STYLE,
    VARIANT,
    WHITE,
    corners,
    opened,
    rendered,
    result,
    saved,
    scene,
    style,
    variant,
    watermark,
)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"width": 48, "height": 48}, (48, 32)),
        ({"width": 48, "height": None}, (48, 32)),
        ({"width": None, "height": 16}, (24, 16)),
        ({"width": 48, "height": 48, "fit": Fit.OUTSIDE}, (72, 48)),
        ({"width": 48, "height": 48, "fit": Fit.COVER}, (48, 48)),
        ({"width": 48, "height": 48, "fit": Fit.CONTAIN}, (48, 48)),
        ({"width": 48, "height": 48, "fit": Fit.FILL}, (48, 48)),
        ({"width": 500, "height": 500}, (96, 64)),
        ({"width": 192, "height": 192, "enlarge": True}, (192, 128)),
    ],
)
def test_size_follows_the_fit(changes: dict[str, Any], size: tuple[int, int]) -> None:
    assert result(saved(corners(), Format.PNG), **changes).size == size


def test_renditions_come_in_the_order_of_the_variants() -> None:
    variants = [variant(name=str(width), width=width) for width in (16, 96, 48)]
    made = rendered(saved(corners(), Format.JPEG), *variants).renditions
    assert [(each.variant, each.size.width) for each in made] == [
        ("16", 16),
        ("96", 96),
        ("48", 48),
    ]


ORIENTED = {
    1: (RED, GREEN, BLUE, WHITE),
    2: (GREEN, RED, WHITE, BLUE),
    3: (BLUE, WHITE, RED, GREEN),
    4: (WHITE, BLUE, GREEN, RED),
    5: (RED, WHITE, BLUE, GREEN),
    6: (WHITE, RED, GREEN, BLUE),
    7: (BLUE, GREEN, RED, WHITE),
    8: (GREEN, BLUE, WHITE, RED),
}
"""The colours of the quarters, clockwise from the top left, after each orientation was applied to
`corners`, by the table of EXIF 2.32, 4.6.4 A."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_result_stands_upright(format_: Format, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    image = result(saved(corners(), format_, exif=exif), format=Format.PNG, width=48, height=48)
    assert image.size == ((48, 32) if orientation < 5 else (32, 48))
    assert quarters(image) == pytest.approx(flat(ORIENTED[orientation]), abs=12)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_crop_is_that_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = scene(160, 100)
    upright = ImageOps.exif_transpose(opened(saved(stored, Format.PNG, exif=exif)))
    crop: dict[str, Any] = {"width": 30, "height": 40, "fit": Fit.COVER, "position": Position.TOP}
    made = result(saved(stored, Format.PNG, exif=exif), **crop)
    expected = result(saved(upright, Format.PNG), **crop)
    # In a rotated picture, filters start from the other edge.
    assert max(high for _, high in bands(ImageChops.difference(made, expected))) <= 4


def bands(image: Image.Image) -> list[tuple[int, int]]:
    return [(min(band.tobytes()), max(band.tobytes())) for band in image.split()]


def test_sizes_of_one_source_are_as_good_as_each_alone() -> None:
    file = saved(scene(), Format.PNG)
    together = rendered(file, *(variant(name=str(w), width=w, height=w) for w in (320, 300, 90)))
    large, near, small = (opened(made.body) for made in together.renditions)
    assert large.tobytes() == result(file, width=320, height=320).tobytes()
    # Too close in size to the first to be scaled from it without loss.
    assert near.tobytes() == result(file, width=300, height=300).tobytes()
    alone = result(file, width=90, height=90)
    assert small.tobytes() != alone.tobytes()
    assert max(high for _, high in bands(ImageChops.difference(small, alone))) <= 6


def quarters(image: Image.Image) -> list[int]:
    rgb = image.convert("RGB")
    near_x, near_y = rgb.width // 4, rgb.height // 4
    far_x, far_y = rgb.width - near_x, rgb.height - near_y
    places = ((near_x, near_y), (far_x, near_y), (far_x, far_y), (near_x, far_y))
    return [level for place in places for level in color_at(rgb, place)]


def color_at(image: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    color = image.getpixel(place)
    assert isinstance(color, tuple)
    return color


def flat(colors: tuple[tuple[int, int, int], ...]) -> list[int]:
    return [level for color in colors for level in color]


@pytest.mark.parametrize("position", Position)
def test_watermark_stays_near_its_position(position: Position) -> None:
    plain = Image.new("RGB", (300, 300), "grey")
    image = result(
        saved(plain, Format.PNG),
        width=300,
        height=300,
        watermark=True,
        style=style(watermark=watermark(position=position, margin_percent=0)),
    )
    assert thirds_that_differ(image, plain) == {position}


def thirds_that_differ(image: Image.Image, plain: Image.Image) -> set[Position]:
    third = image.width // 3
    places = list(Position)
    return {
        places[3 * row + column]
        for row in range(3)
        for column in range(3)
        if any(
            image.crop(area).tobytes() != plain.crop(area).tobytes()
            for area in [(column * third, row * third, (column + 1) * third, (row + 1) * third)]
        )
    }


def test_quality_decides_the_size_of_the_file() -> None:
    file = saved(Image.effect_noise((200, 200), 60), Format.PNG)
    low, high = rendered(
        file,
        variant(format=Format.JPEG, quality=30),
        variant(format=Format.JPEG, quality=90),
    ).renditions
    assert len(low.body) < len(high.body) / 2


def test_transparency_is_flattened_if_the_output_format_has_none() -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image = result(saved(clear, Format.PNG), format=Format.JPEG, style=style(background=GREEN))
    assert image.getpixel((5, 5)) == pytest.approx(GREEN, abs=4)


def test_transparency_is_kept_if_the_output_format_has_it() -> None:
    half = Image.new("RGBA", (20, 20), (255, 0, 0, 128))
    for format_ in (Format.PNG, Format.WEBP, Format.AVIF):
        pixel = result(saved(half, Format.PNG), format=format_).getpixel((5, 5))
        assert pixel == pytest.approx((255, 0, 0, 128), abs=6)


def test_size_of_the_rendition_is_that_of_its_picture() -> None:
    (rendition,) = rendered(saved(corners(), Format.PNG)).renditions
    width, height = opened(rendition.body).size
    assert rendition.size == Size(width=width, height=height)


def test_each_rendition_comes_as_soon_as_it_is_encoded() -> None:
    variants = [variant(name=name) for name in ("first", "second")]
    with imaging.open_image(BytesIO(saved(scene(), Format.JPEG)), LIMITS) as source:
        rendering = imaging.render(source, variants, STYLE)
        assert rendering.info.placeholder
        with measured() as milliseconds:
            assert "encode" not in milliseconds
            assert next(iter(rendering)).variant == "first"
            after_first = milliseconds["encode"]
            assert [rendition.variant for rendition in rendering] == ["second"]
            assert milliseconds["encode"] > after_first


def test_nothing_is_rendered_before_the_whole_file_has_arrived() -> None:
    file = BytesIO(saved(scene(), Format.JPEG) + bytes(300_000))
    with imaging.open_image(file, LIMITS) as source:
        imaging.render(source, [VARIANT], STYLE)
        assert file.tell() == len(file.getvalue())

"""Animations stay animations where the output can move."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageColor, ImageDraw
from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.imaging.formats import ANIMATED_FORMATS
from pipeline.model import Fit, Format, Rendition

from tests.unit.imaging.pictures import (
    BLACK,
    BLUE,
    GREEN,
    LIMITS,
    MARK,
    RED,
    rendered,
    saved,
    style,
    variant,
)

COLORS = [RED, GREEN, BLUE]
MILLISECONDS = [100, 250, 400]


def animation(
    format_: Format, colors: list[tuple[int, int, int]] = COLORS, **options: int
) -> bytes:
    first, *rest = [Image.new("RGB", (60, 40), color) for color in colors]
    return saved(
        first,
        format_,
        save_all=True,
        append_images=rest,
        duration=MILLISECONDS[: len(colors)],
        **options,
    )


def film(rendition: Rendition) -> list[tuple[Image.Image, float]]:
    image = Image.open(BytesIO(rendition.body))
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append((image.convert("RGBA"), image.info.get("duration", 0)))
    return frames


def colors(rendition: Rendition) -> list[tuple[int, ...]]:
    # Pillow types a pixel as a number too; of RGB it is a tuple.
    return [frame.resize((1, 1)).getpixel((0, 0))[:3] for frame, _ in film(rendition)]  # type: ignore[index]  # RGB


@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
@pytest.mark.parametrize("origin", sorted(ANIMATED_FORMATS))
def test_frames_keep_their_order_and_timing(origin: Format, target: Format) -> None:
    (made,) = rendered(animation(origin), variant(width=30, format=target)).renditions
    assert [round(milliseconds) for _, milliseconds in film(made)] == MILLISECONDS
    for color, expected in zip(colors(made), COLORS, strict=True):
        assert color == pytest.approx(expected, abs=8)
    assert film(made)[0][0].size == (30, 20)


@pytest.mark.parametrize(
    ("origin", "loop", "target", "expected"),
    [
        (Format.GIF, {}, Format.WEBP, 1),
        (Format.GIF, {"loop": 0}, Format.WEBP, 0),
        (Format.GIF, {"loop": 2}, Format.PNG, 3),
        (Format.PNG, {"loop": 3}, Format.GIF, 2),
        (Format.WEBP, {"loop": 1}, Format.GIF, None),
        (Format.WEBP, {"loop": 5}, Format.WEBP, 5),
    ],
)
def test_animation_is_played_as_often_as_before(
    origin: Format, loop: dict[str, Any], target: Format, expected: int | None
) -> None:
    file = animation(origin, **loop)
    (made,) = rendered(file, variant(width=30, format=target)).renditions
    assert Image.open(BytesIO(made.body)).info.get("loop") == expected


def test_first_frame_is_shown_where_the_output_cannot_move() -> None:
    (made,) = rendered(animation(Format.GIF), variant(format=Format.JPEG)).renditions
    assert len(film(made)) == 1
    assert colors(made)[0] == pytest.approx(RED, abs=4)


@pytest.mark.parametrize("format_", sorted(ANIMATED_FORMATS))
def test_facts_of_an_animation_are_those_of_its_first_frame(format_: Format) -> None:
    made = rendered(animation(format_, [RED, BLUE]), variant(width=10, height=10, fit=Fit.COVER))
    color = made.picture.dominant_color
    assert color is not None
    assert ImageColor.getrgb(color) == pytest.approx(RED, abs=8)


def test_every_frame_is_watermarked() -> None:
    marked = style(watermark=MARK)
    file = animation(Format.GIF)
    (plain,) = rendered(file, variant(width=30, format=Format.PNG)).renditions
    (made,) = rendered(
        file, variant(width=30, format=Format.PNG, watermark=True), style=marked
    ).renditions
    for (before, _), (after, _) in zip(film(plain), film(made), strict=True):
        assert before.tobytes() != after.tobytes()


def test_still_and_moving_variants_come_from_one_source() -> None:
    still, moving = rendered(
        animation(Format.WEBP), variant(format=Format.JPEG), variant(format=Format.GIF)
    ).renditions
    assert len(film(still)) == 1
    assert len(film(moving)) == 3


def test_picture_for_viewers_without_animation_is_no_frame() -> None:
    cover, *frames = [Image.new("RGB", (20, 20), color) for color in (BLACK, RED, GREEN)]
    file = saved(cover, Format.PNG, save_all=True, append_images=frames, default_image=True)
    made = rendered(file, variant(format=Format.WEBP))
    assert made.picture.frames == 2
    assert colors(made.renditions[0])[0] == pytest.approx(RED, abs=8)


def test_pixels_of_all_frames_count_against_the_limit() -> None:
    with pytest.raises(ImageTooLarge):
        rendered(animation(Format.GIF), limits=replace(LIMITS, pixels=3 * 60 * 40 - 1))


@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
def test_clear_parts_of_frames_stay_clear(target: Format) -> None:
    frames = []
    for left in (0, 20):
        frame = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        ImageDraw.Draw(frame).ellipse((left, 0, left + 19, 39), fill=(*RED, 255))
        frames.append(frame)
    file = saved(frames[0], Format.GIF, save_all=True, append_images=frames[1:], disposal=2)
    (made,) = rendered(file, variant(width=40, format=target)).renditions
    shown = [frame.getchannel("A") for frame, _ in film(made)]
    assert [alpha.getpixel((10, 20)) for alpha in shown] == [255, 0]
    assert [alpha.getpixel((30, 20)) for alpha in shown] == [0, 255]


def test_gif_without_its_last_frame_is_not_taken_for_a_shorter_one() -> None:
    whole = animation(Format.GIF)
    with pytest.raises(CorruptImage):
        rendered(whole[: whole.rindex(b"\x21\xf9") + 12], variant(format=Format.WEBP))


@pytest.mark.parametrize("format_", [Format.GIF, Format.WEBP, Format.PNG])
def test_animation_that_ends_between_frames_is_rejected(format_: Format) -> None:
    whole = animation(format_)
    for end in range(len(whole) // 3, len(whole) - 20, 7):
        with pytest.raises(CorruptImage):
            rendered(whole[:end], variant(format=Format.WEBP))

"""Animations stay animated if the output format supports it."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageColor, ImageDraw
from pipeline import imaging
from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.imaging.containers.avif import set_plays
from pipeline.imaging.decode import plays
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
    format_: Format,
    colors: list[tuple[int, int, int]] = COLORS,
    milliseconds: list[int] = MILLISECONDS,
    **options: int,
) -> bytes:
    first, *rest = [Image.new("RGB", (60, 40), color) for color in colors]
    return saved(
        first,
        format_,
        save_all=True,
        append_images=rest,
        duration=milliseconds[: len(colors)],
        **options,
    )


def frames_of(rendition: Rendition) -> list[tuple[Image.Image, float]]:
    image = Image.open(BytesIO(rendition.body))
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append((image.convert("RGBA"), image.info.get("duration", 0)))
    return frames


def colors(rendition: Rendition) -> list[tuple[int, ...]]:
    # Pillow types a pixel as a number too; of RGB it is a tuple.
    return [frame.resize((1, 1)).getpixel((0, 0))[:3] for frame, _ in frames_of(rendition)]  # type: ignore[index]  # RGB


@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
@pytest.mark.parametrize("origin", sorted(ANIMATED_FORMATS))
def test_frames_keep_their_order_and_timing(origin: Format, target: Format) -> None:
    (made,) = rendered(animation(origin), variant(width=30, format=target)).renditions
    assert [round(milliseconds) for _, milliseconds in frames_of(made)] == MILLISECONDS
    for color, expected in zip(colors(made), COLORS, strict=True):
        assert color == pytest.approx(expected, abs=8)
    assert frames_of(made)[0][0].size == (30, 20)


def looped(format_: Format, plays: int) -> bytes:
    """Return an animation with this loop count, 0 for endless."""
    match format_:
        case Format.GIF:
            return animation(format_) if plays == 1 else animation(format_, loop=max(0, plays - 1))
        case Format.AVIF:
            file = animation(format_)
            return set_plays(file, plays) if plays else file
        case _:
            return animation(format_, loop=plays)


def plays_of(body: bytes) -> int:
    with imaging.open_image(BytesIO(body), LIMITS) as source:
        return plays(source)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
@pytest.mark.parametrize("origin", sorted(ANIMATED_FORMATS))
def test_loop_count_is_preserved(origin: Format, target: Format, count: int) -> None:
    (made,) = rendered(looped(origin, count), variant(width=30, format=target)).renditions
    assert plays_of(made.body) == count


@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
def test_loop_count_is_limited_to_that_of_the_format(target: Format) -> None:
    (made,) = rendered(looped(Format.PNG, 2**32 - 1), variant(width=30, format=target)).renditions
    assert plays_of(made.body) == 65_535


@pytest.mark.parametrize(
    ("format_", "count", "said"),
    [
        (Format.GIF, 1, None),
        (Format.GIF, 3, 2),
        (Format.GIF, 0, 0),
        (Format.PNG, 3, 3),
        (Format.WEBP, 1, 1),
    ],
)
def test_loop_count_is_written_in_the_formats_own_form(
    format_: Format, count: int, said: int | None
) -> None:
    (made,) = rendered(looped(Format.WEBP, count), variant(width=30, format=format_)).renditions
    assert Image.open(BytesIO(made.body)).info.get("loop") == said


def test_avif_without_an_edit_list_loops_endlessly() -> None:
    file = looped(Format.AVIF, 1)
    assert plays_of(file) == 1
    assert plays_of(file.replace(b"edts", b"free")) == 0


def test_avif_whose_edits_do_not_repeat_is_played_once() -> None:
    file = bytearray(looped(Format.AVIF, 3))
    file[file.index(b"elst") + 7] = 0
    assert plays_of(bytes(file)) == 1


def test_loop_count_after_the_first_frame_of_a_gif_counts() -> None:
    file = animation(Format.GIF, loop=4)
    start = file.index(b"\x21\xff\x0bNETSCAPE2.0")
    late = file.rindex(b"\x21\xf9")
    moved = file[:start] + file[start + 19 : late] + file[start : start + 19] + file[late:]
    assert plays_of(moved) == 5


@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
@pytest.mark.parametrize("origin", sorted(ANIMATED_FORMATS))
def test_frames_too_short_for_browsers_get_the_browsers_duration(
    origin: Format, target: Format
) -> None:
    file = animation(origin, milliseconds=[10, 20, 10])
    (made,) = rendered(file, variant(width=30, format=target)).renditions
    assert [round(milliseconds) for _, milliseconds in frames_of(made)] == [100, 20, 100]


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        ([16, 17, 16], [20, 20, 20]),
        ([33, 33, 33], [30, 40, 30]),
        ([15, 45, 42], [20, 40, 40]),
        ([1004, 1004, 1004], [1000, 1010, 1000]),
    ],
)
def test_gif_durations_are_ones_that_browsers_respect(
    milliseconds: list[int], said: list[int]
) -> None:
    file = animation(Format.WEBP, milliseconds=milliseconds)
    (made,) = rendered(file, variant(width=30, format=Format.GIF)).renditions
    assert [milliseconds for _, milliseconds in frames_of(made)] == said


def test_first_frame_is_shown_if_the_output_has_no_animation() -> None:
    (made,) = rendered(animation(Format.GIF), variant(format=Format.JPEG)).renditions
    assert len(frames_of(made)) == 1
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
    for (before, _), (after, _) in zip(frames_of(plain), frames_of(made), strict=True):
        assert before.tobytes() != after.tobytes()


def test_still_and_moving_variants_come_from_one_source() -> None:
    still, moving = rendered(
        animation(Format.WEBP), variant(format=Format.JPEG), variant(format=Format.GIF)
    ).renditions
    assert len(frames_of(still)) == 1
    assert len(frames_of(moving)) == 3


def test_default_image_of_an_apng_is_not_a_frame() -> None:
    cover, *frames = [Image.new("RGB", (20, 20), color) for color in (BLACK, RED, GREEN)]
    file = saved(cover, Format.PNG, save_all=True, append_images=frames, default_image=True)
    made = rendered(file, variant(format=Format.WEBP))
    assert made.picture.frames == 2
    assert colors(made.renditions[0])[0] == pytest.approx(RED, abs=8)


def test_pixels_of_all_frames_count_against_the_limit() -> None:
    with pytest.raises(ImageTooLarge):
        rendered(animation(Format.GIF), limits=replace(LIMITS, pixels=3 * 60 * 40 - 1))


@pytest.mark.parametrize("target", sorted(ANIMATED_FORMATS))
def test_transparent_parts_of_frames_stay_transparent(target: Format) -> None:
    frames = []
    for left in (0, 20):
        frame = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        ImageDraw.Draw(frame).ellipse((left, 0, left + 19, 39), fill=(*RED, 255))
        frames.append(frame)
    file = saved(frames[0], Format.GIF, save_all=True, append_images=frames[1:], disposal=2)
    (made,) = rendered(file, variant(width=40, format=target)).renditions
    shown = [frame.getchannel("A") for frame, _ in frames_of(made)]
    assert [alpha.getpixel((10, 20)) for alpha in shown] == [255, 0]
    assert [alpha.getpixel((30, 20)) for alpha in shown] == [0, 255]


def test_gif_without_its_last_frame_is_rejected() -> None:
    whole = animation(Format.GIF)
    with pytest.raises(CorruptImage):
        rendered(whole[: whole.rindex(b"\x21\xf9") + 12], variant(format=Format.WEBP))


@pytest.mark.parametrize("format_", [Format.GIF, Format.WEBP, Format.PNG])
def test_animation_that_ends_between_frames_is_rejected(format_: Format) -> None:
    whole = animation(format_)
    for end in range(len(whole) // 3, len(whole) - 20, 7):
        with pytest.raises(CorruptImage):
            rendered(whole[:end], variant(format=Format.WEBP))

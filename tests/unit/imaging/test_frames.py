"""Frames of GIF and APNG are composed as the specifications say; pixels computed by hand."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image
from pipeline import imaging
from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.imaging.decode import Raster, decode, decode_frames
from pipeline.model import Format

from tests.unit.imaging.pictures import BLUE, GREEN, LIMITS, RED, WHITE, result, style
from tests.unit.imaging.raw import chunk

# Pixels are letters, pictures are rows of them; a dot is transparent.
LETTERS: dict[tuple[int, ...], str] = {
    (*RED, 255): "R",
    (*GREEN, 255): "G",
    (*BLUE, 255): "B",
    (*WHITE, 255): "W",
}
NUMBERS = {"R": 0, "G": 1, "B": 2, "W": 3, ".": 3}
PALETTE = bytes((*RED, *GREEN, *BLUE, *WHITE))
BLACK_PALETTE = bytes(12)

KEEP, CLEAR, RESTORE = 1, 2, 3
PNG_KEEP, PNG_CLEAR, PNG_RESTORE = 0, 1, 2
SOURCE, OVER = 0, 1
CONTROL_BYTES = 8
COLOR, GREY = 6, 0


def lzw(numbers: Sequence[int]) -> bytes:
    """Return *numbers* below 4 coded in 3 bits each: cleared so often, the code never grows."""
    codes = [code for at in range(0, len(numbers), 2) for code in (4, *numbers[at : at + 2])] + [5]
    bits = sum(code << 3 * at for at, code in enumerate(codes))
    data = bits.to_bytes(3 * len(codes) // 8 + 1, "little")
    assert len(data) < 256
    return bytes((2, len(data))) + data + b"\0"


def part(
    picture: str,
    left: int = 0,
    top: int = 0,
    disposal: int = 0,
    interlaced: bool = False,
    palette: bytes = b"",
) -> bytes:
    """Return one frame of a GIF; where *picture* has dots, their number is declared clear."""
    rows = picture.split()
    clear = "." in picture
    control = struct.pack("<BHB", disposal << 2 | clear, 7, NUMBERS["."])
    flags = interlaced << 6 | (0x81 if palette else 0)
    place = struct.pack("<4HB", left, top, len(rows[0]), len(rows), flags)
    pixels = lzw([NUMBERS[letter] for row in rows for letter in row])
    return b"\x21\xf9\4" + control + b"\0\x2c" + place + palette + pixels


def gif(width: int, height: int, *parts: bytes, palette: bytes = PALETTE) -> bytes:
    header = struct.pack("<HHBBB", width, height, 0x81, 0, 0)
    return b"GIF89a" + header + palette + b"".join(parts) + b"\x3b"


def apng(
    size: tuple[int, int],
    *parts: tuple[Sequence[Sequence[int]], int, int, int, int],
    colors: int = COLOR,
) -> bytes:
    """Return an APNG of one row per frame: pixels, left, top, disposal and blending of each."""
    header = struct.pack(">IIBBBBB", *size, 8, colors, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"acTL", struct.pack(">II", len(parts), 0))]
    order = 0
    for number, (pixels, left, top, disposal, blending) in enumerate(parts):
        place = struct.pack(">5I", order, len(pixels), 1, left, top)
        chunks.append(chunk(b"fcTL", place + struct.pack(">HHBB", 7, 100, disposal, blending)))
        row = b"\0" + b"".join(bytes(pixel) for pixel in pixels)
        if number == 0:
            chunks.append(chunk(b"IDAT", zlib.compress(row)))
        else:
            order += 1
            chunks.append(chunk(b"fdAT", struct.pack(">I", order) + zlib.compress(row)))
        order += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join((*chunks, chunk(b"IEND", b"")))


def rasters(file: bytes) -> list[Raster]:
    with imaging.open_image(BytesIO(file), LIMITS) as source:
        if source.picture.frames > 1:
            return list(decode_frames(source))
        return [decode(source, [])]


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    data = image.convert("RGBA").tobytes()
    return [tuple(data[at : at + 4]) for at in range(0, len(data), 4)]


def seen(file: bytes) -> list[str]:
    """Return the visible pixels of each frame of *file*, in letters."""
    return [drawn(raster.image) for raster in rasters(file)]


def drawn(image: Image.Image) -> str:
    letters = [LETTERS.get(pixel, "." if pixel[3] == 0 else "?") for pixel in pixels(image)]
    starts = range(0, len(letters), image.width)
    return " ".join("".join(letters[start : start + image.width]) for start in starts)


def test_pixels_that_no_gif_frame_covers_are_transparent() -> None:
    assert seen(gif(3, 2, part("R", left=1))) == [".R. ..."]
    assert seen(gif(2, 1, part("R"), part("B", left=1))) == ["R.", "RB"]


def test_uncovered_parts_of_a_gif_show_the_background_of_a_jpeg() -> None:
    image = result(
        gif(64, 64, part("R")), format=Format.JPEG, quality=100, style=style(background=GREEN)
    )
    assert image.getpixel((50, 50)) == pytest.approx(GREEN, abs=3)


@pytest.mark.parametrize("disposal", [0, KEEP])
def test_gif_frame_stays_where_nothing_is_drawn_over_it(disposal: int) -> None:
    file = gif(3, 1, part("RRR", disposal=disposal), part("B.G", disposal=disposal), part("W"))
    assert seen(file) == ["RRR", "BRG", "WRG"]


def test_area_of_a_gif_frame_is_transparent_after_disposal_2() -> None:
    file = gif(3, 1, part("RRR"), part("BB", disposal=CLEAR), part("G", left=2))
    assert seen(file) == ["RRR", "BBR", "..G"]


def test_disposal_2_clears_what_transparent_parts_of_a_frame_let_through() -> None:
    file = gif(3, 1, part("RRR"), part("B.", disposal=CLEAR), part("..G"))
    assert seen(file) == ["RRR", "BRR", "..G"]


@pytest.mark.parametrize("disposal", [RESTORE, 4])
def test_area_of_a_gif_frame_is_restored_after_disposal_3(disposal: int) -> None:
    file = gif(3, 1, part("RRR"), part("B.G", disposal=disposal), part(".G", disposal=disposal))
    assert seen(file) == ["RRR", "BRG", "RGR"]


def test_canvas_is_clear_again_after_a_first_frame_with_disposal_3() -> None:
    assert seen(gif(2, 1, part("RR", disposal=RESTORE), part("B"))) == ["RR", "B."]


def test_gif_frames_that_stick_out_are_clipped() -> None:
    file = gif(2, 2, part("RR RR"), part("BB BB", left=1, top=1), part("G", left=9000, top=9000))
    assert seen(file) == ["RR RR", "RR RB", "RR RB"]


def test_interlaced_gif_frame_has_its_rows_in_order() -> None:
    # Rows 0, 4, 2, 1 and 3 of the picture, as the four passes store them.
    assert seen(gif(1, 5, part("R W B G R", interlaced=True))) == ["R G B R W"]


def test_gif_frame_has_its_own_palette() -> None:
    reversed_palette = bytes((*WHITE, *BLUE, *GREEN, *RED))
    file = gif(2, 1, part("RG"), part("RG", palette=reversed_palette), part("B"))
    assert seen(file) == ["RG", "WB", "BB"]


def test_index_beyond_the_palette_of_a_gif_is_black() -> None:
    small = gif(2, 1, part("RB"), palette=PALETTE[:6]).replace(b"\x81\0\0", b"\x80\0\0", 1)
    assert pixels(rasters(small)[0].image) == [(*RED, 255), (0, 0, 0, 255)]


def test_clear_parts_of_a_gif_frame_show_black_that_is_below() -> None:
    file = gif(2, 1, part("RR", palette=BLACK_PALETTE), part("G."))
    assert pixels(rasters(file)[1].image) == [(*GREEN, 255), (0, 0, 0, 255)]


def test_gif_frame_much_larger_than_its_canvas_is_refused() -> None:
    huge = part("B").replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 65, 64))
    with pytest.raises(ImageTooLarge, match="65 x 64"):
        seen(gif(1, 1, part("R"), huge))


def test_gif_frame_with_too_few_pixels_is_rejected() -> None:
    short = part("B").replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 2, 1))
    with pytest.raises(CorruptImage):
        seen(gif(2, 1, part("RR"), short))


@pytest.mark.parametrize("size", [(0, 1), (1, 0)])
def test_gif_frame_without_pixels_is_rejected(size: tuple[int, int]) -> None:
    empty = part("B").replace(struct.pack("<HH", 1, 1), struct.pack("<HH", *size))
    with pytest.raises(CorruptImage, match=f"{size[0]} x {size[1]}"):
        seen(gif(1, 1, part("R"), empty))


def test_single_frame_of_a_gif_may_end_after_its_pixels() -> None:
    assert seen(gif(1, 1, part("R"))[:-2]) == ["R"]


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        ((0, 0, 0, 128), (255, 255, 255, 255), (127, 127, 127, 255)),
        ((0, 0, 0, 128), (0, 0, 0, 0), (0, 0, 0, 128)),
        # Alpha is 128 + 128 x 127 / 255 = 192; the share of red is 128 / 192, blue is the rest.
        ((255, 0, 0, 128), (0, 0, 255, 128), (170, 0, 85, 192)),
        ((0, 255, 0, 0), (0, 0, 255, 128), (0, 0, 255, 128)),
    ],
)
def test_half_transparent_apng_frame_lets_through_what_is_below(
    upper: tuple[int, ...], lower: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    file = apng((2, 1), ([lower] * 2, 0, 0, PNG_KEEP, SOURCE), ([upper], 1, 0, PNG_KEEP, OVER))
    left, right = pixels(rasters(file)[1].image)
    assert left == lower
    assert right == pytest.approx(expected, abs=1)


def test_apng_frame_that_does_not_blend_replaces_what_is_below() -> None:
    half = (255, 0, 0, 128)
    white = (*WHITE, 255)
    file = apng(
        (2, 1),
        ([white] * 2, 0, 0, PNG_KEEP, OVER),
        ([half], 1, 0, PNG_KEEP, SOURCE),
        ([white], 1, 0, PNG_KEEP, SOURCE),
        ([half], 0, 0, PNG_KEEP, SOURCE),
    )
    shown = [pixels(raster.image) for raster in rasters(file)]
    assert shown == [[white, white], [white, half], [white, white], [half, white]]


@pytest.mark.parametrize("blending", [SOURCE, OVER])
@pytest.mark.parametrize(
    ("disposal", "after"), [(PNG_KEEP, "RBG"), (PNG_CLEAR, "R.G"), (PNG_RESTORE, "RRG")]
)
def test_apng_frame_is_disposed_of_as_it_says(blending: int, disposal: int, after: str) -> None:
    red, green, blue = ((*color, 255) for color in (RED, GREEN, BLUE))
    file = apng(
        (3, 1),
        ([red] * 3, 0, 0, PNG_KEEP, SOURCE),
        ([blue] * 2, 1, 0, disposal, blending),
        ([green], 2, 0, PNG_KEEP, blending),
    )
    assert seen(file) == ["RRR", "RBB", after]


def test_canvas_is_transparent_after_a_first_apng_frame_is_disposed() -> None:
    red, green = (*RED, 255), (*GREEN, 255)
    file = apng((2, 1), ([red] * 2, 0, 0, PNG_RESTORE, SOURCE), ([green], 1, 0, PNG_KEEP, OVER))
    assert seen(file) == ["RR", ".G"]


def test_grey_animation_stays_grey() -> None:
    file = apng(
        (2, 1), ([(9,)] * 2, 0, 0, PNG_KEEP, SOURCE), ([(99,)], 1, 0, PNG_KEEP, OVER), colors=GREY
    )
    assert [(raster.image.mode, raster.image.tobytes()) for raster in rasters(file)] == [
        ("L", b"\x09\x09"),
        ("L", b"\x09\x63"),
    ]


def test_frame_that_leaves_nothing_clear_has_no_alpha() -> None:
    file = gif(2, 1, part("R"), part("B", left=1), part(".G"))
    assert [raster.image.mode for raster in rasters(file)] == ["RGBA", "RGB", "RGB"]


def test_frames_have_their_durations() -> None:
    still = ([(0, 0, 0, 0)], 0, 0, PNG_KEEP, SOURCE)
    for animation in (gif(1, 1, part("R"), part("G")), apng((1, 1), still, still)):
        assert [raster.milliseconds for raster in rasters(animation)] == [70, 70]


def test_extension_of_a_gif_frame_does_not_apply_to_the_next() -> None:
    after = part("B")[CONTROL_BYTES:]
    file = gif(2, 1, part("R.", disposal=CLEAR), after, part("G", left=1))
    assert seen(file) == ["R.", "B.", "BG"]
    assert [raster.milliseconds for raster in rasters(file)] == [70, 100, 70]


def test_grey_gif_is_decoded_to_grey() -> None:
    levels = bytes(level for level in range(4) for _ in RED)
    (raster,) = rasters(gif(2, 1, part("RW"), palette=levels))
    assert (raster.image.mode, raster.image.tobytes()) == ("L", b"\0\3")


def test_zeros_between_the_blocks_of_a_gif_are_ignored() -> None:
    assert seen(gif(1, 1, part("R"), b"\0\0", part("G"))) == ["R", "G"]


def test_gif_that_ends_before_a_frame_is_rejected() -> None:
    file = gif(1, 1, part("R"), part("G"), part("B"))
    with pytest.raises(CorruptImage):
        seen(file[: file.rindex(b"\x21\xf9") + 2])


def test_gif_with_fewer_frames_than_its_reader_counts_is_rejected() -> None:
    # After an empty extension, Pillow reads the trailer as the length of its data.
    hidden = b"\x21\1\0\x3b" + b"\1" * 0x3B + b"\0"
    with pytest.raises(CorruptImage, match="only 2"):
        seen(gif(1, 1, part("R"), part("G"), hidden, part("B")))

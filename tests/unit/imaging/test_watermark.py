"""Texts and logos on results."""

import struct
import sys
from pathlib import Path
from subprocess import run

import pytest
from PIL import Image, ImageChops
from pipeline.errors import ConfigurationError
from pipeline.imaging import check_watermark
from pipeline.imaging.watermark import draw_watermark
from pipeline.model import Contrast, Format, Position, Watermark

from tests.unit.imaging import profiles, raw
from tests.unit.imaging.pictures import BLACK, MARK, RED, WHITE, corners, saved, watermark

GREY = (128, 128, 128)


@pytest.fixture
def logo(tmp_path: Path) -> str:
    path = tmp_path / "logo.png"
    corners(40, 20, "RGBA").save(path)
    return str(path)


def ground(width: int = 400, height: int = 300, color: tuple[int, int, int] = GREY) -> Image.Image:
    return Image.new("RGB", (width, height), color)


def extent(mark: Watermark, image: Image.Image | None = None) -> tuple[int, int, int, int]:
    """Return the box of the pixels that *mark* changes."""
    plain = image or ground()
    marked = draw_watermark(plain, mark)
    box = ImageChops.difference(marked.convert("RGB"), plain.convert("RGB")).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("percent", [10, 30, 100])
@pytest.mark.parametrize("kind", ["text", "logo"])
def test_width_is_relative_to_the_result(kind: str, percent: int, logo: str) -> None:
    mark = watermark(
        logo=logo if kind == "logo" else None, width_percent=percent, opacity_percent=100
    )
    for width in (200, 400):
        left, _, right, _ = extent(mark, ground(width, width))
        assert right - left == pytest.approx(width * percent / 100, rel=0.12)


@pytest.mark.parametrize("position", Position)
def test_margin_is_kept_on_the_sides_that_the_position_names(position: Position, logo: str) -> None:
    mark = watermark(logo=logo, position=position, margin_percent=5, opacity_percent=100)
    left, top, right, bottom = extent(mark)
    edges = {"left": left, "top": top, "right": 400 - right, "bottom": 300 - bottom}
    named = [edges[word] for word in position.value.split("-") if word in edges]
    assert all(edge == 20 for edge in named)
    if "left" not in position.value and "right" not in position.value:
        assert abs(edges["left"] - edges["right"]) <= 1


def test_tiles_reach_every_part_of_the_picture() -> None:
    plain = ground()
    marked = draw_watermark(plain, watermark(position=None, width_percent=15))
    for left in range(0, 400, 100):
        for top in range(0, 300, 100):
            part = (left, top, left + 100, top + 100)
            assert marked.crop(part).tobytes() != plain.crop(part).tobytes()


def test_opacity_decides_how_much_shows_through(logo: str) -> None:
    def red_at(percent: float) -> object:
        mark = watermark(
            logo=logo,
            position=Position.TOP_LEFT,
            margin_percent=0,
            width_percent=50,
            opacity_percent=percent,
        )
        return draw_watermark(ground(color=BLACK), mark).getpixel((20, 20))

    assert red_at(100) == RED
    assert red_at(50) == pytest.approx((128, 0, 0), abs=2)
    assert red_at(0) == BLACK


def test_rotation_turns_the_mark(logo: str) -> None:
    flat = extent(watermark(logo=logo, position=Position.CENTER, opacity_percent=100))
    turned = extent(
        watermark(logo=logo, position=Position.CENTER, opacity_percent=100, rotation_degrees=90)
    )
    assert turned[3] - turned[1] == pytest.approx(flat[2] - flat[0], abs=2)


@pytest.mark.parametrize("contrast", [Contrast.OUTLINE, Contrast.SHADOW])
@pytest.mark.parametrize("color", [WHITE, BLACK])
def test_contrast_keeps_text_readable_on_its_own_colour(
    contrast: Contrast, color: tuple[int, int, int]
) -> None:
    image = ground(color=color)
    plain = watermark(color=color, contrast=Contrast.NONE, opacity_percent=100)
    assert draw_watermark(image, plain).tobytes() == image.tobytes()
    marked = draw_watermark(image, watermark(color=color, contrast=contrast, opacity_percent=100))
    levels = marked.convert("L").tobytes()
    assert max(levels) - min(levels) > 100


def test_alpha_of_the_picture_stays_around_the_mark() -> None:
    clear = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    marked = draw_watermark(clear, watermark(opacity_percent=100))
    assert marked.getpixel((5, 5)) == (0, 0, 0, 0)
    assert marked.getchannel("A").getextrema()[1] == 255


def test_the_input_picture_is_not_modified() -> None:
    image = ground()
    before = image.tobytes()
    draw_watermark(image, MARK)
    assert image.tobytes() == before


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
@pytest.mark.parametrize("position", [*Position, None])
def test_every_kind_of_picture_can_be_marked(
    size: tuple[int, int], position: Position | None, mode: str
) -> None:
    for rotation in (0, 30):
        mark = watermark(position=position, rotation_degrees=rotation, margin_percent=10)
        assert draw_watermark(ground(*size).convert(mode), mark).size == size


def test_bundled_font_covers_latin_greek_and_cyrillic() -> None:
    ranges = [(0x20, 0x7F), (0xA0, 0x180), (0x391, 0x3A2), (0x3B1, 0x3CA), (0x410, 0x450)]
    text = "".join(chr(code) for start, stop in ranges for code in range(start, stop))
    check_watermark(watermark(text=text.replace("\xad", "")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": "漢字 ok"}, "no glyph for '漢字'"),
        ({"text": "🙂"}, "no glyph for '🙂'"),
        ({"text": "© שלום עולם"}, "has 'שלוםע': scripts that run from right to left"),
        ({"text": "© سلام"}, "right to left"),
        ({"text": "अनुच्छेद"}, "has 'ु्े'"),
        ({"text": "q\u0301"}, "has '\u0301'"),
        ({"text": "a\u202eb"}, "right to left"),
        ({"text": "\u1820\u1821"}, "join"),
        ({"text": "\ufe0f\u200e"}, "neither a text nor a logo"),
        ({"text": " "}, "neither a text nor a logo"),
        ({"text": None}, "neither a text nor a logo"),
        ({"font": "/nowhere/font.ttf"}, "/nowhere/font.ttf"),
        ({"font": __file__}, "font"),
        ({"text": None, "logo": "/nowhere/logo.png"}, "/nowhere/logo.png"),
        ({"text": None, "logo": __file__}, "logo"),
    ],
)
def test_mark_that_cannot_be_drawn_is_named(changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_watermark(watermark(**changes))


def test_valid_marks_are_accepted(logo: str) -> None:
    check_watermark(MARK)
    check_watermark(watermark(text=None, logo=logo))


def test_logo_of_any_readable_format_is_accepted(tmp_path: Path) -> None:
    for format_ in (Format.JPEG, Format.WEBP, Format.GIF):
        path = tmp_path / f"logo{format_.extension}"
        corners(40, 20).save(path)
        check_watermark(watermark(text=None, logo=str(path)))


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("Cafe\u0301 A\u030angstro\u0308m", "Café Ångström"),
        ("©\ufe0f 2026", "© 2026"),
        ("\u200eFoto\u00ad\u200bgraf", "Fotograf"),
    ],
)
def test_text_is_drawn_the_same_in_every_unicode_normal_form(written: str, drawn: str) -> None:
    check_watermark(watermark(text=written))
    one, other = (draw_watermark(ground(), watermark(text=text)) for text in (written, drawn))
    assert one.tobytes() == other.tobytes()


DRAWN = """
from hashlib import sha256
from PIL import features
from pipeline.imaging.watermark import draw_watermark
from tests.unit.imaging.pictures import corners, watermark
texts = ("AVATAR Tofu ffi", "© Ωμέγα Жук", "Ελλάδα, Україна")
marked = [draw_watermark(corners(400, 300), watermark(text=text)).tobytes() for text in texts]
print(features.check("raqm"), *(sha256(pixels).hexdigest() for pixels in marked))
"""


def test_text_looks_the_same_without_fribidi(tmp_path: Path) -> None:
    """Hide FriBiDi behind a file that is not a library, as on machines without it."""
    (tmp_path / "libfribidi.so.0").write_text("no library")

    def drawn(**environment: str) -> list[str]:
        done = run(
            [sys.executable, "-c", DRAWN],
            env={"PYTHONPATH": ":".join(sys.path), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    hidden, *pixels = drawn(LD_LIBRARY_PATH=str(tmp_path))
    assert hidden == "False"
    assert drawn()[1:] == pixels


def with_logo(file: bytes, tmp_path: Path) -> Image.Image:
    """Return the logo in *file*, drawn over a whole grey picture 200 pixels wide."""
    path = tmp_path / "logo"
    path.write_bytes(file)
    mark = watermark(
        text=None,
        logo=str(path),
        width_percent=100,
        opacity_percent=100,
        margin_percent=0,
        position=Position.TOP_LEFT,
    )
    return draw_watermark(ground(200, 200), mark)


def test_logo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    lying = corners(50, 200).transpose(Image.Transpose.ROTATE_180)
    image = with_logo(saved(lying, Format.PNG, exif=exif), tmp_path)
    upright = lying.transpose(Image.Transpose.ROTATE_270)
    for point in [(10, 10), (190, 10), (10, 40), (190, 40)]:
        assert image.getpixel(point) == upright.getpixel(point)
    assert image.getpixel((10, 60)) == GREY


def test_logo_has_its_profile_applied(tmp_path: Path) -> None:
    red = Image.new("RGB", (40, 40), (200, 40, 40))
    image = with_logo(saved(red, Format.PNG, icc_profile=profiles.DISPLAY_P3), tmp_path)
    assert image.getpixel((20, 20)) == pytest.approx((220, 0, 20), abs=4)


def test_logo_of_16_bits_and_one_clear_grey_is_drawn(tmp_path: Path) -> None:
    row = struct.pack(">40H", *[0x8001] * 20, *[0x2020] * 20)
    clear = raw.chunk(b"tRNS", struct.pack(">H", 0x8001))
    image = with_logo(raw.png(40, [row] * 40, clear, depth=16), tmp_path)
    assert image.getpixel((20, 20)) == GREY
    assert image.getpixel((180, 20)) == (0x20, 0x20, 0x20)


def test_first_frame_of_an_animated_logo_is_drawn(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (40, 40), color) for color in (RED, WHITE))
    file = saved(first, Format.GIF, save_all=True, append_images=[second])
    assert with_logo(file, tmp_path).getpixel((20, 20)) == RED


def test_damaged_logo_is_named(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(saved(corners(), Format.PNG)[:-40])
    with pytest.raises(ConfigurationError, match=r"logo\.png"):
        check_watermark(watermark(text=None, logo=str(path)))

"""TIFF files of every layout look like a plain TIFF of the same picture."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image, ImageChops
from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.model import Format

from tests.unit.imaging import raw
from tests.unit.imaging.pictures import BLUE, GREEN, RED, rendered, result, saved, scene

WIDTH, HEIGHT = 48, 32
SIZE = (WIDTH, HEIGHT)


def shown(file: bytes) -> Image.Image:
    return result(file, format=Format.PNG)


def apart(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference in levels."""
    moved = ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))
    return max(high for _, high in moved.getextrema())  # type: ignore[misc]  # of several channels


def deep(band: Image.Image, order: str) -> bytes:
    """Return the levels of *band* as 16 bits each."""
    return struct.pack(f"{order}{len(band.tobytes())}H", *(level * 257 for level in band.tobytes()))


def planes(image: Image.Image, order: str = "<", *, bits: int = 8) -> list[bytes]:
    return [band.tobytes() if bits == 8 else deep(band, order) for band in image.split()]


def ramp() -> Image.Image:
    return Image.linear_gradient("L").rotate(90).resize(SIZE)


def half_clear() -> Image.Image:
    picture = scene(*SIZE).convert("L").convert("LA")
    picture.putalpha(ramp())
    return picture


COLORS = {"RGB": raw.RGB, "CMYK": raw.CMYK, "L": raw.BLACK_IS_ZERO, "LAB": raw.LAB}
LAYOUTS: dict[str, dict[str, Any]] = {
    "little": {},
    "big": {"order": ">"},
    "packed": {"packed": True},
    "big packed": {"order": ">", "packed": True},
    "BigTIFF": {"big": True},
    "big BigTIFF": {"order": ">", "big": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_colours_in_planes_are_those_side_by_side(mode: str, bits: int, layout: str) -> None:
    options = LAYOUTS[layout]
    picture = scene(*SIZE).convert(mode)
    data = planes(picture, options.get("order", "<"), bits=bits)
    depths = (bits,) * len(data)
    file = raw.tiff(*SIZE, data, bits=depths, shown=COLORS[mode], **options)
    assert apart(shown(file), shown(saved(picture, Format.TIFF))) <= 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("sense", [raw.WHITE_IS_ZERO, raw.BLACK_IS_ZERO])
def test_grey_and_alpha_in_planes_are_not_swapped(sense: int, bits: int, layout: str) -> None:
    options = LAYOUTS[layout]
    picture = half_clear()
    grey, alpha = planes(picture, options.get("order", "<"), bits=bits)
    if sense == raw.WHITE_IS_ZERO:
        grey = bytes(255 - byte for byte in grey)
    file = raw.tiff(
        *SIZE, [grey, alpha], bits=(bits,) * 2, shown=sense, extra=(raw.ALPHA,), **options
    )
    assert apart(shown(file), picture) <= 1


@pytest.mark.parametrize("packed", [False, True])
def test_alpha_in_a_plane_may_be_premultiplied(packed: bool) -> None:
    data = [b"\x64" * 256, b"\x32" * 256, b"\0" * 256, b"\xc8" * 256]
    extra = (raw.PREMULTIPLIED_ALPHA,)
    file = raw.tiff(16, 16, data, bits=(8,) * 4, shown=raw.RGB, extra=extra, packed=packed)
    assert shown(file).getpixel((3, 3)) == pytest.approx((127, 63, 0, 200), abs=1)


def test_lab_in_planes_is_as_side_by_side() -> None:
    picture = scene(*SIZE).convert("RGB")
    lab = Image.merge("LAB", picture.split())
    lightness, *colors = planes(lab)
    signed = [bytes(byte ^ 0x80 for byte in color) for color in colors]
    file = raw.tiff(*SIZE, [lightness, *signed], bits=(8,) * 3, shown=raw.LAB)
    assert apart(shown(file), shown(saved(lab, Format.TIFF))) <= 1


def test_planes_are_turned_upright() -> None:
    picture = scene(*SIZE)
    file = raw.tiff(*SIZE, planes(picture), bits=(8,) * 3, shown=raw.RGB, more={274: (6,)})
    assert apart(shown(file), picture.transpose(Image.Transpose.ROTATE_270)) == 0


def test_compressed_strips_of_planes_are_joined() -> None:
    picture = scene(*SIZE)
    strips = [
        band.crop((0, top, WIDTH, top + 8)).tobytes()
        for band in picture.split()
        for top in range(0, HEIGHT, 8)
    ]
    file = raw.tiff(*SIZE, strips, packed=True, bits=(8,) * 3, shown=raw.RGB, more={278: (8,)})
    assert apart(shown(file), picture) == 0


def test_tiles_of_planes_are_joined() -> None:
    picture = scene(*SIZE)
    tiles = [
        band.crop((left, top, left + 16, top + 16)).tobytes()
        for band in picture.split()
        for top in range(0, HEIGHT, 16)
        for left in range(0, WIDTH, 16)
    ]
    starts = [16 + 256 * number for number in range(len(tiles))]
    more = {273: (), 279: (), 322: (16,), 323: (16,), 324: starts, 325: (256,) * len(tiles)}
    file = raw.tiff(*SIZE, tiles, bits=(8,) * 3, shown=raw.RGB, more=more)
    assert apart(shown(file), picture) == 0


def test_only_channel_of_a_planar_file_is_shown() -> None:
    picture = ramp()
    file = raw.tiff(*SIZE, deep(picture, ">"), order=">", bits=(16,), more={284: (2,)})
    assert apart(shown(file), picture) == 0


@pytest.mark.parametrize("extra", [raw.PREMULTIPLIED_ALPHA, raw.ALPHA])
@pytest.mark.parametrize("in_planes", [False, True])
def test_alpha_beside_inks_is_ignored(extra: int, in_planes: bool) -> None:
    picture = scene(*SIZE).convert("CMYK")
    bands = [*planes(picture), ramp().tobytes()]
    data = (
        bands
        if in_planes
        else bytes(level for pixel in zip(*bands, strict=True) for level in pixel)
    )
    file = raw.tiff(*SIZE, data, bits=(8,) * 5, shown=raw.CMYK, extra=(extra,))
    assert apart(shown(file), shown(saved(picture, Format.TIFF))) == 0


def test_signed_bytes_that_go_below_zero_are_stretched() -> None:
    picture = ramp()
    signed = bytes(level ^ 0x80 for level in picture.tobytes())
    assert apart(shown(raw.tiff(*SIZE, signed, numbers=raw.SIGNED)), picture) <= 2


def test_signed_bytes_that_do_not_are_levels() -> None:
    picture = ramp().point(lambda level: level // 2)
    assert apart(shown(raw.tiff(*SIZE, picture.tobytes(), numbers=raw.SIGNED)), picture) == 0


@pytest.mark.parametrize("bits", [8, 16])
def test_big_endian_bigtiff_is_read(bits: int) -> None:
    picture = ramp()
    data = picture.tobytes() if bits == 8 else deep(picture, ">")
    file = raw.tiff(*SIZE, data, order=">", big=True, bits=(bits,))
    assert apart(shown(file), picture) == 0


def test_subsampled_colours_that_are_not_compressed_are_read() -> None:
    # Four levels of luma, then the two colours that they share.
    units = WIDTH // 2 * HEIGHT // 2
    file = raw.tiff(
        *SIZE,
        b"\x4c\x4c\x4c\x4c\x55\xff" * units,
        bits=(8,) * 3,
        shown=raw.YCBCR,
        more={530: (2, 2)},
    )
    assert shown(file).getpixel((20, 20)) == pytest.approx(RED, abs=3)


def pages(*kinds: int) -> bytes:
    """Return a file of a page for each of *kinds*, red, green and blue."""
    colors = [Image.new("RGB", SIZE, color) for color in (RED, GREEN, BLUE)]
    for page, kind in zip(colors, kinds, strict=False):
        page.encoderinfo = {"tiffinfo": {254: kind}}
    first, *rest = colors[: len(kinds)]
    return saved(first, Format.TIFF, save_all=True, append_images=rest, tiffinfo={254: kinds[0]})


@pytest.mark.parametrize(
    ("kinds", "color"),
    [((0, 1, 1), RED), ((1, 0, 0), GREEN), ((1, 4, 0), BLUE), ((1, 1), RED)],
)
def test_first_page_that_is_neither_reduced_nor_a_mask_is_shown(
    kinds: Sequence[int], color: tuple[int, int, int]
) -> None:
    assert shown(pages(*kinds)).getpixel((5, 5)) == color


def with_child(level: int, **child: Any) -> bytes:
    """Return a reduced page with another below it."""
    length = len(raw.tiff(4, 4, b"\x10" * 16, more={254: (1,), 330: (0,)}))
    below = length + 16 + 256
    parent = raw.tiff(4, 4, b"\x10" * 16, more={254: (1,), 330: (below,)})
    return parent + raw.tiff(16, 16, bytes([level]) * 256, base=length, **child)


@pytest.mark.parametrize("photometric", [32803, 34892])
def test_camera_raw_file_is_named_so(photometric: int) -> None:
    with pytest.raises(UnsupportedFormat, match="camera's raw file"):
        rendered(with_child(0x55, shown=photometric))


def test_full_picture_below_a_reduced_page_is_shown() -> None:
    assert shown(with_child(0x55)).getpixel((5, 5)) == 0x55


@pytest.mark.parametrize(
    "more", [{50706: (0x401,)}, {262: (32803,)}], ids=["DNG version", "colour filter"]
)
def test_camera_raw_file_is_known_by_its_first_page(more: dict[int, Sequence[int]]) -> None:
    with pytest.raises(UnsupportedFormat, match="camera's raw file"):
        rendered(raw.tiff(16, 16, bytes(256), more=more))


@pytest.mark.parametrize(
    ("compression", "name"),
    [(33003, "JPEG 2000"), (34712, "JPEG 2000"), (50001, "WebP"), (34887, "LERC"), (9999, "9999")],
)
def test_unsupported_compression_is_named(compression: int, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        rendered(raw.tiff(16, 16, bytes(256), more={259: (compression,)}))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"bits": (16, 8, 8), "shown": raw.RGB}, "RGB in samples of 16.8.8 bits"),
        ({"bits": (8,) * 3, "shown": raw.RGB, "numbers": raw.SIGNED}, "RGB in signed samples"),
        ({"bits": (8,) * 3, "shown": 32845}, "photometric 32845"),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_unsupported_pixels_are_described(count: int, options: dict[str, Any], name: str) -> None:
    data = bytes(1024) if count == 1 else [bytes(512)] * 3
    with pytest.raises(UnsupportedFormat, match=name):
        rendered(raw.tiff(16, 16, data, **options))


def test_circular_pages_do_not_loop_forever() -> None:
    file = raw.tiff(16, 16, bytes(256), more={254: (1,)}, following=16 + 256)
    assert shown(file).size == (16, 16)


@pytest.mark.parametrize("end", [4, 10, 300, 330])
def test_file_that_ends_in_its_directory_is_damaged(end: int) -> None:
    with pytest.raises(CorruptImage):
        rendered(raw.tiff(16, 16, bytes(256), order=">", big=True)[:end])

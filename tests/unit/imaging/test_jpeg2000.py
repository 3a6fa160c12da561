"""JPEG 2000 pictures whose channels are stored in unusual ways."""

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.imaging import open_image
from pipeline.model import Format

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import LIMITS, rendered, result, saved, scene

COLOR, ALPHA, PREMULTIPLIED, UNSPECIFIED = 0, 1, 2, 0xFFFF
RGB, SYCC = 16, 18


def shown(file: bytes) -> Image.Image:
    return result(file, width=200, height=200, format=Format.PNG)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def jp2(size: tuple[int, int], channels: int, code: bytes, *more: bytes, space: int = RGB) -> bytes:
    """Return the codestream *code* as a file, with *more* boxes in its header."""
    header = struct.pack(">IIHBBBB", size[1], size[0], channels, 7, 7, 0, 0)
    color = box(b"colr", struct.pack(">3BI", 1, 0, 0, space))
    return b"".join(
        (
            box(b"jP  ", b"\r\n\x87\n"),
            box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
            box(b"jp2h", b"".join((box(b"ihdr", header), *more, color))),
            box(b"jp2c", code),
        )
    )


def codestream(image: Image.Image, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG2000", no_jp2=True, num_resolutions=3, **options)
    return buffer.getvalue()


def tiles(code: bytes) -> list[bytes]:
    """Return the packets of each tile of *code*."""
    packets = []
    at = code.index(b"\xff\x90\0\x0a")
    while code[at : at + 2] == b"\xff\x90":
        (length,) = struct.unpack_from(">I", code, at + 6)
        part = code[at : at + length]
        packets.append(part[part.index(b"\xff\x93") + 2 :])
        at += length
    return packets


def subsampled(
    planes: Sequence[Image.Image],
    steps: Sequence[tuple[int, int]],
    *,
    offset: tuple[int, int] = (0, 0),
    tile: tuple[int, int] | None = None,
) -> bytes:
    """Return a codestream of *planes*, coded one by one and put together channel by channel."""
    right, bottom = (start + side for start, side in zip(offset, planes[0].size, strict=True))
    wide, high = tile or (right, bottom)
    codes = []
    for plane, (across, down) in zip(planes, steps, strict=True):
        options = {"tile_size": (-(-wide // across), -(-high // down))} if tile else {}
        start = -(-offset[0] // across), -(-offset[1] // down)
        codes.append(codestream(plane, offset=start, **options) if tile else codestream(plane))
    size = struct.pack(">H8IH", 0, right, bottom, *offset, wide, high, 0, 0, len(planes))
    size += b"".join(bytes((7, *step)) for step in steps)
    first = codes[0]
    defaults = bytearray(first[first.index(b"\xff\x52") : first.index(b"\xff\x90")])
    defaults[5] = 4  # all packets of the first channel, of the second, of the third
    parts = []
    for number, packets in enumerate(zip(*map(tiles, codes), strict=True)):
        data = b"\xff\x93" + b"".join(packets)
        parts.append(struct.pack(">HHHIBB", 0xFF90, 10, number, 12 + len(data), 0, 1) + data)
    head = b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(size)) + size
    return b"".join((head, bytes(defaults), *parts, b"\xff\xd9"))


def ycc(picture: Image.Image, step: tuple[int, int]) -> list[Image.Image]:
    """Return the channels of *picture*, the colours averaged over *step*."""
    luma, *colors = picture.convert("YCbCr").split()
    across, down = step
    size = -(-picture.width // across), -(-picture.height // down)
    whole = size[0] * across, size[1] * down
    padded = (color.resize(whole, box=(0, 0, *picture.size)) for color in colors)
    return [luma, *(color.resize(size, Image.Resampling.BOX) for color in padded)]


def apart(one: Image.Image, other: Image.Image) -> int:
    assert one.size == other.size
    return max(high for _, high in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]  # of several channels


def apart_on_average(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def smooth(width: int, height: int) -> Image.Image:
    """A picture whose neighbouring pixels are so alike that they can share their colours."""
    return scene(600, 450).crop((75, 75, 150, 150)).resize((width, height))


@pytest.mark.parametrize("size", [(64, 48), (63, 48), (64, 47), (63, 47), (65, 33)])
@pytest.mark.parametrize("step", [(2, 2), (2, 1), (1, 2), (4, 1), (4, 4), (3, 3)])
@pytest.mark.parametrize("wrapped", [False, True])
def test_colours_that_share_pixels_are_in_their_place(
    size: tuple[int, int], step: tuple[int, int], wrapped: bool
) -> None:
    picture = smooth(*size)
    code = subsampled(ycc(picture, step), [(1, 1), step, step])
    file = jp2(size, 3, code, space=SYCC) if wrapped else code
    assert apart_on_average(shown(file), picture) < 6


def test_subsampled_channels_may_be_red_green_and_blue() -> None:
    picture = smooth(63, 47)
    red, *others = picture.split()
    halves = [band.resize((32, 24), box=(0, 0, 63, 47)) for band in others]
    file = jp2((63, 47), 3, subsampled([red, *halves], [(1, 1), (2, 2), (2, 2)]))
    assert apart_on_average(shown(file), picture) < 6


@pytest.mark.parametrize("offset", [(0, 0), (2, 4), (3, 1)])
@pytest.mark.parametrize("tile", [(32, 32), (16, 64)])
def test_tiles_with_an_offset_are_in_their_place(
    offset: tuple[int, int], tile: tuple[int, int]
) -> None:
    picture = smooth(63, 47)
    luma, *colors = picture.convert("YCbCr").split()
    left, top = offset
    width = (left + 64) // 2 - (left + 1) // 2
    height = (top + 48) // 2 - (top + 1) // 2
    halves = [color.resize((width, height)) for color in colors]
    file = subsampled([luma, *halves], [(1, 1), (2, 2), (2, 2)], offset=offset, tile=tile)
    assert apart_on_average(shown(file), picture) < 6


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_tiles_of_whole_channels_may_have_an_offset(mode: str) -> None:
    picture = scene(63, 47).convert(mode)
    file = codestream(picture, offset=(10, 5), tile_offset=(3, 2), tile_size=(32, 16))
    assert apart(shown(file).convert("RGBA"), picture.convert("RGBA")) == 0


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_first_channel_must_have_all_samples(mode: str) -> None:
    code = bytearray(codestream(scene(64, 48).convert(mode)))
    code[43:45] = b"\2\2"
    with pytest.raises(UnsupportedFormat, match="subsampled in this way"):
        rendered(bytes(code))


def test_channels_of_different_depths_cannot_share() -> None:
    code = bytearray(subsampled(ycc(smooth(63, 47), (2, 2)), [(1, 1), (2, 2), (2, 2)]))
    code[45] = 9
    with pytest.raises(UnsupportedFormat, match="subsampled in this way"):
        rendered(bytes(code))


@pytest.mark.parametrize("end", [30, 60, 120, 400])
def test_shared_samples_that_are_cut_off_are_damage(end: int) -> None:
    code = subsampled(ycc(scene(63, 47), (2, 2)), [(1, 1), (2, 2), (2, 2)])
    with pytest.raises(CorruptImage):
        rendered(code[:end])


def test_tiles_without_end_are_damage() -> None:
    code = bytearray(subsampled(ycc(scene(63, 47), (2, 2)), [(1, 1), (2, 2), (2, 2)]))
    code[24:32] = struct.pack(">II", 1, 1)
    code[8:16] = struct.pack(">II", 6001, 6001)
    with pytest.raises(CorruptImage, match="tiles"):
        rendered(bytes(code))


def defined(mode: str, *definitions: tuple[int, int, int]) -> bytes:
    picture = scene(40, 30).convert(mode)
    body = struct.pack(">H", len(definitions))
    body += b"".join(struct.pack(">3H", *each) for each in definitions)
    space = 17 if mode == "LA" else RGB
    return jp2((40, 30), len(mode), codestream(picture), box(b"cdef", body), space=space)


def test_channel_definitions_are_respected() -> None:
    red, green, blue = scene(40, 30).split()
    file = defined("RGB", (0, COLOR, 3), (1, COLOR, 1), (2, COLOR, 2))
    assert apart(shown(file), Image.merge("RGB", (green, blue, red))) == 0


def test_alpha_may_be_the_first_channel() -> None:
    red, green, blue, alpha = scene(40, 30).convert("RGBA").split()
    picture = Image.merge("RGBA", (alpha, red, green, blue))
    body = struct.pack(">H", 4)
    for each in [(0, ALPHA, 0), (1, COLOR, 1), (2, COLOR, 2), (3, COLOR, 3)]:
        body += struct.pack(">3H", *each)
    file = jp2((40, 30), 4, codestream(picture), box(b"cdef", body))
    assert apart(shown(file).convert("RGB"), Image.merge("RGB", (red, green, blue))) == 0


def test_fourth_channel_other_than_alpha_is_ignored() -> None:
    file = defined(
        "RGBA", (0, COLOR, 1), (1, COLOR, 2), (2, COLOR, 3), (3, UNSPECIFIED, UNSPECIFIED)
    )
    with open_image(BytesIO(file), LIMITS) as source:
        assert not source.picture.has_alpha
    assert apart(shown(file), scene(40, 30)) == 0


def test_second_channel_may_be_the_grey_one() -> None:
    picture = Image.merge("LA", (Image.new("L", (40, 30), 200), scene(40, 30).convert("L")))
    body = struct.pack(">H", 2) + struct.pack(">6H", 0, ALPHA, 0, 1, COLOR, 1)
    file = jp2((40, 30), 2, codestream(picture), box(b"cdef", body), space=17)
    grey, alpha = shown(file).split()
    assert alpha.getextrema() == (200, 200)
    assert apart(grey.convert("RGB"), picture.getchannel("A").convert("RGB")) <= 1


def test_profile_is_applied() -> None:
    red = Image.new("RGB", (40, 30), (200, 40, 40))
    profile = box(b"colr", b"\2\0\0" + profiles.DISPLAY_P3)
    file = jp2((40, 30), 3, codestream(red), profile)
    assert shown(file).getpixel((9, 9)) == pytest.approx((220, 0, 20), abs=4)


def test_unsupported_colour_space_is_named() -> None:
    with pytest.raises(UnsupportedFormat, match="colour space 14"):
        rendered(jp2((40, 30), 3, codestream(scene(40, 30)), space=14))


def test_channels_that_are_too_many_are_named() -> None:
    code = subsampled([scene(40, 30).convert("L")] * 5, [(1, 1)] * 5)
    for file in (code, jp2((40, 30), 5, code)):
        with pytest.raises(UnsupportedFormat, match="5 channels"):
            rendered(file)


def test_plain_file_is_not_copied() -> None:
    file = BytesIO(saved(scene(40, 30), Format.JPEG2000))
    with open_image(file, LIMITS) as source:
        assert source._file is file

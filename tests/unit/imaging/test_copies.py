"""Files that are published without re-encoding: the picture alone, with the source's pixels."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from pipeline.imaging.copies import without_metadata
from pipeline.model import Format, Rendition

from tests.polyglots import POLYGLOTS, SCRIPT
from tests.unit.imaging.pictures import corners, opened, rendered, saved, scene, variant

PAYLOAD = SCRIPT


def published(file: bytes) -> Rendition:
    """Render *file* at its own size, with a quality that makes it larger."""
    (rendition,) = rendered(file, variant(width=500, height=500, quality=100)).renditions
    return rendition


def frames(file: bytes) -> list[bytes]:
    with Image.open(BytesIO(file)) as image:
        shown = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown.append(image.convert("RGBA").tobytes())
        return shown


def palette_image() -> Image.Image:
    """A picture that uses three of the colours of its palette."""
    image = Image.new("P", (96, 64))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, *PAYLOAD, *PAYLOAD])
    image.paste(1, (0, 0, 48, 64))
    image.paste(2, (48, 0, 96, 32))
    return image


def clear_scene() -> Image.Image:
    image = scene(96, 64).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((96, 64)))
    return image


def moving(format_: Format) -> bytes:
    first, *rest = (scene(96, 64), corners(), Image.new("RGB", (96, 64), (9, 9, 9)))
    return saved(first, format_, save_all=True, append_images=rest, duration=50, loop=2)


JPEG = saved(scene(96, 64), Format.JPEG, quality=10)
SOUND = {
    "jpeg": JPEG,
    "jpeg of greys": saved(scene(96, 64).convert("L"), Format.JPEG, quality=10),
    "jpeg with optimal codes": saved(scene(90, 70), Format.JPEG, quality=30, optimize=True),
    "png": saved(scene(96, 64), Format.PNG, optimize=True),
    "png of a palette": saved(palette_image(), Format.PNG, optimize=True),
    "png with alpha": saved(clear_scene(), Format.PNG, optimize=True),
    "png that moves": moving(Format.PNG),
    "webp": saved(scene(96, 64), Format.WEBP, quality=5),
    "webp without loss": saved(scene(96, 64), Format.WEBP, lossless=True),
    "webp with alpha": saved(clear_scene(), Format.WEBP, quality=5),
    "webp that moves": moving(Format.WEBP),
    "gif": saved(palette_image(), Format.GIF),
    "gif that moves": moving(Format.GIF),
}


@pytest.mark.parametrize("name", SOUND)
def test_valid_file_is_copied_with_its_pixels(name: str) -> None:
    file = SOUND[name]
    copy = without_metadata(file, Format(name.split()[0]))
    assert copy is not None
    assert len(copy) <= len(file)
    assert frames(copy) == frames(file)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def jpeg_with(*segments: bytes) -> bytes:
    """A JPEG with *segments* after its JFIF segment."""
    return JPEG[:20] + b"".join(segments) + JPEG[20:]


ADOBE = b"Adobe\0\x64\0\0\0\0"


def ids_of_letters() -> bytes:
    """A JPEG whose components are called R, G and B, which without JFIF would mean RGB."""
    frame, scan = JPEG.index(b"\xff\xc0"), JPEG.index(b"\xff\xda")
    file = bytearray(JPEG)
    for number, letter in enumerate(b"RGB"):
        file[frame + 10 + 3 * number] = letter
        file[scan + 5 + 2 * number] = letter
    return bytes(file)


@pytest.mark.parametrize(
    "file",
    [jpeg_with(segment(0xEE, ADOBE + b"\0")), ids_of_letters(), JPEG],
    ids=["jfif beside adobe", "jfif beside letters", "jfif"],
)
def test_copied_jpeg_keeps_its_colours(file: bytes) -> None:
    rendition = published(file)
    assert rendition.warnings == {"copied": True}
    assert frames(rendition.body) == frames(file)


def without_jfif() -> bytes:
    return JPEG[:2] + JPEG[20:]


def test_adobe_segment_is_copied_in_twelve_bytes() -> None:
    file = without_jfif()
    file = file[:2] + segment(0xEE, ADOBE + b"\1" + PAYLOAD) + file[2:]
    rendition = published(file)
    assert rendition.warnings == {"copied": True}
    assert segment(0xEE, ADOBE + b"\1") in rendition.body
    assert frames(rendition.body) == frames(file)


def unused_tables() -> bytes:
    table = (PAYLOAD * 2)[:64]
    codes = bytes([0] * 7 + [len(PAYLOAD)] + [0] * 8)
    return jpeg_with(segment(0xDB, b"\3" + table), segment(0xC4, b"\x13" + codes + PAYLOAD))


def after_the_scan() -> bytes:
    return JPEG[:-2] + PAYLOAD + JPEG[-2:]


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(stream: bytes, *between: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", stream)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + pixels + png_chunk(b"IEND", b"")


ROWS = b"\0" + corners().crop((0, 0, 96, 1)).tobytes()
STREAM = zlib.compress(ROWS * 64, 9)


def png_with_more_rows() -> bytes:
    packer = zlib.compressobj(0)
    return png(packer.compress(ROWS * 64 + PAYLOAD) + packer.flush())


def webp_of(name: bytes, change: Callable[[bytes], bytes], file: bytes) -> bytes:
    """Return *file* with a change to the body of its chunk *name*."""
    at = file.index(name)
    length = int.from_bytes(file[at + 4 : at + 8], "little")
    body = change(file[at + 8 : at + 8 + length])
    chunk = name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    whole = file[:at] + chunk + file[at + 8 + length + length % 2 :]
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def longer_first_partition(body: bytes) -> bytes:
    tag = int.from_bytes(body[:3], "little")
    end = 10 + (tag >> 5)
    tag += len(PAYLOAD) << 5
    return tag.to_bytes(3, "little") + body[3:end] + PAYLOAD + body[end:]


def gif_with_more_data() -> bytes:
    file = saved(palette_image(), Format.GIF)
    # The stream ends in a part of no bytes, and the file in its trailer.
    return file[:-2] + bytes([len(PAYLOAD)]) + PAYLOAD + file[-2:]


HIDDEN = {
    "jpeg after its scan": after_the_scan(),
    "jpeg in unused tables": unused_tables(),
    "jpeg in the adobe segment": jpeg_with(segment(0xEE, ADOBE + b"\1" + PAYLOAD)),
    "jpeg in the jfif segment": JPEG[:2] + segment(0xE0, JPEG[6:20] + PAYLOAD) + JPEG[20:],
    "jpeg before a fill byte": JPEG[:-2] + PAYLOAD + b"\xff" + JPEG[-2:],
    "png after its stream": png(STREAM + PAYLOAD),
    "png in a second stream": png(STREAM + zlib.compress(PAYLOAD, 0)),
    "png in a chunk after its stream": png(STREAM, png_chunk(b"teSt", PAYLOAD)),
    "png in more rows": png_with_more_rows(),
    "png in a palette that is not used": png(STREAM, png_chunk(b"PLTE", PAYLOAD)),
    "png in colours that are not used": saved(palette_image(), Format.PNG),
    "png in transparency that is not used": saved(
        palette_image(), Format.PNG, transparency=bytes([255] * 9) + PAYLOAD
    ),
    "webp after its frame": webp_of(b"VP8 ", lambda body: body + PAYLOAD, SOUND["webp"]),
    "webp in its first partition": webp_of(b"VP8 ", longer_first_partition, SOUND["webp"]),
    "webp after its pixels": webp_of(
        b"VP8L", lambda body: body + PAYLOAD, SOUND["webp without loss"]
    ),
    "webp after its alpha": webp_of(b"ALPH", lambda body: body + PAYLOAD, SOUND["webp with alpha"]),
    "webp in a frame": webp_of(
        b"ANMF",
        lambda body: body + b"test" + struct.pack("<I", len(PAYLOAD)) + PAYLOAD,
        SOUND["webp that moves"],
    ),
    "webp in an unknown chunk": webp_of(
        b"VP8 ",
        lambda body: body + b"test" + struct.pack("<I", len(PAYLOAD)) + PAYLOAD,
        SOUND["webp"],
    ),
    "gif after its pixels": gif_with_more_data(),
    "gif in colours that are not used": saved(palette_image(), Format.GIF, optimize=False),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_data_hidden_in_a_picture_is_not_published(name: str) -> None:
    file = HIDDEN[name]
    assert PAYLOAD in file
    opened(file)
    copy = without_metadata(file, Format(name.split()[0]))
    assert copy is None or PAYLOAD not in copy
    assert PAYLOAD not in published(file).body


@pytest.mark.parametrize("name", POLYGLOTS)
def test_only_the_picture_of_a_polyglot_file_is_copied(name: str) -> None:
    file = POLYGLOTS[name]
    assert SCRIPT in file
    rendition = published(file)
    assert b"script" not in rendition.body
    if name.split()[0] in ("jpeg", "png", "webp", "gif"):
        copy = without_metadata(file, Format(name.split()[0]))
        assert copy is not None
        assert b"script" not in copy
        assert frames(copy) == frames(file)


def test_restarts_are_not_copied() -> None:
    file = saved(scene(96, 64), Format.JPEG, quality=10, restart_marker_blocks=4)
    assert without_metadata(file, Format.JPEG) is None


def test_scans_of_parts_are_not_copied() -> None:
    file = saved(scene(96, 64), Format.JPEG, quality=10, progressive=True)
    assert without_metadata(file, Format.JPEG) is None
    assert len(published(file).body) <= len(file)


def test_large_pictures_are_encoded_again() -> None:
    file = saved(Image.new("RGB", (3000, 3000), (9, 99, 9)), Format.JPEG, quality=1)
    (rendition,) = rendered(file, variant(width=3000, height=3000, quality=100)).renditions
    assert "copied" not in rendition.warnings
    assert len(rendition.body) <= len(file)


def test_file_whose_copy_would_look_different_is_not_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = saved(corners(), Format.JPEG, quality=10)
    monkeypatch.setattr("pipeline.imaging.copies.without_metadata", lambda *_: other)
    assert "copied" not in published(JPEG).warnings


def test_frame_of_a_size_beyond_all_limits_is_not_copied() -> None:
    file = webp_of(
        b"ANMF", lambda body: body[:6] + b"\xff\xff\x3f" * 2 + body[12:], SOUND["webp that moves"]
    )
    assert without_metadata(file, Format.WEBP) is None


@pytest.mark.parametrize("name", SOUND)
def test_damage_is_not_copied(name: str) -> None:
    file = SOUND[name]
    for length in range(0, len(file), max(1, len(file) // 60)):
        without_metadata(file[:length], Format(name.split()[0]))

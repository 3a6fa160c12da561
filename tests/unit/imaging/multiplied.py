"""Systematic bombs: valid files of each format with multiplied sizes, counts or nesting.

A file is taken apart, changed in one place, and reassembled with correct lengths and checksums, so
that decoders reach that place.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image
from pipeline.model import Format

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import corners, heic, saved, scene

MOST_TIMES: Final = 20_000
MOST_BYTES: Final = 1_000_000
DEPTH: Final = 5_000

ByteOrder = Literal["big", "little"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A file as a sequence of *parts*, and the function that joins them.

    Numbers of *widths* are multiplied wherever they may be in the first *head* bytes of a part.
    """

    parts: Sequence[bytes]
    join: Callable[[Iterable[bytes]], bytes]
    order: ByteOrder
    widths: Sequence[int]
    head: int


def multiplied(format_: Format) -> Iterator[tuple[str, bytes]]:
    """Yield bombs of *format_*, each named after the multiplied part."""
    for layout in LAYOUTS[format_]():
        for number, part in enumerate(layout.parts):
            before, after = layout.parts[:number], layout.parts[number + 1 :]
            name = f"{format_} part {number}, {part[:4]!r}"
            for at, changed in _sizes(part, layout):
                yield f"{name}, size at {at}", layout.join([*before, changed, *after])
            times = min(MOST_TIMES, MOST_BYTES // max(len(part), 1))
            yield f"{name}, {times} times", layout.join([*before, *[part] * times, *after])
    for number, file in enumerate(NESTED.get(format_, list)()):
        yield f"{format_} nested {number}", file


def _sizes(part: bytes, layout: Layout) -> Iterator[tuple[int, bytes]]:
    for width in layout.widths:
        for at in range(0, min(layout.head, len(part)) - width + 1, 2):
            for bits in (width * 8, width * 8 - 1, width * 4):
                number = ((1 << bits) - 1).to_bytes(width, layout.order)
                yield at, part[:at] + number + part[at + width :]


def _film() -> dict[str, object]:
    return {"save_all": True, "append_images": [corners(60, 40)], "duration": 80}


def _png() -> Iterator[Layout]:
    file = saved(scene(60, 40), Format.PNG, icc_profile=profiles.DISPLAY_P3, **_film())
    parts, at = [], 8
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        parts.append(file[at + 4 : at + 8 + length])
        at += 12 + length

    def join(parts: Iterable[bytes]) -> bytes:
        return file[:8] + b"".join(
            struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
            for part in parts
        )

    yield Layout(parts=parts, join=join, order="big", widths=(4,), head=28)


def _webp() -> Iterator[Layout]:
    for options in ({"lossless": True}, {}, _film()):
        file = saved(scene(60, 40), Format.WEBP, icc_profile=profiles.DISPLAY_P3, **options)
        parts, at = [], 12
        while at < len(file):
            (length,) = struct.unpack_from("<I", file, at + 4)
            parts.append(file[at : at + 4] + file[at + 8 : at + 8 + length])
            at += 8 + length + length % 2
        yield Layout(parts=parts, join=_riff, order="little", widths=(2, 3), head=24)


def _riff(parts: Iterable[bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        part[:4] + struct.pack("<I", len(part) - 4) + part[4:] + bytes(len(part) % 2)
        for part in parts
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _jpeg() -> Iterator[Layout]:
    for options in ({"progressive": True}, {"exif": b"Exif\0\0" + _tiff_file()}):
        file = saved(scene(60, 40), Format.JPEG, icc_profile=profiles.DISPLAY_P3, **options)
        parts, at = [], 2
        while file[at + 1] != 0xD9:
            end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
            if file[at + 1] == 0xDA:
                while file[end] != 0xFF or file[end + 1] == 0:
                    end += 1
            parts.append(file[at:end])
            at = end
        yield Layout(
            parts=parts,
            join=lambda parts: b"\xff\xd8" + b"".join(parts) + b"\xff\xd9",
            order="big",
            widths=(2,),
            head=14,
        )


def _gif() -> Iterator[Layout]:
    file = saved(scene(60, 40).quantize(4), Format.GIF, **_film())
    parts = [file[: 13 + 3 * (2 << (file[10] & 7)) * (file[10] >> 7)]]
    at = len(parts[0])
    while file[at] != 0x3B:
        end = at + 2
        if file[at] == 0x2C:
            end = at + 11 + 3 * (2 << (file[at + 9] & 7)) * (file[at + 9] >> 7)
        while file[end]:
            end += file[end] + 1
        parts.append(file[at : end + 1])
        at = end + 1
    yield Layout(
        parts=parts,
        join=lambda parts: b"".join(parts) + b"\x3b",
        order="little",
        widths=(1, 2),
        head=12,
    )


def _bmp() -> Iterator[Layout]:
    for image in (scene(60, 40), scene(60, 40).quantize(4)):
        file = saved(image, Format.BMP)
        parts = [file[:54], file[54:58], file[58:]]
        yield Layout(parts=parts, join=b"".join, order="little", widths=(2, 4), head=54)


def _tiff_file() -> bytes:
    return saved(scene(60, 40), Format.TIFF)


def _tiff() -> Iterator[Layout]:
    for options in ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}):
        file = saved(scene(60, 40), Format.TIFF, **options)
        at = int.from_bytes(file[4:8], "little")
        count = int.from_bytes(file[at : at + 2], "little")
        parts = [file[at + 2 + 12 * n : at + 14 + 12 * n] for n in range(count)]

        def join(parts: Iterable[bytes], file: bytes = file) -> bytes:
            entries = [*parts][:65_535]
            directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
            return file[:4] + struct.pack("<I", len(file)) + file[8:] + directory

        yield Layout(parts=parts, join=join, order="little", widths=(2, 4), head=12)


def _directories(tag: int | None) -> bytes:
    """Return a TIFF whose directories lead to one another, by *tag* or as pages, to a great depth.

    The last leads to the first.
    """
    file = bytearray(_tiff_file())
    at = int.from_bytes(file[4:8], "little")
    count = int.from_bytes(file[at : at + 2], "little")
    entries = bytes(file[at + 2 : at + 2 + 12 * count])
    start, length = len(file), 2 + len(entries) + (12 if tag else 0) + 4
    for number in range(DEPTH):
        following = start + (number + 1) % DEPTH * length
        link = struct.pack("<HHII", tag, 4, 1, following) if tag else b""
        file += struct.pack("<H", count + bool(tag)) + entries + link
        file += struct.pack("<I", 0 if tag else following)
    file[4:8] = struct.pack("<I", start)
    return bytes(file)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += max(length, 8)


_CONTAINERS: Final = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6, b"iref": 4, b"jp2h": 0}


def _box_layouts(file: bytes) -> Iterator[Layout]:
    """Yield the boxes of *file*, and of every box that has some inside, as layouts of the file."""

    def within(data: bytes, join: Callable[[bytes], bytes]) -> Iterator[Layout]:
        found = list(_boxes(data))
        yield Layout(
            parts=[kind + body for kind, body in found],
            join=lambda parts: join(b"".join(_box(part[:4], part[4:]) for part in parts)),
            order="big",
            widths=(1, 2, 4),
            head=24,
        )
        for number, (kind, body) in enumerate(found):
            if (skip := _CONTAINERS.get(kind)) is None:
                continue
            before = b"".join(_box(*each) for each in found[:number])
            after = b"".join(_box(*each) for each in found[number + 1 :])

            def joined(
                inside: bytes,
                before: bytes = before,
                kind: bytes = kind,
                start: bytes = body[:skip],
                after: bytes = after,
            ) -> bytes:
                return join(before + _box(kind, start + inside) + after)

            yield from within(body[skip:], joined)

    yield from within(file, lambda data: data)


def _codestream() -> Iterator[Layout]:
    """Yield the marker segments of a JPEG 2000 codestream (ITU-T T.800, annex A)."""
    file = saved(scene(60, 40), Format.JPEG2000, no_jp2=True)
    parts, at = [], 2
    while file[at : at + 2] != b"\xff\x90":
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        parts.append(file[at:end])
        at = end
    parts.append(file[at:])
    yield Layout(
        parts=parts,
        join=lambda parts: file[:2] + b"".join(parts),
        order="big",
        widths=(1, 4),
        head=46,
    )


def _jpeg2000() -> Iterator[Layout]:
    yield from _box_layouts(saved(scene(60, 40), Format.JPEG2000))
    yield from _codestream()


def _deep(kind: bytes, before: bytes, start: bytes = b"") -> bytes:
    """Return *before* and boxes of *kind* inside one another, with *start* in each."""
    body = b""
    for _ in range(DEPTH):
        body = _box(kind, start + body)
    return before + body


def _first_boxes(file: bytes, count: int) -> bytes:
    return b"".join(_box(*each) for each in list(_boxes(file))[:count])


def _nested_thumbnails() -> bytes:
    """Return a JPEG whose EXIF holds a JPEG whose EXIF holds one, as deep as a segment allows."""
    file = saved(scene(60, 40).resize((8, 8)), Format.JPEG)
    while len(file) < 64_000:
        exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\x0e\0\0\0\x02\0"
        exif += struct.pack("<HHIIHHII", 513, 4, 1, 44, 514, 4, 1, len(file)) + bytes(4) + file
        segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        file = file[:2] + segment + file[2:] if len(exif) < 65_000 else file + bytes(64_000)
    return file


def _nested_webp() -> Iterator[bytes]:
    still = saved(Image.new("RGB", (1, 1)), Format.WEBP, lossless=True)[12:]
    for kind, start in ((b"ANMF", bytes(16)), (b"RIFF", b"WEBP"), (b"LIST", b"WEBP")):
        body = still
        for _ in range(DEPTH):
            body = kind + struct.pack("<I", len(start) + len(body)) + start + body
        yield _riff([b"VP8X\2\0\0\0\0\0\0\0\0\0", b"ANIM" + bytes(6), body[:4] + body[8:]])


LAYOUTS: Final[dict[Format, Callable[[], Iterator[Layout]]]] = {
    Format.PNG: _png,
    Format.WEBP: _webp,
    Format.JPEG: _jpeg,
    Format.GIF: _gif,
    Format.BMP: _bmp,
    Format.TIFF: _tiff,
    Format.JPEG2000: _jpeg2000,
    Format.AVIF: lambda: _box_layouts(saved(scene(60, 40), Format.AVIF)),
    Format.HEIC: lambda: _box_layouts(heic(scene(60, 40))),
}

NESTED: Final[dict[Format, Callable[[], Iterable[bytes]]]] = {
    Format.TIFF: lambda: map(_directories, (None, 330, 34_665)),
    Format.JPEG: lambda: [_nested_thumbnails()],
    Format.WEBP: _nested_webp,
    Format.JPEG2000: lambda: [
        _deep(b"jp2h", _first_boxes(saved(scene(60, 40), Format.JPEG2000), 2))
    ],
    Format.AVIF: lambda: [
        _deep(b"meta", _first_boxes(saved(scene(60, 40), Format.AVIF), 1), bytes(4)),
        _deep(b"moov", _first_boxes(saved(scene(60, 40), Format.AVIF, **_film()), 1)),
    ],
    Format.HEIC: lambda: [_deep(b"meta", _first_boxes(heic(scene(60, 40)), 1), bytes(4))],
}
"""GIF, BMP and PNG have nothing that holds others of its kind."""

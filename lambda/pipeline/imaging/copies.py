"""Copies of uploads that are published as they are coded: the picture alone, without metadata.

Decoders ignore bytes that they do not need: metadata, tables, the rest of a coded stream. These
could be anything, such as a script or an archive, and must not be published with the picture.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import zip_longest
from operator import eq
from typing import NamedTuple

from PIL import Image

from pipeline.errors import CorruptImage, Rejected
from pipeline.imaging.containers import gif, jpeg, png
from pipeline.imaging.decode import Raster, decode, decode_frames, plays
from pipeline.imaging.formats import pillow_name
from pipeline.imaging.metadata import webp_chunks
from pipeline.imaging.source import SourceImage, open_image
from pipeline.model import Format, Limits

# Comparing decodes the source and its copy once more: larger pictures are encoded again.
_MAX_PIXELS, _MAX_PIXELS_OF_ALL_FRAMES = 8 << 20, 64 << 20
_ROWS = 256  # compared at a time

_DAMAGE = (
    *(IndexError, KeyError, ValueError, OSError, SyntaxError),
    *(struct.error, zlib.error, CorruptImage, Image.DecompressionBombError),
)


def copy_picture(source: SourceImage, limit: int) -> bytes | None:
    """Return the picture of *source* as it is coded, if that fits *limit* and shows the same."""
    pixels = source.picture.size.width * source.picture.size.height
    if pixels > _MAX_PIXELS or pixels * source.picture.frames > _MAX_PIXELS_OF_ALL_FRAMES:
        return None
    content = source.content()
    copy = without_metadata(content, source.picture.format)
    if copy is None or len(copy) > limit or not _show_the_same(content, copy, source.limits):
        return None
    return copy


def without_metadata(data: bytes, format_: Format) -> bytes | None:
    """Return the sound file *data* with its picture alone.

    None where *format_* is not taken apart here, or what the picture does not need cannot be
    removed.
    """
    picture_alone = _PICTURE_ALONE.get(format_)
    try:
        return picture_alone(data) if picture_alone else None
    except _DAMAGE:
        return None


def _show_the_same(content: bytes, copy: bytes, limits: Limits) -> bool:
    """Tell whether two files decode to the same pixels, frame by frame, with the same timing."""
    try:
        with (
            open_image(BytesIO(content), limits) as one,
            open_image(BytesIO(copy), limits) as other,
        ):
            if plays(one) != plays(other):
                return False
            pairs = zip_longest(_rasters(one), _rasters(other))
            return all(first and second and _is_same(first, second) for first, second in pairs)
    except Rejected:
        return False


def _rasters(source: SourceImage) -> Iterator[Raster]:
    if source.picture.frames > 1:
        yield from decode_frames(source)
    else:
        yield decode(source, [])


def _is_same(one: Raster, other: Raster) -> bool:
    return (
        one.milliseconds == other.milliseconds
        and one.is_as_stored == other.is_as_stored
        and one.image.size == other.image.size
        and all(map(eq, _rows(one.image), _rows(other.image)))
    )


def _rows(image: Image.Image) -> Iterator[bytes]:
    # Grey is the same as RGB: the colours of a palette that are used may be all grey.
    mode = "CMYK" if image.mode == "CMYK" else "RGBA"
    for top in range(0, image.height, _ROWS):
        part = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
        yield part.convert(mode).tobytes()


def _used_colors(image: Image.Image) -> set[int]:
    """Return the numbers of the palette that the pixels of *image* have."""
    levels = image.histogram() if image.mode in ("P", "L") else [1] * 256
    return {number for number, count in enumerate(levels) if count}


def _clear_unused(table: bytes, width: int, used: set[int]) -> bytes:
    """Return *table* with zeros for the entries of *width* bytes that are not *used*."""
    return b"".join(
        table[at : at + width] if at // width in used else bytes(width)
        for at in range(0, len(table), width)
    )


# JPEG (ITU-T T.81, annex B)

_SEQUENTIAL = frozenset({0xC0, 0xC1})  # frames in Huffman codes
_HUFFMAN, _QUANTIZATION, _RESTARTS = 0xC4, 0xDB, 0xDD
_JFIF, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE
_METADATA = frozenset({*range(0xE0, 0xF0), _COMMENT})

# Readers tell by these two how the colours are coded.
_JFIF_BODY = b"JFIF\0\1\1\0\0\1\0\1\0\0"
_ADOBE_BODY = b"Adobe\0\x64\0\0\0\0"

_MARKER_IN_SCAN = re.compile(rb"\xff[^\0]")
_CODE_LENGTHS = 16
_JPEG_END_BYTES = 2  # of a scan: the last bits of the picture, and perhaps a padding byte


@dataclass(slots=True)
class _Parts:
    """What a decoder needs of a file: the last of each table, and one frame and scan."""

    quantization: dict[int, bytes] = field(default_factory=dict)
    huffman: dict[int, bytes] = field(default_factory=dict)
    is_jfif: bool = False
    adobe_transform: bytes = b""
    frame_marker: int = 0
    frame: bytes = b""
    scan: bytes = b""
    coded: bytes = b""


def _jpeg_alone(data: bytes) -> bytes | None:
    """Return the file *data* with one frame, the tables that it uses, and its scan.

    None if there are several scans or restarts, between which anything may hide, or bytes after the
    last one that the picture needs.
    """
    parts = _read_jpeg(data)
    if parts is None or _MARKER_IN_SCAN.search(parts.coded):
        return None
    start = jpeg.START + b"".join(_jpeg_segments(parts))
    # The part has no end marker: at that, a decoder would add what is missing.
    if _is_complete_jpeg(start + parts.coded + jpeg.END, start + parts.coded[:-_JPEG_END_BYTES]):
        return None
    return start + parts.coded + jpeg.END


def _read_jpeg(data: bytes) -> _Parts | None:
    parts = _Parts()
    for marker, whole in jpeg.segments(data):
        length = int.from_bytes(whole[2:4])
        body = bytes(whole[4 : 2 + length])
        if marker == _QUANTIZATION:
            parts.quantization |= _quantization_tables(body)
        elif marker == _HUFFMAN:
            parts.huffman |= _huffman_tables(body)
        elif marker in _SEQUENTIAL and not parts.frame:
            parts.frame_marker, parts.frame = marker, body[: 6 + 3 * body[5]]
        elif marker == jpeg.SCAN and not parts.scan:
            parts.scan, parts.coded = body[: 4 + 2 * body[0]], bytes(whole[2 + length :])
        elif marker == _JFIF and body.startswith(b"JFIF\0"):
            parts.is_jfif = True
        elif marker == _ADOBE and body.startswith(b"Adobe"):
            parts.adobe_transform = body[11:12]
        elif (marker == _RESTARTS and any(body)) or (
            marker not in _METADATA and marker not in (_RESTARTS, jpeg.END[1])
        ):
            return None
    # A scan of some components is followed by others.
    return parts if parts.scan and parts.scan[0] == parts.frame[5] else None


def _quantization_tables(body: bytes) -> dict[int, bytes]:
    tables = {}
    at = 0
    while at < len(body):
        end = at + (129 if body[at] >> 4 else 65)
        tables[body[at] & 15] = body[at:end]
        at = end
    return tables


def _huffman_tables(body: bytes) -> dict[int, bytes]:
    tables = {}
    at = 0
    while at < len(body):
        end = at + 1 + _CODE_LENGTHS + sum(body[at + 1 : at + 1 + _CODE_LENGTHS])
        tables[body[at]] = body[at:end]
        at = end
    return tables


def _jpeg_segments(parts: _Parts) -> Iterator[bytes]:
    if parts.is_jfif:
        yield _segment(_JFIF, _JFIF_BODY)
    if parts.adobe_transform:
        yield _segment(_ADOBE, _ADOBE_BODY + parts.adobe_transform)
    for number in sorted(set(parts.frame[8::3])):
        yield _segment(_QUANTIZATION, parts.quantization[number])
    yield _segment(parts.frame_marker, parts.frame)
    selectors = parts.scan[2 : 1 + 2 * parts.scan[0] : 2]
    dc, ac = ({each >> 4 for each in selectors}, {0x10 | each & 15 for each in selectors})
    for number in sorted(dc | ac):
        yield _segment(_HUFFMAN, parts.huffman[number])
    yield _segment(jpeg.SCAN, parts.scan)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _is_complete_jpeg(file: bytes, part: bytes) -> bool:
    """Tell whether *part*, *file* without its end, already gives all pixels.

    libjpeg waits for more where the data end, and until then gives the rows that are complete.
    """
    with Image.open(BytesIO(file), formats=(pillow_name(Format.JPEG),)) as image:
        mode, arguments = image.mode, image.tile[0].args
        image.load()
        whole = image.copy()
    partial = whole.point(lambda level: 255 - level)
    try:
        partial.frombytes(part, "jpeg", arguments)
    except ValueError:
        return partial.tobytes() == whole.tobytes()
    return mode == whole.mode


# PNG (third edition)

_PALETTE = 3  # a colour type
_CHANNELS = {0: 1, 2: 3, _PALETTE: 1, 4: 2, 6: 4}

# The chunks of a picture, in bytes; its palette and streams have any number.
_PNG_BYTES = {b"IHDR": 13, b"IEND": 0, b"acTL": 8, b"fcTL": 26}
_CLEAR_BYTES = {0: 2, 2: 6}  # tRNS, by colour type
_ENTRY_BYTES = {b"PLTE": 3, b"tRNS": 1}
_STREAMS = frozenset({b"IDAT", b"fdAT"})
_KEPT = frozenset({*_PNG_BYTES, b"PLTE", b"tRNS", *_STREAMS})

# Where the seven passes of an interlaced picture begin, and how far apart their pixels are.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_PIECE = 1 << 20


class _Ihdr(NamedTuple):
    width: int
    height: int
    depth: int
    color_type: int
    compression: int
    filter: int
    interlaced: int


def _png_alone(data: bytes) -> bytes | None:
    """Return the file *data* with its picture and that of every frame alone.

    None if a stream goes on after its pixels, or a chunk is longer than it has to be.
    """
    kept = [chunk for chunk in png.chunks(data) if chunk.name in _KEPT]
    header = _Ihdr(*struct.unpack(">IIBBBBB", kept[0].body))
    if any(not _has_right_length(chunk, header) for chunk in kept):
        return None
    if not all(_is_exact_stream(stream, size, header) for size, stream in _streams(kept, header)):
        return None
    bodies = [(chunk.name, bytes(chunk.body)) for chunk in kept]
    if header.color_type == _PALETTE:
        if any(name == b"acTL" for name, _ in bodies):
            return None
        with Image.open(BytesIO(data), formats=(pillow_name(Format.PNG),)) as image:
            image.load()
            used = _used_colors(image)
        bodies = [(name, _with_used(name, body, used)) for name, body in bodies]
    else:
        bodies = [(name, body) for name, body in bodies if name != b"PLTE"]
    return png.join_chunks(bodies)


def _has_right_length(chunk: png.Chunk, header: _Ihdr) -> bool:
    length = len(chunk.body)
    if chunk.name == b"tRNS":
        return length == _CLEAR_BYTES.get(header.color_type, length) and length <= 256
    if chunk.name == b"PLTE":
        return length <= 768
    return length == _PNG_BYTES.get(chunk.name, length)


def _streams(
    kept: list[png.Chunk], header: _Ihdr
) -> Iterator[tuple[tuple[int, int], list[memoryview]]]:
    """Yield the size and the parts of each stream: that of the picture, those of frames."""
    size, parts = (header.width, header.height), list[memoryview]()
    for chunk in kept:
        if chunk.name in _STREAMS:
            parts.append(chunk.body[4:] if chunk.name == b"fdAT" else chunk.body)
        elif chunk.name in (b"fcTL", b"IEND"):
            if parts:
                yield size, parts
                parts = []
            if chunk.name == b"fcTL":
                size = struct.unpack_from(">II", chunk.body, 4)


def _is_exact_stream(parts: list[memoryview], size: tuple[int, int], header: _Ihdr) -> bool:
    """Tell whether a stream holds just the pixels of *size*, and ends with its last part."""
    inflate = zlib.decompressobj()
    inflated, expected = 0, _raw_bytes(size, header)
    for part in parts:
        if inflate.eof:
            return False
        rest: bytes | memoryview = part
        while rest and not inflate.eof and inflated <= expected:
            inflated += len(inflate.decompress(rest, _PIECE))
            rest = inflate.unconsumed_tail
    return inflate.eof and not inflate.unused_data and inflated == expected


def _raw_bytes(size: tuple[int, int], header: _Ihdr) -> int:
    """Return how many bytes the rows of a picture take, each with the number of its filter."""
    passes = _PASSES if header.interlaced else ((0, 0, 1, 1),)
    bits = header.depth * _CHANNELS[header.color_type]
    total = 0
    for left, top, across, down in passes:
        width = (size[0] - left + across - 1) // across
        height = (size[1] - top + down - 1) // down
        if width > 0 and height > 0:
            total += height * (1 + (width * bits + 7) // 8)
    return total


def _with_used(name: bytes, body: bytes, used: set[int]) -> bytes:
    """Return the *body* of a chunk, with zeros for the colours of its table that are not *used*."""
    width = _ENTRY_BYTES.get(name)
    return _clear_unused(body, width, used) if width else body


# WebP (RFC 9649)

_ALPHA_FLAG, _MOTION_FLAG = 0x10, 0x02
_ANMF_BYTES = 16  # of an ANMF chunk, before its picture
_CODED = frozenset({b"VP8 ", b"VP8L", b"ALPH"})

# Decoders read ahead: without so many bytes at its end, a stream is incomplete.
_WEBP_END_BYTES = 16
_VP8_HEADER_BYTES = 10
_PARTITIONS_SHIFT = 5


def _webp_alone(data: bytes) -> bytes:
    """Return the file *data* with its picture, or its frames, alone.

    Raises `ValueError` if a stream goes on after what its picture needs.
    """
    kept = []
    for name, body in webp_chunks(data[12:]):
        if name == b"VP8X":
            flags = body[0] & (_ALPHA_FLAG | _MOTION_FLAG)
            kept.append(_webp_chunk(name, bytes([flags, 0, 0, 0]) + body[4:10]))
        elif name == b"ANMF":
            picture = _webp_frame(body[_ANMF_BYTES:], _frame_size(body))
            kept.append(_webp_chunk(name, body[:_ANMF_BYTES] + picture))
        elif name == b"ANIM":
            kept.append(_webp_chunk(name, body[:6]))
        elif name in _CODED:
            kept.append(_webp_chunk(name, body))
    still = [(name, body) for name, body in webp_chunks(b"".join(kept)) if name in _CODED]
    if still:
        _check_streams(still, _canvas(data))
    return _riff(b"".join(kept))


def _webp_frame(chunks: bytes, size: tuple[int, int]) -> bytes:
    coded = [(name, body) for name, body in webp_chunks(chunks) if name in _CODED]
    _check_streams(coded, size)
    return b"".join(_webp_chunk(name, body) for name, body in coded)


def _check_streams(coded: list[tuple[bytes, bytes]], size: tuple[int, int]) -> None:
    """Raise `ValueError` if a stream of the picture *coded* is longer than it has to be."""
    names = [name for name, _ in coded]
    if names not in ([b"VP8 "], [b"VP8L"], [b"ALPH", b"VP8 "]):
        raise ValueError(f"a picture of {names}")
    for number, (name, body) in enumerate(coded):
        for shorter in _shortened(name, body):
            others = [*coded[:number], (name, shorter), *coded[number + 1 :]]
            if _webp_decodes(others, size):
                raise ValueError(f"{name!r} holds more than the picture")


def _shortened(name: bytes, body: bytes) -> Iterator[bytes]:
    """Yield *body* without the end of each of its streams."""
    yield body[:-_WEBP_END_BYTES]
    if name != b"VP8 ":
        return
    if _partitions(body) > 1:
        raise ValueError("several partitions, whose ends are not looked for")
    # The first of two partitions ends where its length in the header says (RFC 6386, section 9.1).
    tag = int.from_bytes(body[:3], "little")
    length = tag >> _PARTITIONS_SHIFT
    end = _VP8_HEADER_BYTES + length
    cut = min(_WEBP_END_BYTES, length)
    head = (tag - (cut << _PARTITIONS_SHIFT)).to_bytes(3, "little")
    yield head + body[3 : end - cut] + body[end:]


class _Bits:
    """Flags and numbers at the beginning of a VP8 frame (RFC 6386, section 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)
        self._value = next(self._bytes, 0) << 8 | next(self._bytes, 0)
        self._range, self._shifted = 255, 0

    def number(self, bits: int) -> int:
        """Return the number of that many *bits*, each of which is as likely to be set as not."""
        number = 0
        for _ in range(bits):
            number = number << 1 | self._bit()
        return number

    def skip_if_set(self, bits: int) -> None:
        """Skip an optional number of that many *bits*."""
        if self.number(1):
            self.number(bits)

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) >> 1)
        bit = int(self._value >= split << 8)
        self._range = self._range - split if bit else split
        self._value -= bit * (split << 8)
        while self._range < 128:
            self._value, self._range = self._value << 1, self._range << 1
            self._shifted += 1
            if self._shifted % 8 == 0:
                self._value |= next(self._bytes, 0)
        return bit


def _partitions(body: bytes) -> int:
    """Return in how many parts the coefficients of the VP8 frame *body* are (section 9.5)."""
    bits = _Bits(body[_VP8_HEADER_BYTES:])
    bits.number(2)
    if bits.number(1):
        updates_map, updates_data = bits.number(1), bits.number(1)
        if updates_data:
            bits.number(1)
            for size in (8, 8, 8, 8, 7, 7, 7, 7):
                bits.skip_if_set(size)
        for _ in range(3 * updates_map):
            bits.skip_if_set(8)
    bits.number(1 + 6 + 3)
    if bits.number(1) and bits.number(1):
        for _ in range(8):
            bits.skip_if_set(7)
    return 1 << bits.number(2)


def _webp_decodes(coded: list[tuple[bytes, bytes]], size: tuple[int, int]) -> bool:
    width, height = size
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = _webp_chunk(b"VP8X", bytes([_ALPHA_FLAG, 0, 0, 0]) + canvas)
    file = _riff(extended + b"".join(_webp_chunk(name, body) for name, body in coded))
    try:
        with Image.open(BytesIO(file), formats=(pillow_name(Format.WEBP),)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _frame_size(frame: bytes) -> tuple[int, int]:
    return 1 + int.from_bytes(frame[6:9], "little"), 1 + int.from_bytes(frame[9:12], "little")


def _canvas(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data), formats=(pillow_name(Format.WEBP),)) as image:
        return image.size


def _webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


# GIF (version 89a)

_GIF_CONTROL = bytes([gif.EXTENSION, gif.CONTROL])
_GIF_LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01"
_REPETITIONS_AT = 16  # of repetitions

# The codes of a frame's last pixels and of its end are in these many bytes at the most.
_GIF_END_BYTES = 4
_MAX_SUB_BLOCK = 255


def _gif_alone(data: bytes) -> bytes | None:
    """Return the file *data* with its frames, their timing and the colours that they use.

    None if the stream of a frame goes on after its pixels. Raises `CorruptImage` or `ValueError` if
    it is damaged.
    """
    header = gif.header(data)
    used: set[int] = set()
    blocks: list[bytes] = []
    for block in gif.blocks(data):
        if block[0] == gif.IMAGE:
            frame = _gif_frame(block, used)
            if frame is None:
                return None
            blocks.append(frame)
        elif block.startswith(_GIF_CONTROL):
            blocks.append(_GIF_CONTROL + b"\x04" + block[3:7] + b"\0")
        elif gif.is_loop(block):
            blocks.append(_GIF_LOOP + block[_REPETITIONS_AT : _REPETITIONS_AT + 2] + b"\0")
    palette = _clear_unused(header[gif.HEADER_BYTES :], 3, used)
    return b"".join([header[: gif.HEADER_BYTES], palette, *blocks, bytes([gif.TRAILER])])


def _gif_frame(block: bytes, used: set[int]) -> bytes | None:
    """Return the frame *block*, and add to *used* what it needs of the common palette."""
    width, height, flags = struct.unpack_from("<HHB", block, 5)
    start = gif.DESCRIPTOR_BYTES + gif.palette_bytes(flags)
    bits, coded = block[start], b"".join(_sub_block_bodies(block[start + 1 :]))
    pixels = Image.new("L", (width, height))
    pixels.frombytes(_sub_blocks(coded), "gif", bits, bool(flags & gif.INTERLACED))
    if _is_complete_gif(coded[:-_GIF_END_BYTES], bits, (width, height)):
        return None
    own = _used_colors(pixels)
    palette = block[gif.DESCRIPTOR_BYTES : start]
    if not palette:
        used |= own
    clean_palette = _clear_unused(palette, 3, own)
    return block[: gif.DESCRIPTOR_BYTES] + clean_palette + bytes([bits]) + _sub_blocks(coded)


def _is_complete_gif(coded: bytes, bits: int, size: tuple[int, int]) -> bool:
    """Tell whether *coded* gives all pixels of a frame of *size*."""
    try:
        Image.new("L", size).frombytes(_sub_blocks(coded), "gif", bits, False)
    except ValueError:
        return False
    return True


def _sub_block_bodies(stream: bytes) -> Iterator[bytes]:
    at = 0
    while stream[at]:
        yield stream[at + 1 : at + 1 + stream[at]]
        at += 1 + stream[at]


def _sub_blocks(coded: bytes) -> bytes:
    parts = (coded[at : at + _MAX_SUB_BLOCK] for at in range(0, len(coded), _MAX_SUB_BLOCK))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


_PICTURE_ALONE: dict[Format, Callable[[bytes], bytes | None]] = {
    Format.JPEG: _jpeg_alone,
    Format.PNG: _png_alone,
    Format.WEBP: _webp_alone,
    Format.GIF: _gif_alone,
}

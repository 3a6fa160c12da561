"""PNG files, chunk by chunk (PNG Specification, third edition)."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from pipeline.imaging import profiles
from pipeline.imaging.profiles import LARGEST_PROFILE, SRGB, CodePoints, Primaries

SIGNATURE_BYTES = 8

COLOR_CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI"})
"""The chunks that declare colours, if they come before the pixels."""

TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})

XMP = "XML:com.adobe.xmp"
"""The keyword of texts that are XMP."""

_XMP = XMP.encode() + b"\0\0"  # not compressed
_LARGEST_TEXT = 1 << 20  # Pillow refuses a file for more

_ANCILLARY = 0x20  # of a name's first letter
_MIN_BYTES = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
_DEFLATE = b"\0"

_RGB, _FULL_RANGE = 0, 1
_COLOR_UNIT, _LUMINANCE_UNIT = 100_000, 10_000
_USUAL_GAMMA = 1 / 2.2
_NOTICEABLE = 0.05  # by libpng's measure


class Chunk(NamedTuple):
    """One chunk: its *body* alone, and *whole* with its length, name and checksum."""

    name: bytes
    body: memoryview
    whole: memoryview

    @property
    def is_sound(self) -> bool:
        """Whether its checksum is right."""
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:])


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of the file *data*; raise `struct.error` if its end is missing."""
    view = memoryview(data)
    at, name = SIGNATURE_BYTES, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        yield Chunk(name, view[at + 8 : end - 4], view[at:end])
        at = end


def file(
    size: tuple[int, int], bands: Sequence[str], pixels: Sequence[bytes], exif: bytes, xmp: bytes
) -> bytes:
    """Return a file of the compressed *pixels* of 8-bit *bands*, with EXIF and XMP if not empty."""
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[len(bands)]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, 8, color_type, 0, 0, 0))]
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if xmp:
        chunks.append((b"iTXt", _XMP + bytes(3) + xmp))
    return join_chunks([*chunks, *((b"IDAT", part) for part in pixels), (b"IEND", b"")])


def join_chunks(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a file of *chunks*, each a name and a body."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, body in chunks:
        checksum = zlib.crc32(body, zlib.crc32(name))
        parts += [struct.pack(">I", len(body)) + name, body, struct.pack(">I", checksum)]
    return b"".join(parts)


def drop_unreadable_chunks(data: bytes) -> tuple[bytes, set[bytes]]:
    """Return the file *data* without chunks that may be ignored, and the names of those dropped.

    Texts, damaged and short chunks go, and profiles, which `declared_colors` reads. Raises
    `struct.error` if the end of the file is missing.
    """
    dropped, kept = set(), [data[:SIGNATURE_BYTES]]
    for chunk in chunks(data):
        if not _is_readable(chunk):
            dropped.add(chunk.name)
        elif chunk.name != b"iCCP":
            kept.append(bytes(chunk.whole))
    return b"".join(kept), dropped


def xmp_packets(data: bytes) -> Iterator[bytes]:
    """Yield the XMP packets in the file *data*, wherever they are."""
    for chunk in chunks(data):
        if chunk.name == b"iTXt" and chunk.body[: len(_XMP)] == _XMP:
            yield bytes(chunk.body)


def declared_colors(file: BinaryIO) -> dict[str, object]:
    """Return the "cicp" or the "icc_profile" that the chunks before the pixels declare.

    Code points overrule profiles, which overrule gAMA and cHRM (section 4.3). Damaged chunks are
    ignored.
    """
    found = _color_chunks(file)
    points = _code_points(found)
    if points is not None and points.is_supported:
        return {"cicp": points}
    profile = _inflate_profile(found[b"iCCP"]) if b"iCCP" in found else None
    if profile is None and b"sRGB" not in found:
        profile = _profile_of_gamma(found)
    return {"cicp": points, "icc_profile": profile}


def _color_chunks(file: BinaryIO) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at, name = SIGNATURE_BYTES, b""
    while name not in (b"IDAT", b"IEND"):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            break
        length, name = struct.unpack(">I4s", head)
        if name in COLOR_CHUNKS and length <= LARGEST_PROFILE:
            whole = memoryview(head + file.read(length + 4))
            chunk = Chunk(name, whole[8:-4], whole)
            if chunk.is_sound and length >= _MIN_BYTES.get(name, 0):
                found.setdefault(name, bytes(chunk.body))
        at += 12 + length
    return found


def _code_points(found: Mapping[bytes, bytes]) -> CodePoints | None:
    """Return the code points in *found* if they are of full-range RGB, as PNG demands."""
    primaries, transfer, matrix, levels = found.get(b"cICP", bytes(4))[:4]
    if matrix != _RGB or levels != _FULL_RANGE:
        return None
    brightest = found.get(b"cLLI", b"")[:4], found.get(b"mDCV", b"")[16:20]
    peaks = (int.from_bytes(level) / _LUMINANCE_UNIT for level in brightest)
    return CodePoints(primaries, transfer, next(filter(None, peaks), profiles.DEFAULT_PEAK))


def _profile_of_gamma(found: Mapping[bytes, bytes]) -> bytes | None:
    """Return a profile of gAMA and, beside it, cHRM in *found*."""
    gamma = int.from_bytes(found.get(b"gAMA", b"")[:4]) / _COLOR_UNIT
    if not gamma:
        return None
    primaries = _chromaticities(found[b"cHRM"]) if b"cHRM" in found else None
    if primaries is None and abs(_USUAL_GAMMA / gamma - 1) <= _NOTICEABLE:
        return None
    curve = profiles.gamma(1 / gamma)
    try:
        return profiles.matrix_profile(primaries or SRGB, curve)
    except ValueError:  # chromaticities that span no colours
        return profiles.matrix_profile(SRGB, curve)


def _chromaticities(body: bytes) -> Primaries:
    numbers = [number / _COLOR_UNIT for number in struct.unpack_from(">8I", body)]
    white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
    return Primaries(red, green, blue, white)


def _is_readable(chunk: Chunk) -> bool:
    if not chunk.name[0] & _ANCILLARY:
        return True
    if not chunk.is_sound:
        return False
    if chunk.name in TEXT_CHUNKS:
        return chunk.body[: len(_XMP)] == _XMP and len(chunk.body) < _LARGEST_TEXT
    if chunk.name == b"iCCP":
        return _inflate_profile(bytes(chunk.body)) is not None
    return len(chunk.body) >= _MIN_BYTES.get(chunk.name, 0)


def _inflate_profile(chunk: bytes) -> bytes | None:
    """Return the profile in the body of an iCCP *chunk*, None if it is damaged or too large."""
    _, _, packed = chunk.partition(b"\0")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], LARGEST_PROFILE)
    except zlib.error:
        return None
    return profile if packed.startswith(_DEFLATE) and inflate.eof and profile else None

"""PNG files, chunk by chunk (PNG Specification, third edition)."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_SIGNATURE_BYTES = 8

_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_COLORS = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP"})
_OVERRULED_BY_PROFILE = frozenset({b"gAMA", b"cHRM", b"sRGB"})

_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_ANCILLARY = 0x20  # of a name's first letter
_LEAST_BYTES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
_DEFLATE = b"\0"
_LARGEST_PROFILE = 1 << 20  # Pillow refuses a file for more

_USUAL_GAMMA = 1 / 2.2
_NOTICEABLE = 0.05  # as libpng sees it


class Chunk(NamedTuple):
    """One chunk: its *body* alone, and *whole* with its length, name and checksum."""

    name: bytes
    body: memoryview
    whole: memoryview


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of the file *data*; raise `struct.error` if its end is missing."""
    view = memoryview(data)
    at, name = _SIGNATURE_BYTES, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        yield Chunk(name, view[at + 8 : end - 4], view[at:end])
        at = end


def bare(data: bytes) -> bytes:
    """Return the file *data* with its pixels alone, and what these mean without a profile."""
    names = {chunk.name for chunk in chunks(data)}
    kept = _PIXELS | (_COLORS - _OVERRULED_BY_PROFILE if b"iCCP" in names else _COLORS)
    return _joined(data, (chunk for chunk in chunks(data) if chunk.name in kept))


def legible(data: bytes) -> bytes:
    """Return the file *data* without what may be passed over and cannot be read.

    These are texts, profiles that are too large, and chunks that are damaged or too short.
    """
    return _joined(data, (chunk for chunk in chunks(data) if _is_legible(chunk)))


def gamma_to_apply(info: Mapping[str | tuple[int, int], object]) -> float | None:
    """Return the exponent that brings the levels of a PNG with that *info* to the usual gamma.

    None where nothing would be seen of it, or where a profile or sRGB is declared, which overrule.
    """
    gamma = info.get("gamma")
    if not isinstance(gamma, float) or gamma <= 0 or info.get("icc_profile") or "srgb" in info:
        return None
    exponent = _USUAL_GAMMA / gamma
    return exponent if abs(exponent - 1) > _NOTICEABLE else None


def _joined(data: bytes, kept: Iterator[Chunk]) -> bytes:
    return b"".join([data[:_SIGNATURE_BYTES], *(chunk.whole for chunk in kept)])


def _is_legible(chunk: Chunk) -> bool:
    if not chunk.name[0] & _ANCILLARY:
        return True
    if chunk.name in _TEXTS or zlib.crc32(chunk.whole[4:-4]) != int.from_bytes(chunk.whole[-4:]):
        return False
    if chunk.name == b"iCCP":
        return _unpacks_small(bytes(chunk.body))
    return len(chunk.body) >= _LEAST_BYTES.get(chunk.name, 0)


def _unpacks_small(profile: bytes) -> bool:
    _, _, packed = profile.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed[1:], _LARGEST_PROFILE)
    except zlib.error:
        return False
    return packed.startswith(_DEFLATE) and unpacker.eof

"""Validate what a child reports. A crafted file may control the child."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.errors import Rejected, rejection
from pipeline.imaging.containers import jpeg
from pipeline.imaging.formats import LONGEST_SIDE, SNIFF_BYTES, recognise
from pipeline.imaging.geometry import lay_out, limit_sides
from pipeline.model import (
    MOST_BLURRED_BYTES,
    Format,
    ImageInfo,
    Limits,
    Rendition,
    Size,
    Variant,
    output_format,
)
from pipeline.sandbox.frames import Frame, ProtocolError
from pipeline.sandbox.values import loaded

_MOST_TEXT: Final = 4096
_COLOR: Final = re.compile(r"#[0-9a-f]{6}|")
_PLACEHOLDER: Final = re.compile(r"[A-Za-z0-9+/=]{0,64}")
_BLURRED: Final = re.compile(r"(data:image/webp;base64,[A-Za-z0-9+/]+={0,2})?")
_SOURCE_TYPE: Final = re.compile(r"[A-Za-z]{0,64}")

# The most that any encoder needs per pixel, with what a format adds to a row, and per file.
_PIXEL_BYTES: Final = 8
_FILE_BYTES: Final = 1 << 20


def image_info(frame: Frame, limits: Limits) -> ImageInfo:
    """Return what a child reports about a source. Raises `ProtocolError`."""
    try:
        info = loaded(ImageInfo, frame.fields)
    except ValueError as error:
        raise ProtocolError(str(error)) from error
    pixels = info.size.width * info.size.height * info.frames
    sides = info.size.width, info.size.height, info.frames
    if min(sides) < 1 or pixels > limits.pixels:
        raise ProtocolError(f"an image of {info.size} with {info.frames} frames")
    if not _COLOR.fullmatch(info.dominant_color) or not _PLACEHOLDER.fullmatch(info.placeholder):
        raise ProtocolError("an invalid dominant colour or placeholder")
    blurred = info.blurred_placeholder
    if not _BLURRED.fullmatch(blurred) or len(blurred) > MOST_BLURRED_BYTES:
        raise ProtocolError("an invalid blurred placeholder")
    if not _SOURCE_TYPE.fullmatch(info.digital_source_type):
        raise ProtocolError("an invalid digital source type")
    if not all(isinstance(value, str) and value.isprintable() for value in info.exif.values()):
        raise ProtocolError("EXIF facts that are not text")
    _check_length(info.exif)
    _check_length(info.warnings)
    return info


def rejected(frame: Frame) -> Rejected:
    """Return the rejection that a child reports. Raises `ProtocolError`."""
    reason, message, details = (frame.fields.get(n) for n in ("reason", "message", "details"))
    if not isinstance(reason, str) or not isinstance(message, str) or not isinstance(details, dict):
        raise ProtocolError("a rejection without reason, message or details")
    _check_length(details)
    try:
        return rejection(reason, message[:_MOST_TEXT], details)
    except ValueError as error:
        raise ProtocolError(str(error)) from error


def rendition(frame: Frame, variant: Variant, info: ImageInfo) -> Rendition:
    """Return the rendition of *variant* that a child sends. Raises `ProtocolError`."""
    fields = frame.fields
    format_ = output_format(variant, info)
    size = expected_size(variant, info)
    if fields.get("variant") != variant.name or not isinstance(fields.get("warnings"), dict):
        raise ProtocolError(f"not the rendition of {variant.name!r}")
    _check_length(fields["warnings"])
    try:
        found = recognise(frame.body[:SNIFF_BYTES]), size_of(frame.body, format_)
    except (Rejected, IndexError, ValueError) as error:
        raise ProtocolError(f"a rendition that is not {format_}") from error
    if found != (format_, size):
        raise ProtocolError(f"{found[0]} of {found[1]} instead of {format_} of {size}")
    return Rendition(
        variant=variant.name,
        body=frame.body,
        format=format_,
        size=size,
        warnings=fields["warnings"],
    )


def most_bytes(variant: Variant, info: ImageInfo) -> int:
    """Return the size limit of a file for *variant*, which is more than any encoder needs."""
    size = expected_size(variant, info)
    return _FILE_BYTES + _PIXEL_BYTES * size.width * size.height * info.frames


def expected_size(variant: Variant, info: ImageInfo) -> Size:
    """Return the size of *variant* of the source in *info*."""
    longest = LONGEST_SIDE[output_format(variant, info)]
    return limit_sides(lay_out(info.size, variant), longest).canvas


def size_of(body: bytes, format_: Format) -> Size:
    """Return the size in the header of the file *body*. Raises IndexError or ValueError."""
    match format_:
        case Format.PNG:
            width, height = _numbers(body, 16, 4, "big")
        case Format.GIF:
            width, height = _numbers(body, 6, 2, "little")
        case Format.WEBP:
            width, height = _webp_size(body)
        case Format.AVIF:
            width, height = _numbers(body, body.index(b"ispe", 0, _MOST_TEXT) + 8, 4, "big")
        case Format.JPEG:
            frame = next(part for part in jpeg.segments(body) if part.marker in jpeg.FRAMES)
            height, width = _numbers(bytes(frame.whole[:9]), 5, 2, "big")
        case _:
            raise ValueError(f"{format_} is not an output format")
    return Size(width=width, height=height)


def _webp_size(body: bytes) -> tuple[int, int]:
    """Read the first chunk of a WebP (RFC 9649, sections 2.5 to 2.7; RFC 6386, section 9.1)."""
    if body[12:16] == b"VP8X":
        width, height = _numbers(body, 24, 3, "little")
        return width + 1, height + 1
    if body[12:16] == b"VP8L":
        bits = int.from_bytes(body[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = _numbers(body, 26, 2, "little")
    return width & 0x3FFF, height & 0x3FFF


def _numbers(body: bytes, at: int, length: int, order: Any) -> tuple[int, int]:
    if len(body) < at + 2 * length:
        raise IndexError("the file is too short")
    first, second = body[at : at + length], body[at + length : at + 2 * length]
    return int.from_bytes(first, order), int.from_bytes(second, order)


def _check_length(values: Mapping[str, object]) -> None:
    if len(json.dumps(values)) > _MOST_TEXT:
        raise ProtocolError("more text than any real image has")

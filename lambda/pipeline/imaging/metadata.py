"""What an upload's metadata says, and what of it results keep (CIPA DC-008, XMP, C2PA).

XMP is searched, not parsed: only a term of IPTC's vocabulary is taken from it, and nothing in a
packet can make that slow.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from pipeline.errors import CorruptImage
from pipeline.imaging.containers import gif, png
from pipeline.imaging.source import SourceImage
from pipeline.model import ExifFact, Format

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SOURCE_TYPE = re.compile(
    rb"""[:\s]DigitalSourceType(?:\s+rdf:resource)?\s*(?:=\s*["']|>\s*)"""
    rb"""https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,64})\s*["'<]"""
)
_LARGEST_PACKET = 1 << 20
_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' Iptc4xmpExt:DigitalSourceType="{vocabulary}{term}"/></rdf:RDF></x:xmpmeta>'
)
_C2PA_TAG = 0xCD41  # of TIFF

# In JPEG, where a gain map, which says how much brighter a screen may show a picture, is announced.
_ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_ULTRA_HDR = b"http://ns.adobe.com/hdr-gain-map/1.0/"
_APPLE_GAIN_MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"

_COPYRIGHT = (ExifTags.Base.Artist, ExifTags.Base.Copyright)
_LONGEST_COPYRIGHT = 16_384  # bytes of each: a JPEG has 64 kB for the whole block
_LONGEST_NAME = 100
_OFFSET = re.compile(r"[+-][0-9]{2}:[0-9]{2}")
_DECIMALS = 6  # of degrees: about 10 cm


def digital_source_type(source: SourceImage) -> str:
    """Return IPTC's term for how *source*, decoded, was made; empty if it declares none."""
    for packet in _xmp_packets(source):
        found = _SOURCE_TYPE.search(packet[:_LARGEST_PACKET])
        if found:
            return found[1].decode()
    return ""


def xmp_packet(term: str) -> bytes:
    """Return an XMP packet with the DigitalSourceType *term* and nothing else."""
    return _PACKET.format(vocabulary=_VOCABULARY, term=term).encode()


def has_c2pa(source: SourceImage) -> bool:
    """Tell whether *source*, decoded, carries a C2PA manifest, valid or not.

    A manifest outside of the file, which only holds its address, does not count.
    """
    image = source.image
    match source.picture.format:
        case Format.JPEG:
            segments = getattr(image, "applist", ())
            return any(n == "APP11" and b"jumb" in s and b"c2pa" in s for n, s in segments)
        case Format.PNG:
            return any(chunk[0] == b"caBX" for chunk in getattr(image, "private_chunks", ()))
        case Format.WEBP:
            return any(name == b"C2PA" for name, _ in webp_chunks(source.content()[12:]))
        case Format.GIF:
            blocks = _gif_blocks(source)
            return any(gif.application(block).startswith(b"C2PA_GIF") for block in blocks)
        case Format.TIFF:
            return _C2PA_TAG in getattr(image, "tag_v2", {})
        case _:
            return bool(image.info.get("c2pa"))


def has_gain_map(source: SourceImage) -> bool:
    """Tell whether the file of *source* has a gain map beside its picture."""
    if source.picture.format is not Format.JPEG:
        return bool(source.image.info.get("gain_map"))
    segments = [segment for _, segment in getattr(source.image, "applist", ())]
    if any(segment.startswith(_ISO_GAIN_MAP) or _ULTRA_HDR in segment for segment in segments):
        return True
    # Apple says it in the second picture.
    has_more = any(segment.startswith(b"MPF\0") for segment in segments)
    return has_more and _APPLE_GAIN_MAP in source.content()


def copyright_exif(image: Image.Image) -> bytes:
    """Return an EXIF block with the artist and copyright of *image*, empty if it names none."""
    kept = Image.Exif()
    try:
        exif = image.getexif()
        for tag in _COPYRIGHT:
            if exif.get(tag):
                text = str(exif[tag]).encode()[:_LONGEST_COPYRIGHT]
                kept[tag] = text.decode(errors="ignore")
        return kept.tobytes() if len(kept) else b""
    except Exception:  # noqa: BLE001 - whatever is wrong with a damaged block, it names no one
        return b""


def exif_facts(image: Image.Image, wanted: Sequence[ExifFact]) -> dict[str, str]:
    """Return the *wanted* facts of *image*, decoded, that it has and that make sense."""
    if not wanted:
        return {}
    try:
        exif = image.getexif()
        readers = {
            ExifFact.DATE: lambda: _date(exif.get_ifd(ExifTags.IFD.Exif)),
            ExifFact.CAMERA: lambda: _camera(exif),
            ExifFact.PLACE: lambda: _place(exif.get_ifd(ExifTags.IFD.GPSInfo)),
        }
        facts = {fact.value: readers[fact]() for fact in wanted}
    except Exception:  # noqa: BLE001 - whatever is wrong with a damaged block, it has no facts
        return {}
    return {name: value for name, value in facts.items() if value}


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the body of each complete chunk in *data*, part of a WebP (RFC 9649)."""
    at = 0
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > len(data):
            return
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _xmp_packets(source: SourceImage) -> Iterator[bytes]:
    known = source.image.info.get("xmp")
    if known:
        yield known.encode() if isinstance(known, str) else bytes(known)
    match source.picture.format:
        case Format.GIF:
            yield from (b for b in _gif_blocks(source) if gif.application(b) == gif.XMP)
        case Format.PNG if not known:
            with suppress(struct.error):
                yield from png.xmp_packets(source.content())


def _gif_blocks(source: SourceImage) -> Iterator[bytes]:
    with suppress(CorruptImage):
        yield from gif.blocks(source.content())


def _date(exif: Mapping[int, Any]) -> str:
    """Return when the picture was taken, as ISO 8601: without an offset, it is the camera's."""
    try:
        taken = datetime.strptime(  # noqa: DTZ007 - cameras often know no time zone
            _text(exif.get(ExifTags.Base.DateTimeOriginal)), "%Y:%m:%d %H:%M:%S"
        )
    except ValueError:
        return ""
    offset = _text(exif.get(ExifTags.Base.OffsetTimeOriginal))
    return taken.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")


def _camera(exif: Mapping[int, Any]) -> str:
    """Return maker and model, the maker once: some models begin with it."""
    make, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    return model if model.startswith(make) else f"{make} {model}".strip()


def _place(gps: Mapping[int, Any]) -> str:
    """Return latitude and longitude in degrees, north and east positive."""
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), 90)
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), 180)
    if latitude is None or longitude is None:
        return ""
    south = _text(gps.get(ExifTags.GPS.GPSLatitudeRef)) == "S"
    west = _text(gps.get(ExifTags.GPS.GPSLongitudeRef)) == "W"
    signed = (-latitude if south else latitude, -longitude if west else longitude)
    return ",".join(f"{degrees:.{_DECIMALS}f}" for degrees in signed)


def _degrees(parts: Sequence[Any] | None, most: int) -> float | None:
    """Return degrees, minutes and seconds in degrees; None if one is missing."""
    if parts is None or len(parts) != 3:
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (ValueError, TypeError, ZeroDivisionError):
        return None
    total = degrees + minutes / 60 + seconds / 3600
    return total if 0 <= total <= most else None


def _text(value: object) -> str:
    """Return *value* as one line of printable text."""
    printable = "".join(letter for letter in str(value or "") if letter.isprintable())
    return " ".join(printable.split())[:_LONGEST_NAME]

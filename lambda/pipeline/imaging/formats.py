"""The formats that are read and written: recognised by content, decoded by an allowlist."""

import re
from importlib import import_module

from pipeline.errors import UnsupportedFormat
from pipeline.model import Format

SNIFF_BYTES = 64

_SIGNATURES = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    *((mark, Format.TIFF) for mark in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Format.JPEG2000),
    (b"\xff\x4f\xff\x51", Format.JPEG2000),
)

# Sizes of the header that follows a bitmap's first 14 bytes: "BM" alone starts many a text.
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_PLUGINS = {
    Format.JPEG: ("JPEG", "PIL.JpegImagePlugin"),
    Format.PNG: ("PNG", "PIL.PngImagePlugin"),
    Format.WEBP: ("WEBP", "PIL.WebPImagePlugin"),
    Format.AVIF: ("AVIF", "PIL.AvifImagePlugin"),
    Format.GIF: ("GIF", "PIL.GifImagePlugin"),
    Format.HEIC: ("HEIF", "pillow_heif"),
    Format.TIFF: ("TIFF", "PIL.TiffImagePlugin"),
    Format.BMP: ("BMP", "PIL.BmpImagePlugin"),
    Format.JPEG2000: ("JPEG2000", "PIL.Jpeg2KImagePlugin"),
}

LONGEST_SIDE = {
    Format.JPEG: 65_500,
    Format.WEBP: 16_383,
    Format.AVIF: 32_768,
    Format.GIF: 65_535,
    Format.PNG: 1 << 20,
}
"""In pixels: what the files of a format, or its usual readers, can hold."""

ANIMATED_FORMATS = frozenset({Format.PNG, Format.WEBP, Format.AVIF, Format.GIF})

_RAW_MARKS = (
    *(b"II\x1a\0\0\0HEAPCCDR", b"IIRO", b"IIRS", b"MMOR", b"IIU\0"),
    *(b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"),
)
_OTHER_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (b"8BPS", "a Photoshop file (PSD)"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"\0\0\2\0", "a cursor (CUR)"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"II\xbc\1", "a JPEG XR image"),
    *((mark, "a camera's raw file") for mark in _RAW_MARKS),
    (b"\x76\x2f\x31\1", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"qoif", "a QOI image"),
    (b"DDS ", "a DirectDraw Surface (DDS)"),
    (b"gimp xcf", "a GIMP file (XCF)"),
    (b"\xd7\xcd\xc6\x9a", "a Windows Metafile (WMF)"),
    (b"AT&TFORM", "a DjVu document"),
    (b"SIMPLE  =", "a FITS image"),
    (b"\xabKTX ", "a Khronos texture (KTX)"),
    (b"icns", "an Apple icon (ICNS)"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"OggS", "an Ogg file"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"PK\5\6", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
)

_RIFF = {b"AVI ": "an AVI video", b"WAVE": "a WAV recording"}
_BRANDS = {b"crx ": "a camera's raw file"}
_VIDEO_BRANDS = re.compile(rb"isom|iso[2-9]|mp4[12]|avc1|qt  |M4V |3g[p2].|dash|f4v |MSNV")

_TEXTS = (
    (re.compile(rb"<svg[\s>]|<!DOCTYPE svg", re.IGNORECASE), "an SVG drawing"),
    (re.compile(rb"<!doctype html|<html[\s>]", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"<\?xml", re.IGNORECASE), "an XML file, perhaps an SVG drawing"),
)
_NETPBM = re.compile(rb"P[1-7][\s#]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def recognise(head: bytes) -> Format:
    """Tell the format by a file's first `SNIFF_BYTES`; raise `UnsupportedFormat` for others."""
    for signature, format_ in _SIGNATURES:
        if head.startswith(signature):
            return format_
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return Format.BMP
    if head[4:8] == b"ftyp" and (branded := _by_brands(head)):
        return branded
    kind = _kind_of(head)
    found = f"the content is {kind}, which is" if kind else "the content is"
    raise UnsupportedFormat(f"{found} none of {', '.join(Format)}, whatever its name says")


def _by_brands(head: bytes) -> Format | None:
    """Tell AVIF from HEIC by the brands of an ISO base media file (ISO/IEC 23008-12)."""
    length = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))}
    if brands & _AVIF_BRANDS:
        return Format.AVIF
    return Format.HEIC if brands & _HEIC_BRANDS else None


def pillow_name(format_: Format) -> str:
    """Return Pillow's name for *format_*, its plugin loaded.

    Pillow would import all of its plugins if this one were missing.
    """
    name, module = _PLUGINS[format_]
    plugin = import_module(module)
    if format_ is Format.HEIC:
        plugin.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return name


def _kind_of(head: bytes) -> str | None:
    """Return what a file of another format is called, with its article, for messages only."""
    for signature, name in _OTHER_SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12]) or ("a video" if _VIDEO_BRANDS.match(head[8:12]) else None)
    if _NETPBM.match(head):
        return "a Netpbm image"
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"<"):
        return next((name for pattern, name in _TEXTS if pattern.search(text)), None)
    return None

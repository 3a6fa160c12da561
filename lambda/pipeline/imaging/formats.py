"""Which formats are read and written: recognised by content, decoded by an allowlist."""

from importlib import import_module

from pipeline.errors import UnsupportedFormat
from pipeline.model import Format, Picture, Variant

SNIFF_BYTES = 64

_SIGNATURES = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0", Format.TIFF),
    (b"MM\0+", Format.TIFF),
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
    Format.HEIC: ("HEIF", "pi_heif"),
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
"""What a format's files, or its usual readers, can hold, in pixels."""

BROWSER_FORMATS = frozenset({Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF})
ANIMATED_FORMATS = frozenset({Format.PNG, Format.WEBP, Format.AVIF, Format.GIF})


def recognise(head: bytes) -> Format:
    """Tell the format by a file's first `SNIFF_BYTES`; raise `UnsupportedFormat` for others."""
    for signature, format_ in _SIGNATURES:
        if head.startswith(signature):
            return format_
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return Format.BMP
    if head[4:8] == b"ftyp":
        return _recognise_brands(head)
    raise UnsupportedFormat(f"the content is none of {', '.join(Format)}, whatever its name says")


def _recognise_brands(head: bytes) -> Format:
    """Tell AVIF from HEIC by the brands of an ISO base media file (ISO/IEC 23008-12)."""
    length = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))}
    if brands & _AVIF_BRANDS:
        return Format.AVIF
    if brands & _HEIC_BRANDS:
        return Format.HEIC
    raise UnsupportedFormat("the content is a video or a picture of a coding that is not read here")


def pillow_name(format_: Format) -> str:
    """Return Pillow's name for *format_*, its plugin loaded.

    A plugin that was not imported beforehand makes Pillow import all it has.
    """
    name, module = _PLUGINS[format_]
    plugin = import_module(module)
    if format_ is Format.HEIC:
        plugin.register_heif_opener(thumbnails=False)
    return name


def output_format(variant: Variant, picture: Picture) -> Format:
    """Return the format that *variant* has when it is made of *picture*."""
    if variant.format is not None:
        return variant.format
    if picture.format in BROWSER_FORMATS:
        return picture.format
    return Format.PNG if picture.has_alpha else Format.JPEG

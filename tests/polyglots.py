"""Pictures that are something else as well: a page, a script, an archive."""

import io
from typing import Any

from PIL import Image, PngImagePlugin

SCRIPT = b"<script>alert(document.domain)</script>"


def saved(kind: str, **options: Any) -> bytes:
    """Return a plain picture of 300 x 200 as a file of *kind*, one of Pillow's names."""
    file = io.BytesIO()
    Image.new("RGB", (300, 200), (200, 30, 60)).save(file, kind, **options)
    return file.getvalue()


def _png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", SCRIPT.decode())
    return info


def _exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = SCRIPT.decode()  # ImageDescription
    return made


POLYGLOTS = {
    "jpeg and zip": saved("JPEG") + b"PK\3\4" + SCRIPT,
    "jpeg and html in a comment": saved("JPEG", comment=SCRIPT),
    "jpeg and html in exif": saved("JPEG", exif=_exif()),
    "jpeg and html in an icc profile": saved("JPEG", icc_profile=SCRIPT * 10),
    "png and html after its end": saved("PNG") + SCRIPT,
    "png and html in a text": saved("PNG", pnginfo=_png_text()),
    "gif and html in a comment": saved("GIF", comment=SCRIPT),
    "gif and html after its end": saved("GIF") + SCRIPT,
    "webp and html in xmp": saved("WEBP", xmp=SCRIPT),
    "webp and html in exif": saved("WEBP", exif=_exif()),
    "webp and html after its end": saved("WEBP") + SCRIPT,
    "tiff and html in a description": saved("TIFF", description=SCRIPT.decode()),
    "bmp and html after its end": saved("BMP") + SCRIPT,
    "avif and html in xmp": saved("AVIF", xmp=SCRIPT),
    "avif and html after its end": saved("AVIF") + SCRIPT,
}

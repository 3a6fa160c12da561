"""A file of a known format to Pillow's image: its header read, its pixels not."""

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast

from PIL import Image, ImageFile, UnidentifiedImageError

from pipeline.errors import UnsupportedFormat
from pipeline.imaging import png
from pipeline.imaging.formats import pillow_name
from pipeline.imaging.transparency import settle_key
from pipeline.model import Format

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

# What Pillow says of sound files that it does not read.
_UNREAD = (
    "unknown pixel mode",
    "cannot handle",
    "Unsupported BMP",
    "unable to determine J2K image mode",
)
_TEXTS = ("tEXt", "zTXt", "iTXt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An *image* and the *file* that it reads, which may be a copy without unreadable metadata.

    *note* says why it is.
    """

    file: BinaryIO
    image: ImageFile.ImageFile
    note: str = ""


def open_as(file: BinaryIO, format_: Format) -> Opened:
    """Open *file*, whose content is that of *format_*.

    Raises `UnsupportedFormat` where that kind of it is not read, and anything where it is damaged.
    """
    try:
        if format_ is Format.PNG:
            return _open_png(file)
        return Opened(file=file, image=_open(file, format_))
    except (SyntaxError, OSError) as error:
        if str(error).startswith(_UNREAD):
            raise UnsupportedFormat(f"this kind of {format_} is not read here: {error}") from error
        raise


def _open_png(file: BinaryIO) -> Opened:
    note = ""
    try:
        image = _open(file, Format.PNG)
    except (ValueError, SyntaxError) as error:
        file.seek(0)
        try:
            file = io.BytesIO(png.legible(file.read()))
        except struct.error:
            raise error from None
        image = _open(file, Format.PNG)
        note = f"ignored: {error}"
    settle_key(image)
    for name in _TEXTS:
        setattr(cast("PngImageFile", image).png, f"chunk_{name}", _pass_over)
    return Opened(file=file, image=image, note=note)


def _pass_over(_position: int, _length: int) -> NoReturn:
    """Have Pillow pass over a chunk after the pixels, as over one that it does not know.

    It would refuse the file for a text of more than a megabyte.
    """
    raise AttributeError


def _open(file: BinaryIO, format_: Format) -> ImageFile.ImageFile:
    name = pillow_name(format_)
    file.seek(0)
    try:
        return Image.open(file, formats=(name,))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        # Pillow keeps to itself what it found: its plugin tells. Sizes are limited by who called.
        plugin, _ = Image.OPEN[name]
        file.seek(0)
        return plugin(file, "")

"""EXIF orientation: how the stored picture must be turned to stand upright."""

from typing import NamedTuple

from PIL import ExifTags, Image

from pipeline.model import Format, Size

UPRIGHT = 1

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS = 5
_MIRRORED_ACROSS = frozenset({2, 3, 7, 8})
_MIRRORED_DOWN = frozenset({3, 4, 6, 7})

# Their readers turn the pixels themselves: TIFF by its own tag, HEIC by `irot` and `imir`.
_TURNED_BY_READER = frozenset({Format.TIFF, Format.HEIC})


class Box(NamedTuple):
    """A part of a picture, in fractions of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


def orientation_of(image: Image.Image, format_: Format) -> int:
    """Return the EXIF orientation, 1 to 8, that is still to be applied to *image*."""
    block = image.info.get("exif")
    if format_ in _TURNED_BY_READER or not block:
        return UPRIGHT
    exif = Image.Exif()
    try:
        exif.load(block)
        orientation = exif.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - whatever is wrong with a damaged EXIF block, the picture is fine
        return UPRIGHT
    return orientation if orientation in _TURNS else UPRIGHT


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn the stored *image* so that it stands upright."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def turned(size: Size, orientation: int) -> Size:
    """Return *size* after a turn: from stored to upright, and equally back."""
    if orientation < _FIRST_SIDEWAYS:
        return size
    return Size(width=size.height, height=size.width)


def stored_box(box: Box, orientation: int) -> Box:
    """Return where the part *box* of the upright picture lies in the stored one."""
    left, top, right, bottom = box
    if orientation >= _FIRST_SIDEWAYS:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _MIRRORED_ACROSS:
        left, right = 1 - right, 1 - left
    if orientation in _MIRRORED_DOWN:
        top, bottom = 1 - bottom, 1 - top
    return Box(left, top, right, bottom)

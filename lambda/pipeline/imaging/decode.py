"""From a checked header to pixels, at no more than the size that is needed."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from pipeline.errors import CorruptImage, ImageTooLarge, UnsupportedFormat
from pipeline.imaging.animation import Composed, compose, png_frames
from pipeline.imaging.channels import to_plain_mode
from pipeline.imaging.color import ColorSpace
from pipeline.imaging.containers import gif, jpeg
from pipeline.imaging.geometry import UPRIGHT, Layout, needed_scale, swap_sides
from pipeline.imaging.source import MIN_FRAME_PIXELS, SourceImage, orientation_of, rejecting_damage
from pipeline.model import Format, ImageInfo, Size

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

# libjpeg scales by dropping frequencies: what it leaves must be a little larger than the result.
_DRAFT_MARGIN = 1.05
_DRAFT_SCALES = (8, 4, 2)

_ANY_CODED_DATA = b"\x55\xaa" * 32  # some coefficients that are not zero

# Frames of this many milliseconds or fewer are shown for 100 by Chromium, Firefox and Safari.
_TOO_SHORT, _SHOWN_INSTEAD = 10, 100

_MAX_SCANS = 100  # the usual script has ten
_MOST_PLAYS = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """Pixels of a whole picture as stored: perhaps reduced, not yet upright or sRGB.

    *width* and *height* are those of the picture in *image*: a reduced JPEG may end within its last
    column and row. *size* is that of the upright picture before it was reduced.
    """

    image: Image.Image
    width: float
    height: float
    size: Size
    orientation: int = UPRIGHT
    colors: ColorSpace | None = None
    milliseconds: float = 0
    warnings: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_as_stored(self) -> bool:
        """Whether the stored pixels are upright and sRGB already."""
        colors = self.colors
        return self.orientation == UPRIGHT and (colors is None or colors.is_srgb)


def decode(source: SourceImage, layouts: Sequence[Layout]) -> Raster:
    """Decode the first frame of *source*, large enough for *layouts*, in full size without any.

    Raises `Rejected` if it is damaged.
    """
    # The only frame of a GIF may leave parts of the picture clear; an APNG may begin with a picture
    # for viewers that do not animate.
    if source.picture.format is Format.GIF or source.image.info.get("default_image"):
        return next(_frames(source, 1))
    # Taken before the pixels: browsers ignore an orientation that a PNG declares after them.
    size, orientation = _stored(source)
    with rejecting_damage(source.picture.details()):
        _check_scans(source)
        scale = draft_scale(source.picture, layouts)
        width, height = _draft(source.image, scale)
        image, warnings = _load(source, scale)
        image = to_plain_mode(image)
    return Raster(
        image=image,
        width=width,
        height=height,
        size=swap_sides(size, orientation),
        orientation=orientation,
        colors=ColorSpace(image.mode, source.image.info),
        warnings=warnings,
    )


def decode_frames(source: SourceImage) -> Iterator[Raster]:
    """Decode every frame of the animation *source*; raise `Rejected` if it is damaged."""
    if source.picture.format is Format.GIF:
        gif.check_end(source.content())
    return _frames(source, source.picture.frames)


def plays(source: SourceImage) -> int:
    """Return how often the animation *source* is played; 0 is forever.

    At most what GIF and WebP can hold, as APNG and AVIF can hold more.
    """
    return min(_plays(source), _MOST_PLAYS)


def _plays(source: SourceImage) -> int:
    match source.picture.format:
        case Format.GIF:
            return gif.plays(source.content())
        case Format.AVIF:
            from pipeline.imaging.containers import avif

            return avif.plays(source.content())
        case _:
            return int(source.image.info.get("loop", 0))


def draft_scale(picture: ImageInfo, layouts: Sequence[Layout]) -> int:
    """Return by how much decoding can already divide the sides of *picture*."""
    if picture.format is not Format.JPEG or not layouts:
        return 1
    needed = _DRAFT_MARGIN * max(needed_scale(layout, picture.size) for layout in layouts)
    return next((scale for scale in _DRAFT_SCALES if scale * needed <= 1), 1)


def _stored(source: SourceImage) -> tuple[Size, int]:
    """Return the size and the orientation of *source* as stored."""
    image = source.image
    size = Size(width=image.width, height=image.height)
    return size, orientation_of(image, source.picture.format)


def _check_scans(source: SourceImage) -> None:
    """Refuse a JPEG that refines its pixels more often than any camera or encoder.

    An almost empty scan takes a few bytes and as long to decode as a full one.
    """
    if source.picture.format is not Format.JPEG or source.has_one_scan():
        return
    scans = jpeg.count_scans(source.content())
    if scans > _MAX_SCANS:
        details = source.picture.details() | {"scans": scans}
        raise ImageTooLarge(
            f"{scans} scans are more than the {_MAX_SCANS} allowed", details=details
        )


def _draft(image: Image.Image, scale: int) -> tuple[float, float]:
    """Have libjpeg divide the sides by *scale*; return those of the picture in the result."""
    width, height = image.size
    if scale > 1 and image.draft(None, (width // scale, height // scale)):
        return width / scale, height / scale
    return width, height


def _load(source: SourceImage, scale: int) -> tuple[Image.Image, dict[str, object]]:
    """Decode the pixels of *source*, with a warning if only the end of the file is missing.

    A JPEG has all of its pixels if they are the same whatever comes after its last byte.
    """
    try:
        source.image.load()
    except OSError:
        if source.picture.format is not Format.JPEG:
            raise
        content = source.content()
        if process := jpeg.unread_process(content):
            raise UnsupportedFormat(f"a {process} JPEG is not read here") from None
        data = jpeg.drop_end(content)
        if data is None:
            raise
        one, other = (_load_jpeg(data + tail + jpeg.END, scale) for tail in (b"", _ANY_CODED_DATA))
        if ImageChops.difference(one, other).getbbox():
            raise
        return one, {"end_of_file": "missing"}
    return source.image, {}


def _load_jpeg(data: bytes, scale: int) -> Image.Image:
    image = JpegImageFile(io.BytesIO(data), "")
    _draft(image, scale)
    image.load()
    return image


def _frames(source: SourceImage, count: int) -> Iterator[Raster]:
    """Decode the first *count* frames of *source*."""
    size, orientation = _stored(source)
    frames = _composed(source)
    for number in range(count):
        with rejecting_damage(source.picture.details()):
            frame = next(frames, None)
            if frame is None:
                raise CorruptImage(f"only {number} frames are there")
        yield Raster(
            image=frame.image,
            width=size.width,
            height=size.height,
            size=swap_sides(size, orientation),
            orientation=orientation,
            colors=ColorSpace(frame.image.mode, source.image.info),
            milliseconds=(
                frame.milliseconds if frame.milliseconds > _TOO_SHORT else _SHOWN_INSTEAD
            ),
        )


def _composed(source: SourceImage) -> Iterator[Composed]:
    """Decode and compose the frames of *source*."""
    image = source.image
    match source.picture.format:
        case Format.GIF:
            max_pixels = max(image.width * image.height, MIN_FRAME_PIXELS)
            yield from compose(gif.frames(source.content(), max_pixels), image.size)
        case Format.PNG:
            yield from compose(png_frames(cast("PngImageFile", image)), image.size)
        case _:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                # Pillow decodes the next frame into the same image.
                yield Composed(to_plain_mode(image.copy()), image.info.get("duration", 0))

"""From a checked header to pixels, at no more than the size that is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from PIL import Image

from pipeline.errors import CorruptImage, ImageTooLarge
from pipeline.imaging import color, gif, jpeg
from pipeline.imaging.color import ColorSpace
from pipeline.imaging.film import Shown, composed, png_frames
from pipeline.imaging.geometry import Layout
from pipeline.imaging.orientation import UPRIGHT, orientation_of, turned
from pipeline.imaging.source import (
    LEAST_FRAME_PIXELS,
    SourceImage,
    found_in,
    rejecting_damage,
)
from pipeline.model import Format, Picture, Size

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

# libjpeg scales by dropping frequencies: what it leaves must be a little larger than the result.
_DRAFT_MARGIN = 1.05
_DRAFT_SCALES = (8, 4, 2)

_MOST_SCANS = 100  # the usual script has ten


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """Pixels of a whole picture as they are stored: perhaps reduced, not yet upright or sRGB.

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

    @property
    def is_as_shown(self) -> bool:
        """Whether the stored pixels are upright and in sRGB already."""
        colors = self.colors
        return self.orientation == UPRIGHT and (colors is None or colors.is_srgb)


def decode(source: SourceImage, layouts: Sequence[Layout]) -> Iterator[Raster]:
    """Decode one frame of *source*, large enough for *layouts*; raise `Rejected` if damaged."""
    if source.picture.format is Format.GIF:
        # Even an only frame may leave parts of the picture clear.
        yield from _rasters(source, 1)
        return
    stored = _size(source.image)
    with rejecting_damage(found_in(source.picture)):
        _check_scans(source)
        width, height = _draft(source, layouts)
        source.image.load()
        pixels = color.plain(source.image)
    yield _raster(source, Shown(pixels), stored, width, height)


def decode_frames(source: SourceImage) -> Iterator[Raster]:
    """Decode every frame of the animation *source*; raise `Rejected` if it is damaged."""
    if source.picture.format is Format.GIF:
        gif.check_end(source.content())
    yield from _rasters(source, source.picture.frames)


def plays(source: SourceImage) -> int:
    """Return how often the animation *source* is played; 0 is for ever."""
    loops = source.image.info.get("loop")
    if source.picture.format is not Format.GIF:
        return loops or 0
    # Without the extension a GIF plays once; with it, it counts repetitions.
    return 1 if loops is None else loops and loops + 1


def needed_scale(layout: Layout, picture: Size) -> float:
    """Return how large, in parts of *picture*, pixels must be to fill *layout*."""
    left, top, right, bottom = layout.box
    return max(
        layout.size.width / (picture.width * (right - left)),
        layout.size.height / (picture.height * (bottom - top)),
    )


def draft_scale(picture: Picture, layouts: Sequence[Layout]) -> int:
    """Return by how much decoding can already divide the sides of *picture*."""
    if picture.format is not Format.JPEG:
        return 1
    needed = _DRAFT_MARGIN * max(needed_scale(layout, picture.size) for layout in layouts)
    return next((scale for scale in _DRAFT_SCALES if scale * needed <= 1), 1)


def _check_scans(source: SourceImage) -> None:
    """Refuse a progressive JPEG that goes over its pixels more often than any camera or encoder.

    An almost empty scan takes a few bytes and as long to decode as a full one.
    """
    if not source.image.info.get("progressive"):
        return
    scans = jpeg.count_scans(source.content())
    if scans > _MOST_SCANS:
        raise ImageTooLarge(
            f"{scans} scans are more than the {_MOST_SCANS} allowed",
            found=found_in(source.picture) | {"scans": scans},
        )


def _draft(source: SourceImage, layouts: Sequence[Layout]) -> tuple[float, float]:
    """Let libjpeg scale while it decodes; return the picture's size in what it will give."""
    width, height = source.image.size
    scale = draft_scale(source.picture, layouts)
    if scale > 1 and source.image.draft(None, (width // scale, height // scale)):
        return width / scale, height / scale
    return width, height


def _rasters(source: SourceImage, count: int) -> Iterator[Raster]:
    """Decode the first *count* frames of *source*."""
    stored = _size(source.image)
    shown = _shown(source)
    for number in range(count):
        with rejecting_damage(found_in(source.picture)):
            frame = next(shown, None)
            if frame is None:
                raise CorruptImage(f"only {number} frames are there")
        yield _raster(source, frame, stored, stored.width, stored.height)


def _shown(source: SourceImage) -> Iterator[Shown]:
    """Decode what is seen of each frame of *source*."""
    image = source.image
    match source.picture.format:
        case Format.GIF:
            most_pixels = max(image.width * image.height, LEAST_FRAME_PIXELS)
            return composed(gif.frames(source.content(), most_pixels), image.size)
        case Format.PNG:
            return composed(png_frames(cast("PngImageFile", image)), image.size)
        case _:
            return _composed_by_pillow(image)


def _composed_by_pillow(image: Image.Image) -> Iterator[Shown]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        # Pillow decodes the next frame into the same image.
        yield Shown(color.plain(image.copy()), image.info.get("duration", 0))


def _raster(source: SourceImage, shown: Shown, stored: Size, width: float, height: float) -> Raster:
    orientation = orientation_of(source.image, source.picture.format)
    return Raster(
        image=shown.image,
        width=width,
        height=height,
        size=turned(stored, orientation),
        orientation=orientation,
        colors=ColorSpace(shown.image.mode, source.image.info.get("icc_profile")),
        milliseconds=shown.milliseconds,
    )


def _size(image: Image.Image) -> Size:
    return Size(width=image.width, height=image.height)

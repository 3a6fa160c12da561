"""From a checked header to pixels, at no more than the size that is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from pipeline.errors import ImageTooLarge
from pipeline.imaging import color
from pipeline.imaging.bare import check_gif_ends
from pipeline.imaging.color import ColorSpace
from pipeline.imaging.geometry import Layout
from pipeline.imaging.orientation import UPRIGHT, orientation_of, turned
from pipeline.imaging.source import SourceImage, found_in, rejecting_damage
from pipeline.model import Format, Picture, Size

# libjpeg scales by dropping frequencies: what it leaves must be a little larger than the result.
_DRAFT_MARGIN = 1.05
_DRAFT_SCALES = (8, 4, 2)

_SCAN = b"\xff\xda"
_MOST_SCANS = 100  # the usual script has ten; thumbnails within add theirs


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
    stored = Size(width=source.image.width, height=source.image.height)
    with rejecting_damage(found_in(source.picture)):
        _check_scans(source)
        width, height = _draft(source, layouts)
        source.image.load()
    yield _raster(source, stored, width, height)


def decode_frames(source: SourceImage) -> Iterator[Raster]:
    """Decode every frame of the animation *source*; raise `Rejected` if it is damaged."""
    image = source.image
    stored = Size(width=image.width, height=image.height)
    if source.picture.format is Format.GIF:
        check_gif_ends(source.content())
    for number in _shown_frames(image):
        with rejecting_damage(found_in(source.picture)):
            image.seek(number)
            image.load()
        yield _raster(source, stored, image.width, image.height)


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
    # In coded data 0xFF is never followed by a marker's number, so this finds the markers.
    scans = source.content().count(_SCAN)
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


def _raster(source: SourceImage, stored: Size, width: float, height: float) -> Raster:
    image = source.image
    orientation = orientation_of(image, source.picture.format)
    with rejecting_damage(found_in(source.picture)):
        pixels = color.plain(image)
    return Raster(
        image=pixels,
        width=width,
        height=height,
        size=turned(stored, orientation),
        orientation=orientation,
        colors=ColorSpace(pixels.mode, image.info.get("icc_profile")),
        milliseconds=image.info.get("duration", 0),
    )


def _shown_frames(image: Image.Image) -> range:
    # An APNG may begin with a picture for viewers that know no animation.
    return range(1 if image.info.get("default_image") else 0, getattr(image, "n_frames", 1))

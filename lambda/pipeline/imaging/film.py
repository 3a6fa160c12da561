"""Animations put together: frames of their own size on a canvas that is clear at first.

As the Graphics Interchange Format (version 89a, section 23) and PNG (third edition, section 11.3.4)
say, read like browsers do: what GIF calls the background is clear.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from pipeline.imaging import color

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

_GREY_MODES = frozenset({"L", "LA"})


class Disposal(Enum):
    """What becomes of the part of the canvas that a frame covered, before the next is drawn."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()


_PNG_DISPOSALS = {1: Disposal.CLEAR, 2: Disposal.RESTORE}
_PNG_SOURCE, _PNG_OVER = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An *image* to be drawn with its corner at *left*, *top* of the canvas; it may stick out.

    It is drawn *over* what is there, or else in its place, clear parts included.
    """

    image: Image.Image
    left: int
    top: int
    over: bool
    disposal: Disposal
    milliseconds: float


class Shown(NamedTuple):
    """What is seen while a frame is shown: the whole canvas, without alpha if all is opaque."""

    image: Image.Image
    milliseconds: float = 0


def composed(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Shown]:
    """Yield what is seen of each of *frames* on a canvas of *size*."""
    canvas = Image.new("LA", size)
    for frame in frames:
        image = _drawn(frame, canvas)
        if frame.disposal is Disposal.KEEP:
            canvas = image
        elif frame.disposal is Disposal.CLEAR:
            canvas = _cleared(frame, image)
        yield Shown(image, frame.milliseconds)


def png_frames(image: "PngImageFile") -> Iterator[Frame]:
    """Yield the frames of the animation *image*, which Pillow is to decode but not to compose."""
    # It may begin with a picture for viewers that know no animation.
    for number in range(bool(image.default_image), image.n_frames):
        image.seek(number)
        # Pillow is to leave the frame's pixels as they are: blending, it averages alpha.
        image.blend_op = _PNG_SOURCE
        left, top, right, bottom = image.info["bbox"]
        yield Frame(
            image=color.plain(image.crop((left, top, right, bottom))),
            left=left,
            top=top,
            over=image.info["blend"] == _PNG_OVER,
            disposal=_PNG_DISPOSALS.get(image.info["disposal"], Disposal.KEEP),
            milliseconds=image.info["duration"],
        )


def _drawn(frame: Frame, canvas: Image.Image) -> Image.Image:
    """Return *canvas* with *frame* on it."""
    place = frame.left, frame.top
    blends = frame.over and not _is_opaque(frame.image) and not _is_clear(canvas)
    if not blends and place == (0, 0) and frame.image.size == canvas.size:
        return frame.image
    mode = _mode_for(canvas, frame.image)
    if _is_opaque(canvas) and (frame.over or _is_opaque(frame.image)):
        image = canvas.convert(mode.removesuffix("A"))
        image.paste(frame.image, place, frame.image if blends else None)
        return image
    image = canvas.convert(mode)
    if blends:
        image.alpha_composite(frame.image.convert(mode), place)
    else:
        image.paste(frame.image.convert(mode), place)
    return color.drop_opaque_alpha(image)


def _cleared(frame: Frame, image: Image.Image) -> Image.Image:
    """Return *image* with the place of *frame* clear."""
    canvas = image.convert(_mode_for(image))
    canvas.paste(Image.new(canvas.mode, frame.image.size), (frame.left, frame.top))
    return canvas


def _is_opaque(image: Image.Image) -> bool:
    return "A" not in image.getbands()


def _is_clear(image: Image.Image) -> bool:
    return not _is_opaque(image) and image.getbbox() is None


def _mode_for(*images: Image.Image) -> str:
    # Grey stays grey: its profile would not do for RGB.
    return "LA" if all(image.mode in _GREY_MODES for image in images) else "RGBA"

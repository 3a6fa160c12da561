"""Frames of an animation composed on its canvas, which is clear at first.

By the Graphics Interchange Format (version 89a, section 23) and PNG (third edition, section
11.3.4), read as browsers do: the background of a GIF is clear.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from pipeline.imaging.channels import drop_opaque_alpha, to_plain_mode

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

_GREY_MODES = frozenset({"L", "LA"})
_PNG_SOURCE, _PNG_OVER = 0, 1


class Disposal(Enum):
    """What becomes of the part of the canvas that a frame covered, before the next is drawn."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()


_PNG_DISPOSALS = {1: Disposal.CLEAR, 2: Disposal.RESTORE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An *image* with its corner at *left*, *top* of the canvas, beyond which it may extend.

    It is drawn *over* the canvas, or replaces it, clear parts included.
    """

    image: Image.Image
    left: int
    top: int
    over: bool
    disposal: Disposal
    milliseconds: float


class Composed(NamedTuple):
    """The whole canvas while a frame is shown, without alpha if all of it is opaque."""

    image: Image.Image
    milliseconds: float = 0


def compose(frames: Iterable[Frame], size: tuple[int, int]) -> Iterator[Composed]:
    """Yield the canvas of *size* as each of *frames* shows it."""
    canvas = Image.new("LA", size)
    for frame in frames:
        image = _draw(frame, canvas)
        if frame.disposal is Disposal.KEEP:
            canvas = image
        elif frame.disposal is Disposal.CLEAR:
            canvas = image.convert(_mode_for(image))
            canvas.paste(Image.new(canvas.mode, frame.image.size), (frame.left, frame.top))
        yield Composed(image, frame.milliseconds)


def png_frames(image: "PngImageFile") -> Iterator[Frame]:
    """Yield the frames of the animation *image*, decoded but not composed by Pillow."""
    # It may begin with a picture for viewers that do not animate.
    for number in range(bool(image.default_image), image.n_frames):
        image.seek(number)
        # Pillow must leave the frame's pixels as they are: when it blends, it averages alpha.
        image.blend_op = _PNG_SOURCE
        left, top, right, bottom = image.info["bbox"]
        yield Frame(
            image=to_plain_mode(image.crop((left, top, right, bottom))),
            left=left,
            top=top,
            over=image.info["blend"] == _PNG_OVER,
            disposal=_PNG_DISPOSALS.get(image.info["disposal"], Disposal.KEEP),
            milliseconds=image.info["duration"],
        )


def _draw(frame: Frame, canvas: Image.Image) -> Image.Image:
    """Return *canvas* with *frame* on it."""
    corner = frame.left, frame.top
    is_clear = not _is_opaque(canvas) and canvas.getbbox() is None
    blends = frame.over and not _is_opaque(frame.image) and not is_clear
    if not blends and corner == (0, 0) and frame.image.size == canvas.size:
        return frame.image
    mode = _mode_for(canvas, frame.image)
    if _is_opaque(canvas) and (frame.over or _is_opaque(frame.image)):
        image = canvas.convert(mode.removesuffix("A"))
        image.paste(frame.image, corner, frame.image if blends else None)
        return image
    image = canvas.convert(mode)
    if blends:
        image.alpha_composite(frame.image.convert(mode), corner)
    else:
        image.paste(frame.image.convert(mode), corner)
    return drop_opaque_alpha(image)


def _is_opaque(image: Image.Image) -> bool:
    return "A" not in image.getbands()


def _mode_for(*images: Image.Image) -> str:
    # Grey stays grey: its profile does not apply to RGB.
    return "LA" if all(image.mode in _GREY_MODES for image in images) else "RGBA"

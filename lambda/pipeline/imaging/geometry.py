"""Which part of a picture is shown, at which size, on which canvas. Needs no Pillow."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from pipeline.model import Fit, Position, Size, Variant


class Box(NamedTuple):
    """A part of a picture, in fractions of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Box(0.0, 0.0, 1.0, 1.0)

UPRIGHT = 1
"""The EXIF orientation of pictures that are stored upright."""

_FIRST_SIDEWAYS = 5
_MIRRORED_ACROSS = frozenset({2, 3, 7, 8})
_MIRRORED_DOWN = frozenset({3, 4, 6, 7})

_ACROSS = {"left": 0.0, "right": 1.0}
_DOWN = {"top": 0.0, "bottom": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The part *box* of the upright picture, scaled to *size*, placed on *canvas*."""

    size: Size
    canvas: Size
    box: Box = WHOLE


def lay_out(picture: Size, variant: Variant) -> Layout:
    """Plan *variant* of an upright *picture*.

    With neither a focus nor a position, `cover` crops at the center.
    """
    box = _box(picture, variant)
    fit = Fit.INSIDE if _UNBOUNDED in (box.width, box.height) else variant.fit
    across, down = box.width / picture.width, box.height / picture.height
    if fit is Fit.FILL:
        return _fit_whole(picture, _allowed(across, variant), _allowed(down, variant))
    if fit is Fit.COVER:
        return _cover(picture, box, _allowed(max(across, down), variant), variant)
    scale = _allowed(max(across, down) if fit is Fit.OUTSIDE else min(across, down), variant)
    layout = _fit_whole(picture, scale, scale)
    if fit is Fit.CONTAIN:
        return Layout(size=layout.size, canvas=box)
    return layout


def limit_sides(layout: Layout, longest: int) -> Layout:
    """Shrink *layout* so that no side of its canvas is longer than *longest*."""
    scale = longest / max(layout.canvas.width, layout.canvas.height)
    if scale >= 1:
        return layout
    return replace(layout, size=_shrunk(layout.size, scale), canvas=_shrunk(layout.canvas, scale))


def needed_scale(layout: Layout, picture: Size) -> float:
    """Return how large, in parts of *picture*, pixels must be to fill *layout*."""
    left, top, right, bottom = layout.box
    return max(
        layout.size.width / (picture.width * (right - left)),
        layout.size.height / (picture.height * (bottom - top)),
    )


def offset(inner: Size, outer: Size, position: Position, margin: int = 0) -> tuple[int, int]:
    """Return where *inner* starts to be at *position* in *outer*, *margin* from its edges."""
    across, down = _anchor(position)
    return (
        _start(outer.width - inner.width, across, margin),
        _start(outer.height - inner.height, down, margin),
    )


# A side that is not given never decides.
_UNBOUNDED = 1 << 30


def _box(picture: Size, variant: Variant) -> Size:
    if variant.aspect_ratio is None or variant.width is None:
        return Size(width=variant.width or _UNBOUNDED, height=variant.height or _UNBOUNDED)
    across, down = variant.aspect_ratio
    width = variant.width
    if not variant.enlarge:
        width = min(width, picture.width, _pixels(picture.height * across / down))
    return Size(width=width, height=_pixels(width * down / across))


def _allowed(scale: float, variant: Variant) -> float:
    return scale if variant.enlarge else min(scale, 1.0)


def _fit_whole(picture: Size, across: float, down: float) -> Layout:
    size = Size(width=_pixels(picture.width * across), height=_pixels(picture.height * down))
    return Layout(size=size, canvas=size)


def _shrunk(size: Size, scale: float) -> Size:
    return Size(width=_pixels(size.width * scale), height=_pixels(size.height * scale))


def _pixels(length: float) -> int:
    # A 3000x1 strip in a 100x100 box would be 100x0.03: keep one row of it.
    return max(1, round(length))


def _cover(picture: Size, box: Size, scale: float, variant: Variant) -> Layout:
    size = Size(
        width=min(box.width, _pixels(picture.width * scale)),
        height=min(box.height, _pixels(picture.height * scale)),
    )
    wide = min(1.0, size.width / (picture.width * scale))
    high = min(1.0, size.height / (picture.height * scale))
    if variant.focus is None:
        across, down = _anchor(variant.position or Position.CENTER)
        left, top = (1 - wide) * across, (1 - high) * down
    else:
        left, top = (
            min(max(0.0, focus - part / 2), 1 - part)
            for focus, part in zip(variant.focus, (wide, high), strict=True)
        )
    return Layout(size=size, canvas=size, box=Box(left, top, left + wide, top + high))


def _anchor(position: Position) -> tuple[float, float]:
    """Return *position* as fractions of the free width and height: 0, a half or 1."""
    words = position.value.split("-")
    across = next((_ACROSS[word] for word in words if word in _ACROSS), 0.5)
    down = next((_DOWN[word] for word in words if word in _DOWN), 0.5)
    return across, down


def _start(free: int, anchor: float, margin: int) -> int:
    if anchor == 0.5:
        return free // 2
    return margin if anchor == 0 else free - margin


def swap_sides(size: Size, orientation: int) -> Size:
    """Return *size* after the rotation of an EXIF *orientation*, and equally before it."""
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

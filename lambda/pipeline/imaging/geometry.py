"""Which part of a picture is shown, at which size, on which canvas. Pure arithmetic."""

from dataclasses import dataclass, replace

from pipeline.imaging.orientation import Box
from pipeline.model import Fit, Position, Size, Variant

WHOLE = Box(0.0, 0.0, 1.0, 1.0)

_ACROSS = {"left": 0.0, "right": 1.0}
_DOWN = {"top": 0.0, "bottom": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The part *box* of the upright picture, scaled to *size*, placed on *canvas*."""

    size: Size
    canvas: Size
    box: Box = WHOLE


def lay_out(picture: Size, variant: Variant) -> Layout:
    """Plan *variant* of an upright *picture*; without a position, `cover` crops at the center."""
    fit = variant.fit
    if variant.width is None or variant.height is None:
        fit = Fit.INSIDE
    box = Size(width=variant.width or _UNBOUNDED, height=variant.height or _UNBOUNDED)
    across, down = box.width / picture.width, box.height / picture.height
    if fit is Fit.FILL:
        return _whole(picture, _allowed(across, variant), _allowed(down, variant))
    if fit is Fit.COVER:
        return _cover(picture, box, _allowed(max(across, down), variant), variant.position)
    scale = _allowed(max(across, down) if fit is Fit.OUTSIDE else min(across, down), variant)
    layout = _whole(picture, scale, scale)
    if fit is Fit.CONTAIN:
        return Layout(size=layout.size, canvas=box)
    return layout


def limited(layout: Layout, longest: int) -> Layout:
    """Shrink *layout* so that no side of its canvas is longer than *longest*."""
    scale = longest / max(layout.canvas.width, layout.canvas.height)
    if scale >= 1:
        return layout
    return replace(layout, size=_shrunk(layout.size, scale), canvas=_shrunk(layout.canvas, scale))


def offset(inner: Size, outer: Size, position: Position, margin: int = 0) -> tuple[int, int]:
    """Return where *inner* starts to be at *position* in *outer*, *margin* from its edges."""
    across, down = _anchor(position)
    return (
        _start(outer.width - inner.width, across, margin),
        _start(outer.height - inner.height, down, margin),
    )


# A side that is not given never decides.
_UNBOUNDED = 1 << 30


def _allowed(scale: float, variant: Variant) -> float:
    return scale if variant.enlarge else min(scale, 1.0)


def _whole(picture: Size, across: float, down: float) -> Layout:
    size = Size(width=_pixels(picture.width * across), height=_pixels(picture.height * down))
    return Layout(size=size, canvas=size)


def _shrunk(size: Size, scale: float) -> Size:
    return Size(width=_pixels(size.width * scale), height=_pixels(size.height * scale))


def _pixels(length: float) -> int:
    # A 3000x1 strip in a 100x100 box would be 100x0.03: keep one row of it.
    return max(1, round(length))


def _cover(picture: Size, box: Size, scale: float, position: Position | None) -> Layout:
    size = Size(
        width=min(box.width, _pixels(picture.width * scale)),
        height=min(box.height, _pixels(picture.height * scale)),
    )
    wide = min(1.0, size.width / (picture.width * scale))
    high = min(1.0, size.height / (picture.height * scale))
    across, down = _anchor(position or Position.CENTER)
    left, top = (1 - wide) * across, (1 - high) * down
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

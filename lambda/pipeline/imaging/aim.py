"""Where to crop when nobody says where: at the busiest part."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from PIL import Image, ImageFilter

from pipeline.imaging.decode import Raster
from pipeline.imaging.geometry import WHOLE, Layout
from pipeline.imaging.orientation import Box
from pipeline.imaging.resize import scaled
from pipeline.model import Size

# Enough to see edges, little enough to cost nothing.
_SIDE = 128


def aimed(layout: Layout, raster: Raster) -> Layout:
    """Move the crop of *layout* to where *raster* has the most edges."""
    left, top, right, bottom = layout.box
    edges = _edges(raster)
    left = _busiest(edges.resize((edges.width, 1), Image.Resampling.BOX), right - left)
    top = _busiest(edges.resize((1, edges.height), Image.Resampling.BOX), bottom - top)
    wide, high = layout.box.right - layout.box.left, layout.box.bottom - layout.box.top
    return replace(layout, box=Box(left, top, left + wide, top + high))


def _edges(raster: Raster) -> Image.Image:
    scale = min(1.0, _SIDE / max(raster.size.width, raster.size.height))
    size = Size(
        width=max(1, round(raster.size.width * scale)),
        height=max(1, round(raster.size.height * scale)),
    )
    return scaled(raster, WHOLE, size).convert("L").filter(ImageFilter.FIND_EDGES)


def _busiest(line: Image.Image, share: float) -> float:
    """Return where the best *share* of *line*, a row or column of edge strengths, starts."""
    strengths: Sequence[int] = list(line.tobytes())
    length = min(len(strengths), max(1, round(len(strengths) * share)))
    sums = [0, *accumulate(strengths)]
    starts = range(len(strengths) - length + 1)
    best = max(starts, key=lambda start: sums[start + length] - sums[start])
    return min(best / len(strengths), 1 - share)

"""Compare results before encoding with a full decode and LANCZOS: similarity and time."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter
from typing import TypeAlias

import numpy
from numpy.typing import NDArray
from PIL import Image
from pipeline import imaging
from pipeline.imaging.decode import decode
from pipeline.imaging.geometry import Layout
from pipeline.imaging.resize import Pyramid
from pipeline.model import Size

from tools.bench.engines import LIMITS

Scaled: TypeAlias = Callable[[bytes, int], tuple[Image.Image, float]]
"""Scales a file's picture to fit a square; returns the result and the milliseconds."""

WIDTHS = (2048, 1600, 1024, 800, 640, 480, 320, 160)
GUARD = 0.99

_WINDOW = 8
# (0.01 * 255)**2 and (0.03 * 255)**2, as Wang, Bovik, Sheikh and Simoncelli (2004) propose.
_C1, _C2 = 6.5025, 58.5225

_LANCZOS, _BICUBIC = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC


@dataclass(frozen=True, slots=True)
class Case:
    """One picture at one width."""

    similarity: float
    milliseconds: float


def cases(files: list[bytes], engines: dict[str, Scaled]) -> dict[str, list[Case]]:
    """Return the cases of every engine, for every file and width."""
    found: dict[str, list[Case]] = {name: [] for name in engines}
    for data in files:
        for width in WIDTHS:
            ideal, _ = reference(data, width)
            for name, scaled in engines.items():
                image, milliseconds = scaled(data, width)
                # Engines may round a side to lengths that differ by a pixel.
                same = ideal if ideal.size == image.size else ideal.resize(image.size)
                found[name].append(Case(ssim(image, same), milliseconds))
    return found


def stock(
    *, draft: float = 0, gap: float | None = None, resample: Image.Resampling = _LANCZOS
) -> Scaled:
    """Return Pillow with these shortcuts; libjpeg scales to at least *draft* times the size."""

    def scaled(data: bytes, width: int) -> tuple[Image.Image, float]:
        start = perf_counter()
        image = Image.open(BytesIO(data))
        size = _fitted(image.size, width)
        drawn = image.draft("RGB", (int(size[0] * draft), int(size[1] * draft))) if draft else None
        box = drawn[1] if drawn else None
        result = image.convert("RGB").resize(size, resample, box, gap)
        return result, (perf_counter() - start) * 1e3

    return scaled


def pipeline(data: bytes, width: int) -> tuple[Image.Image, float]:
    """The deployed code, up to but not including the encoder."""
    start = perf_counter()
    with imaging.open_image(BytesIO(data), LIMITS) as source:
        across, down = _fitted(source.image.size, width)
        size = Size(width=across, height=down)
        layout = Layout(size=size, canvas=size)
        result = Pyramid(decode(source, [layout])).scale(layout)
    return result, (perf_counter() - start) * 1e3


reference = stock()

ENGINES: dict[str, Scaled] = {
    "full decode, LANCZOS": reference,
    "JPEG draft scale only": stock(draft=1.05),
    "reducing gap 1.5 only": stock(gap=1.5),
    "reducing gap 1.0 only": stock(gap=1.0),
    "BICUBIC only": stock(resample=_BICUBIC),
    "these three at 1.05, 1.0": stock(draft=1.05, gap=1.0, resample=_BICUBIC),
    "pipeline": pipeline,
}


def _fitted(size: tuple[int, int], width: int) -> tuple[int, int]:
    scale = min(1, width / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def ssim(a: Image.Image, b: Image.Image) -> float:
    """Return the mean structural similarity (SSIM) of the lightness of two equal-sized pictures."""
    x, y = _light(a), _light(b)
    mean_x, mean_y = _means(x), _means(y)
    variance_x = _means(x * x) - mean_x**2
    variance_y = _means(y * y) - mean_y**2
    covariance = _means(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    scale = (mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)
    return float((likeness / scale).mean())


def _light(image: Image.Image) -> NDArray[numpy.float64]:
    return numpy.asarray(image.convert("L"), dtype=numpy.float64)


def _means(values: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    """Return the mean of every window, computed from running sums."""
    sums = numpy.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    n = _WINDOW
    inner: NDArray[numpy.float64] = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    return inner / n**2

"""How close a result is to a full decode and LANCZOS, before encoding."""

from collections.abc import Callable
from io import BytesIO
from typing import TypeAlias

import numpy
from numpy.typing import NDArray
from PIL import Image

Scaled: TypeAlias = Callable[[bytes, int], Image.Image]

WIDTHS = (2048, 1600, 1024, 800, 640, 480, 320, 160)
GUARD = 0.99

_WINDOW = 8
# (0.01 * 255)**2 and (0.03 * 255)**2, as Wang, Bovik, Sheikh and Simoncelli (2004) propose.
_C1, _C2 = 6.5025, 58.5225


def reference(data: bytes, width: int) -> Image.Image:
    """Return the picture in *data* at *width*, with nothing left out on the way."""
    image = Image.open(BytesIO(data)).convert("RGB")
    scale = width / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def similarities(files: list[bytes], scaled: dict[str, Scaled]) -> dict[str, list[float]]:
    """Return the SSIM of every engine in *scaled* for every file and width."""
    found: dict[str, list[float]] = {name: [] for name in scaled}
    for data in files:
        for width in WIDTHS:
            ideal = reference(data, width)
            for name, make in scaled.items():
                image = make(data, width)
                # Engines may round a side differently, by a pixel.
                same = ideal if ideal.size == image.size else ideal.resize(image.size)
                found[name].append(ssim(image, same))
    return found


def ssim(a: Image.Image, b: Image.Image) -> float:
    """Return the mean structural similarity of the lightness of two pictures of one size."""
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
    """Return the mean of every window, from running sums."""
    sums = numpy.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    n = _WINDOW
    inner: NDArray[numpy.float64] = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    return inner / n**2

"""Compare with sharp on a responsive set: several widths and formats of one photograph."""

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Final, TypeAlias

from pipeline import imaging
from pipeline.model import Format, Variant

from tools.bench.engines import LIMITS, sharp, style

WIDTHS: Final = (320, 640, 1280, 1920)
QUALITIES: Final[Mapping[str, int]] = {"avif": 60, "webp": 80, "jpeg": 80}
TARGET: Final = 0.80
"""The pipeline's limit as a multiple of sharp's time."""

_ROUNDS: Final = 3

Measured: TypeAlias = tuple[float, int]
"""Milliseconds and bytes."""


def print_set(photograph: Path, modules: Path | None) -> None:
    """Print the time and size of one photograph's set, from interleaved rounds.

    *modules* contains sharp; it is None without Node.
    """
    data = photograph.read_bytes()
    own: list[Measured] = []
    its: list[Measured] = []
    with ExitStack() as stack:
        peer = stack.enter_context(sharp(modules)) if modules else None
        for _ in range(_ROUNDS):
            own.append(_rendered(data))
            if peer:
                its.append(peer.responsive_set(photograph, WIDTHS, QUALITIES))
    print(f"\n{len(WIDTHS)} widths x {len(QUALITIES)} formats from 12 MP: milliseconds, kilobytes")
    print(_line("pipeline", own))
    if its:
        ratio = _median(own) / _median(its)
        verdict = "meets" if ratio <= TARGET else "misses"
        print(_line("sharp", its))
        print(f"{'':26}{ratio:.2f} x sharp ({verdict} {TARGET:.2f})")


def _rendered(data: bytes) -> Measured:
    variants = [
        Variant(name="set", width=width, format=Format(name), quality=quality)
        for width in WIDTHS
        for name, quality in QUALITIES.items()
    ]
    start = perf_counter()
    with imaging.open_image(BytesIO(data), LIMITS) as source:
        sizes = [len(made.body) for made in imaging.render(source, variants, style())]
    return (perf_counter() - start) * 1e3, sum(sizes)


def _median(rounds: Sequence[Measured]) -> float:
    return statistics.median(milliseconds for milliseconds, _ in rounds)


def _line(name: str, rounds: Sequence[Measured]) -> str:
    return f"{name:26}{_median(rounds):11.0f}{rounds[0][1] / 1000:11.0f}"

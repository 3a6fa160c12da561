"""Compare one upload's waits, time and cost: the function's handler and a tutorial's."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from PIL import Image

from tools.bench.one_upload import Measured
from tools.bench.s3 import LATENCIES

DOLLARS: Final[Mapping[str, float]] = MappingProxyType(
    {"GET": 0.40, "HEAD": 0.40, "PUT": 5.00, "COPY": 5.00, "DELETE": 0.00}
)
"""Per million requests to S3, at the list prices of us-east-1 in 2026."""

_ROUNDS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file to upload, the widths of its variants, and its limits."""

    file: str
    widths: tuple[int, ...]
    milliseconds_waited: float = 80
    time_of_tutorial: float | None = None
    cost_of_tutorial: float | None = None

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{self.file}, {len(self.widths)} variant{'s'[: len(self.widths) > 1]}"


CASES: Final = (
    Case(file="12 MP.jpg", widths=(1600,), time_of_tutorial=0.60, cost_of_tutorial=1.25),
    Case(file="12 MP.jpg", widths=(1600, 800, 320), time_of_tutorial=0.45),
    Case(
        file="12 MP.jpg",
        widths=(1600, 1280, 1024, 800, 640, 480, 320, 160),
        time_of_tutorial=0.35,
    ),
    Case(file="2 MP.jpg", widths=(800,), cost_of_tutorial=1.25),
    Case(file="2 MP.png", widths=(800,), cost_of_tutorial=1.25),
    Case(file="2 MP.webp", widths=(800,), cost_of_tutorial=1.30),
)


def print_uploads(folder: Path, photograph: Path) -> None:
    """Print a row for each case: uploads of *photograph* and of smaller files in *folder*."""
    latencies = ", ".join(f"{name} {value * 1e3:.0f}" for name, value in LATENCIES.items())
    print(f"\nmilliseconds of one upload, best of {_ROUNDS}; S3 answers after {latencies}")
    print(f"{'':26}{'handler':>10}{'waits':>9}{'in all':>9}{'$/million':>11}  requests")
    sources = _sources(folder, photograph)
    for case in CASES:
        found = _measured(case, sources[case.file])
        for name, one in found.items():
            requests = ", ".join(f"{count} {kind}" for kind, count in sorted(one.requests.items()))
            title = case.name if name == "pipeline" else ""
            print(
                f"{title:26}{name:>10}{one.waited:9.0f}{one.milliseconds:9.1f}"
                f"{dollars(one.requests):11.2f}  {requests}"
            )
        print(f"{'':26}{', '.join(_verdict(case, found))}", flush=True)


def dollars(requests: Mapping[str, int]) -> float:
    """Return the cost of a million times these requests."""
    return sum(DOLLARS[kind] * count for kind, count in requests.items())


def _sources(folder: Path, photograph: Path) -> dict[str, Path]:
    paths = {name: folder / name for name in ("2 MP.jpg", "2 MP.png", "2 MP.webp")}
    with Image.open(photograph) as image:
        small = image.convert("RGB").resize((1600, 1200))
    for path in paths.values():
        if not path.exists():
            small.save(path, quality=90)
    return {"12 MP.jpg": photograph, **paths}


def _measured(case: Case, path: Path) -> dict[str, Measured]:
    widths = map(str, case.widths)
    command = [sys.executable, "-m", "tools.bench.one_upload", str(_ROUNDS), str(path), *widths]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return {name: Measured(**fields) for name, fields in json.loads(run.stdout).items()}


def _verdict(case: Case, found: Mapping[str, Measured]) -> Iterator[str]:
    own, other = found["pipeline"], found["tutorial"]
    yield f"waits {_judged(own.waited, case.milliseconds_waited, '.0f')}"
    ratio = own.milliseconds / other.milliseconds
    yield f"{_judged(ratio, case.time_of_tutorial)} of its time"
    ratio = dollars(own.requests) / dollars(other.requests)
    yield f"{_judged(ratio, case.cost_of_tutorial)} of its cost"


def _judged(value: float, target: float | None, digits: str = ".2f") -> str:
    if target is None:
        return f"{value:{digits}}"
    met = "meets" if value <= target else "misses"
    return f"{value:{digits}} ({met} {target:{digits}})"

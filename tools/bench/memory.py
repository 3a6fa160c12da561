"""Measure the peak memory of a fresh process that does one piece of work.

python -m bench.memory ENGINE FILE
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bench import engines
from tools.bench.peak import high_water
from tools.bench.work import WORKS, Work

PYTHON_ENGINES: dict[str, Callable[[Work, bytes], Sequence[bytes]]] = {
    "pipeline": engines.this_pipeline,
    "naive": engines.naive,
    "thumbnail": engines.thumbnail,
    "libvips": engines.vips,
}


def python_peak(engine: str, file: Path) -> float:
    """Return the megabytes of a Python process in which *engine* does its first work on *file*."""
    command = [sys.executable, "-m", "tools.bench.memory", engine, str(file)]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return float(json.loads(run.stdout))


def sharp_peak(modules: Path, file: Path) -> float:
    """Return the megabytes of a Node process that does its first work on *file*."""
    with engines.sharp(modules) as sharp:
        sharp.run(WORKS[0], file)
        return high_water(sharp.process_id)


def main(engine: str, file: str) -> None:
    """Run from the command line."""
    # The function's package has no NumPy, but one of its libraries loads it where it is installed.
    # None is how Python is told that a module cannot be imported.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    PYTHON_ENGINES[engine](WORKS[0], Path(file).read_bytes())
    print(json.dumps(high_water()))


if __name__ == "__main__":
    main(*sys.argv[1:])

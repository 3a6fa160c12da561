"""Measure what decoding in a sandbox costs: the first upload, later ones, and memory.

python -m bench.sandbox sandbox|in-process FILE
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from pipeline.model import Limits, Style, Variant
from pipeline.sandbox import InProcess, Sandbox
from pipeline.sandbox.launch import START

from tools.bench.peak import high_water

_ROUNDS = 5
_UPLOADS = 9
# Not from `bench.engines`: the function's own process must not load Pillow.
_LIMITS = Limits(source_bytes=100_000_000, pixels=150_000_000, memory_bytes=1769 << 20)
_VARIANT = Variant(
    name="web",
    width=1024,
    height=1024,
    format=None,
    quality=80,
    watermark=False,
)
_STYLE = Style(
    watermark=None,
    background=(255, 255, 255),
    keep_copyright=False,
    keep_provenance=True,
    exif_facts=(),
    blurred_placeholder=False,
)


def print_sandbox(file: Path) -> None:
    """Print the cost of *file* in the sandbox and in the function's own process."""
    rounds: dict[str, list[Mapping[str, float]]] = {"sandbox": [], "in-process": []}
    for _ in range(_ROUNDS):
        for mode, costs in rounds.items():
            command = [sys.executable, "-m", "tools.bench.sandbox", mode, str(file)]
            run = subprocess.run(command, capture_output=True, check=True, text=True)
            costs.append(json.loads(run.stdout))
    print("\ndecoding in the sandbox, 12 megapixels to 1024")
    print(f"{'':26}{'sandbox':>12}{'in process':>12}{'more':>9}{'target':>9}")
    for name, target in (("first ms", 60), ("later ms", 15), ("peak MB", 40)):
        there, here = (
            statistics.median(costs[name] for costs in rounds[mode])
            for mode in ("sandbox", "in-process")
        )
        print(f"{name:26}{there:12.1f}{here:12.1f}{there - here:9.1f}{target:9}")


def main(mode: str, path: str) -> None:
    """Run from the command line: start as the function does, and process the file a few times."""
    # The function's package has no NumPy, which one of its libraries would load if it were there.
    sys.modules["numpy"] = None  # type: ignore[assignment]  # Python's mark for "not importable"
    program = f"import sys; sys.modules['numpy'] = None; {START}"
    start = time.perf_counter()
    sandbox = (
        Sandbox(_STYLE, required=True, report=lambda _, __: None, program=program)
        if mode == "sandbox"
        else None
    )
    import boto3

    from tools.bench.s3 import LATENCIES

    boto3.client("s3", region_name="eu-west-1")
    data = Path(path).read_bytes()
    _render(sandbox or InProcess(), data)
    first = time.perf_counter() - start
    later = []
    for _ in range(_UPLOADS):
        # Between two uploads a function waits for S3 at least twice; the next child starts then.
        time.sleep(LATENCIES["HEAD"] + LATENCIES["GET"])
        start = time.perf_counter()
        _render(sandbox or InProcess(), data)
        later.append(time.perf_counter() - start)
    if sandbox:
        sandbox.close()
    # A child shares its memory with the worker, which is idle meanwhile.
    peak = high_water() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    costs = {"first ms": first * 1e3, "later ms": statistics.median(later) * 1e3}
    print(json.dumps(costs | {"peak MB": peak}))


def _render(renderer: Sandbox | InProcess, data: bytes) -> None:
    with renderer.open(BytesIO(data), _LIMITS) as opened:
        for _ in opened.render([_VARIANT], _STYLE):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])

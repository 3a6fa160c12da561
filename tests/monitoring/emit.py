"""Print what the function's telemetry writes for every kind of outcome: run as a program.

It needs its own process, because Powertools reads the pipeline's name when it is imported.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
REASONS: Final = ("unsupported-format", "corrupt-image", "image-too-large")

Line: TypeAlias = Mapping[str, Any]


@cache
def emitted(service: str) -> Mapping[str, tuple[Line, ...]]:
    """Return the lines that a function of this name writes, by outcome.

    The outcomes are the statuses, with one for each of `REASONS` in place of `rejected`. Lines of
    metrics have the key `_aws`.
    """
    printed = subprocess.run(
        [sys.executable, "-m", "tests.monitoring.emit"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"lambda{os.pathsep}.",
            "POWERTOOLS_SERVICE_NAME": service,
            "POWERTOOLS_METRICS_NAMESPACE": "ImagePipeline",
        },
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines: dict[str, tuple[Line, ...]] = {}
    outcome = ""
    for line in printed.splitlines():
        if line.startswith("outcome "):
            outcome = line.split()[1]
            lines[outcome] = ()
        else:
            lines[outcome] += (json.loads(line),)
    return lines


def main() -> None:
    """Print every outcome, each followed by its lines."""
    from pipeline.attempt import attempt
    from pipeline.errors import TransientFailure, rejection
    from pipeline.model import (
        Cause,
        Format,
        Image,
        ImageInfo,
        Outcome,
        Request,
        Result,
        Size,
        Source,
        Status,
    )
    from pipeline.telemetry import log_result

    request = Request(bucket="source", key="cats/tom.jpg", cause=Cause.UPLOAD)
    source = Source(bucket="source", key="cats/tom.jpg", etag="1", size=3_000_000, version="1")
    info = ImageInfo(
        format=Format.JPEG, size=Size(width=4000, height=3000), frames=1, has_alpha=False
    )
    image = Image(
        variant="large", key="cats/tom.jpg", etag="1", format=Format.JPEG, width=1600, height=1200,
        bytes=300_000,
    )  # fmt: skip
    done = Outcome(status=Status.PUBLISHED, source=source, info=info, written=(image,))
    stages = {"fetch": 45, "decode": 60, "resize": 15, "encode": 30, "publish": 70, "confirm": 20}
    milliseconds = {**stages, "total": 240}

    def fails(*_: object, **__: object) -> Outcome:
        raise TransientFailure("cannot read the source: SlowDown")

    results = {
        status.value: Result(
            request=request,
            outcome=replace(done, status=status, written=done.written * (status is done.status)),
            milliseconds=milliseconds,
        )
        for status in Status
        if status not in (Status.REJECTED, Status.FAILED)
    }
    for reason in REASONS:
        rejected = Outcome(
            status=Status.REJECTED, source=source, rejection=rejection(reason, "No.", {})
        )
        results[reason] = Result(request=request, outcome=rejected, milliseconds={"total": 20.0})
    # It fails before it would need a pipeline.
    pipeline: Any = None
    results["failed"] = attempt(request, fails, pipeline, deadline=0)
    for name, result in results.items():
        print("outcome", name, flush=True)
        log_result(result)


if __name__ == "__main__":
    main()

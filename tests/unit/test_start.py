"""A cold start loads no module of a part that is off."""

import subprocess
import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[2] / "lambda"

OPTIONAL = {
    "boto3",  # botocore is enough, and faster
    "pipeline.completion",
    "pipeline.api",
    "pipeline.table",
    "pipeline.uploads",
    "pipeline.web",
}


def test_optional_parts_are_not_loaded_at_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import index, sys; print(*sys.modules)"],
        cwd=LAMBDA,
        env={"POWERTOOLS_METRICS_NAMESPACE": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "pipeline.reconcile" in loaded
    assert not loaded & OPTIONAL


def test_the_handlers_process_loads_no_decoder() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import index, sys; print(*sys.modules)"],
        cwd=LAMBDA,
        env={"POWERTOOLS_METRICS_NAMESPACE": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"PIL", "pillow_heif"} & set(done.stdout.split())

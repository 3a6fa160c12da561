"""A cold start loads no decoder and no module of a part that is off."""

import subprocess
import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[2] / "lambda"

NOT_AT_START = {
    "PIL",  # decoding is left to the sandbox
    "pillow_heif",
    "boto3",  # botocore is enough, and faster
    "pipeline.aws.completion",
    "pipeline.web.api",
    "pipeline.aws.table",
    "pipeline.aws.uploads",
    "pipeline.web",
}


def test_decoders_and_optional_parts_are_not_loaded_at_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import index, sys; print(*sys.modules)"],
        cwd=LAMBDA,
        env={"POWERTOOLS_METRICS_NAMESPACE": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "pipeline.processed.reconcile" in loaded
    assert not loaded & NOT_AT_START

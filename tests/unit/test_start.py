"""What the function loads when it starts: nothing of a part that is off."""

import subprocess
import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[2] / "lambda"

OPTIONAL = {
    "aws_lambda_powertools.event_handler",
    "boto3.dynamodb.types",
    "pipeline.announcements",
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
    assert "pipeline.process" in loaded
    assert not loaded & OPTIONAL

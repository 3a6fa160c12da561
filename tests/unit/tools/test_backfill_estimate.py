"""The cost of a backfill is estimated from the outputs of the deployment."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.operations import deployment, estimate
from tools.operations.deployment import BackfillError, Deployment
from tools.operations.scan import Found

OUTPUT: dict[str, Any] = {
    "state_machine_arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:backfill",
    "source_bucket": "source",
    "processed_bucket": "processed",
    "failure_queue_url": "queue",
    "inventory_bucket": None,
    "results_prefix": ".pipeline/backfill/",
    "prefix": "",
    "suffixes": [],
    "batch_size": 10,
    "max_concurrency": 5,
    "tolerated_failure_percentage": 5,
    "attempts": 3,
    "function_name": "processor",
    "memory_mb": 1024,
    "architecture": "arm64",
    "timeout_seconds": 60,
    "variants": 2,
}
FOUND = Found(objects=1000, sources=900, bytes=2_500_000_000)


def test_requests_seconds_and_batches_are_added_up() -> None:
    objects, total, _ = estimate.report(FOUND, Deployment(**OUTPUT))
    assert objects == "1,000 objects, 900 of them for the pipeline (2,500.0 MB)."
    s3 = 8_100 * 0.0004 / 1000 + 1_800 * 0.005 / 1000
    function = 360 * 0.0000133334
    batches = 100 * 0.0000252
    assert f"about ${s3 + function + batches:,.2f} and 2 min" in total


def test_one_object_is_in_the_singular() -> None:
    objects, *_ = estimate.report(Found(objects=1, sources=1, bytes=100), Deployment(**OUTPUT))
    assert objects == "1 object, 1 of them for the pipeline (0.0 MB)."


@pytest.mark.parametrize(("objects", "most"), [(0, 100), (1000, 1100), (1_000_000, 1_010_000)])
def test_there_is_room_for_uploads_that_arrive_meanwhile(objects: int, most: int) -> None:
    assert estimate.most_objects(Found(objects=objects, sources=0, bytes=0)) == most


def test_a_deployment_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "backfill.json"
    file.write_text(json.dumps({**OUTPUT, "of_a_later_version": 1}))
    assert deployment.backfill_deployment(file) == Deployment(**OUTPUT)


def test_a_backfill_that_is_off_is_reported_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "backfill.json"
    file.write_text("null")
    with pytest.raises(BackfillError, match="The backfill is off"):
        deployment.backfill_deployment(file)

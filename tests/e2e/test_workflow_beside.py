"""The workflow beside the other optional parts, and what is tried again by it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import processes
import pytest

from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.upload_api import without
from tests.e2e.workflow import Workflow
from tests.factories import picture

REDRIVE = Path(__file__).parents[2] / "tools" / "redrive.py"


@pytest.fixture(scope="module")
def workflow(pipeline: Pipeline) -> Iterator[Workflow]:
    yield Workflow(pipeline, {"metadata": {}})
    pipeline.apply()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(300, 200))
    return file


def record(key: str) -> dict[str, Any] | None:
    answer = boto3.client("dynamodb").get_item(
        TableName="image-pipeline-records", Key={"source_key": {"S": key}}
    )
    return answer.get("Item")


def test_an_upload_is_recorded_when_all_its_images_are_there(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    pipeline.upload(photo, "beside/tom.jpg")
    recorded = eventually(lambda: record("beside/tom.jpg"), what="the record")
    assert recorded["status"] == {"S": "ready"}
    images = [image["M"]["key"]["S"] for image in recorded["images"]["L"]]
    assert images == ["small/beside/tom.jpg", "web/beside/tom.webp"]
    assert recorded["dominant_color"]["S"]
    assert pipeline.keys("small/beside/tom") + pipeline.keys("web/beside/tom") == images


def test_a_rejection_is_recorded_with_its_reason(
    pipeline: Pipeline, workflow: Workflow, tmp_path: Path
) -> None:
    file = tmp_path / "text.jpg"
    file.write_text("no picture")
    pipeline.upload(file, "beside/text.jpg")
    recorded = eventually(lambda: record("beside/text.jpg"), what="the record")
    assert recorded["status"] == {"S": "rejected"}
    assert recorded["reason"] == {"S": "unsupported-format"}


def test_what_failed_goes_by_the_workflow_again(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = "beside/again.jpg"
    with without(pipeline, "read-source"):
        pipeline.upload(photo, key)
        assert workflow.statuses(key) == ["FAILED"]
    said = processes.run(
        *(sys.executable, str(REDRIVE), "--reason", "RetriesExhausted", "--yes"),
        *("--queue-url", pipeline.outputs["failure_queue_url"]),
        *("--workflow", workflow.arn),
        environment=pipeline.cloud.environment,
    )
    assert key in said
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert sorted(workflow.statuses(key)) == ["FAILED", "SUCCEEDED"]

"""Features of the workflow only: its permissions, its records, and its review."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.backfill import Backfill
from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.upload_api import without
from tests.e2e.workflow import RULE_ROLE, Workflow, reviewer
from tests.factories import picture

RECORDED: Mapping[str, Any] = {"metadata": {"deletion_protection": False}}


@pytest.fixture(scope="module")
def workflow(pipeline: Pipeline) -> Workflow:
    return Workflow(pipeline, RECORDED)


@pytest.fixture(scope="module")
def review(pipeline: Pipeline) -> Iterator[str]:
    with reviewer(pipeline) as function:
        yield function


@pytest.fixture(scope="module", params=["express", "standard"])
def reviewed(pipeline: Pipeline, review: str, request: pytest.FixtureRequest) -> Workflow:
    return Workflow(pipeline, RECORDED, type=request.param, review={"function_arn": review})


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(300, 200))
    return file


def images(pipeline: Pipeline, name: str) -> list[str]:
    """Return the keys of the images of the upload *name*."""
    return pipeline.keys(f"small/{name}") + pipeline.keys(f"web/{name}")


def record(key: str) -> dict[str, Any] | None:
    response = boto3.client("dynamodb").get_item(
        TableName="image-pipeline-records", Key={"source_key": {"S": key}}
    )
    return response.get("Item")


def test_a_machine_that_may_not_invoke_the_function_reports_it(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/forbidden.jpg"
    with without(pipeline, "invoke-function", role=workflow.role):
        pipeline.upload(photo, key)
        failure = pipeline.failure(key)
    assert "lambda:InvokeFunction" in failure["responsePayload"]["errorMessage"]
    assert images(pipeline, f"{workflow.role}/forbidden") == []


def test_a_machine_that_may_not_report_fails(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/unreported.jpg"
    with (
        without(pipeline, "invoke-function", role=workflow.role),
        without(pipeline, "send-failures", role=workflow.role),
    ):
        pipeline.upload(photo, key)
        [execution] = workflow.ended(key)
    assert "sqs:SendMessage" in execution["cause"]


def test_an_undelivered_event_is_on_the_failure_queue(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/undelivered.jpg"
    with without(pipeline, "start-workflow", role=RULE_ROLE):
        pipeline.upload(photo, key)
        event = pipeline.failure(key)
    assert event["detail-type"] == "Object Created"
    assert images(pipeline, f"{workflow.role}/undelivered") == []


def test_an_upload_is_recorded_after_all_its_images_are_published(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/recorded.jpg"
    pipeline.upload(photo, key)
    recorded = eventually(lambda: record(key), what="the record")
    assert recorded["status"] == {"S": "ready"}
    output = [image["M"]["key"]["S"] for image in recorded["images"]["L"]]
    assert output == images(pipeline, f"{workflow.role}/recorded")
    assert len(output) == 2
    assert recorded["dominant_color"]["S"]


def test_an_upload_that_the_review_allows_is_published(
    pipeline: Pipeline, reviewed: Workflow, photo: Path
) -> None:
    key = f"{reviewed.role}/fine.jpg"
    pipeline.upload(photo, key)
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert reviewed.statuses(key) == ["SUCCEEDED"]


def test_an_upload_that_the_review_refuses_is_reported_and_not_published(
    pipeline: Pipeline, reviewed: Workflow, photo: Path
) -> None:
    key = f"{reviewed.role}/refused.jpg"
    pipeline.upload(photo, key)
    failure = pipeline.failure(key)
    assert failure["rejection"]["reason"] == "refused"
    assert failure["rejection"]["message"] == "no cats here"
    assert reviewed.statuses(key) == ["SUCCEEDED"]
    assert images(pipeline, f"{reviewed.role}/refused") == []


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("unreadable", "UnreadableReview", "perhaps"),
        ("failing", "RuntimeError", "no opinion"),
    ],
)
def test_an_upload_without_a_decision_is_reported_and_not_published(
    pipeline: Pipeline, reviewed: Workflow, photo: Path, name: str, error: str, message: str
) -> None:
    key = f"{reviewed.role}/{name}.jpg"
    pipeline.upload(photo, key)
    response = pipeline.failure(key)["responsePayload"]
    assert response["errorType"] == error
    assert message in response["errorMessage"]
    assert reviewed.statuses(key) == ["FAILED"]
    assert images(pipeline, f"{reviewed.role}/{name}") == []


@pytest.mark.parametrize("reviewed", ["express"], indirect=True)
def test_a_machine_that_may_not_invoke_the_review_publishes_nothing(
    pipeline: Pipeline, reviewed: Workflow, photo: Path
) -> None:
    key = f"{reviewed.role}/unasked.jpg"
    with without(pipeline, "ask-review", role=reviewed.role):
        pipeline.upload(photo, key)
        failure = pipeline.failure(key)
    assert "lambda:InvokeFunction" in json.dumps(failure["responsePayload"])
    assert images(pipeline, f"{reviewed.role}/unasked") == []


# This test changes the deployment, so it is the last one.


@pytest.mark.parametrize("reviewed", ["express"], indirect=True)
def test_a_backfill_skips_unreviewed_uploads(
    pipeline: Pipeline, reviewed: Workflow, review: str, photo: Path
) -> None:
    pipeline.upload(photo, "before/allowed.jpg")
    assert reviewed.statuses("before/allowed.jpg") == ["SUCCEEDED"]

    backfill = Backfill(
        pipeline,
        workflow={"review": {"function_arn": review}},
        variants={"small": {"width": 70}},
    )
    backfill.put({"before/unseen.jpg": picture()})
    output = backfill.run("--prefix", "before/", "--yes")

    assert "1 made" in output
    assert '1 not reviewed yet: "before/unseen.jpg"' in output
    assert backfill.images("small/before/").keys() == {"small/before/allowed.jpg"}

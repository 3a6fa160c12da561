"""An upload that goes by the workflow ends as one that goes the direct way."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import processes
import pytest

from tests.e2e.backfill import Backfill
from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.upload_api import without
from tests.e2e.workflow import RULE_ROLE, Workflow, reviewer
from tests.factories import picture

REDRIVE = Path(__file__).parents[2] / "tools" / "redrive.py"

RECORDED: Mapping[str, Any] = {"metadata": {}}


@pytest.fixture(scope="module", autouse=True)
def direct_again(pipeline: Pipeline) -> Iterator[None]:
    """Leave the pipeline as it was found."""
    yield
    pipeline.apply()


@pytest.fixture(scope="module", params=["express", "standard"])
def workflow(pipeline: Pipeline, request: pytest.FixtureRequest) -> Workflow:
    return Workflow(pipeline, RECORDED, type=request.param)


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


express = pytest.mark.parametrize("workflow", ["express"], indirect=True)


def images(pipeline: Pipeline, name: str) -> list[str]:
    """Return the keys of the images of what was uploaded under *name*."""
    return pipeline.keys(f"small/{name}") + pipeline.keys(f"web/{name}")


def record(key: str) -> dict[str, Any] | None:
    answer = boto3.client("dynamodb").get_item(
        TableName="image-pipeline-records", Key={"source_key": {"S": key}}
    )
    return answer.get("Item")


def test_a_plan_after_an_apply_is_empty(pipeline: Pipeline, workflow: Workflow) -> None:
    assert not pipeline.terraform.has_changes(), workflow.role


def test_an_upload_comes_out_in_every_variant(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/tom.jpg"
    pipeline.upload(photo, key)
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert pipeline.published(f"web/{workflow.role}/tom.webp").size == (60, 40)
    assert workflow.statuses(key) == ["SUCCEEDED"]
    assert [line["message"] for line in pipeline.lines(key)][-1] == "published"


@pytest.mark.parametrize("name", ["a b+c%é", "100% +1", "катя/ネコ 🐈", "a&b=c?d#e", "quote'\""])
def test_keys_come_out_as_they_went_in(
    pipeline: Pipeline, workflow: Workflow, photo: Path, name: str
) -> None:
    key = f"{workflow.role}/{name}.jpg"
    pipeline.upload(photo, key)
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert workflow.statuses(key) == ["SUCCEEDED"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.jpg", b"just text", "unsupported-format"),
        ("corrupt.jpg", picture(300, 200)[:-400], "corrupt-image"),
        ("empty.jpg", b"", "empty-file"),
    ],
)
def test_a_bad_file_is_on_the_failure_queue_with_its_reason(
    pipeline: Pipeline, workflow: Workflow, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    key = f"{workflow.role}/{name}"
    file = tmp_path / name
    file.write_bytes(content)
    pipeline.upload(file, key)
    failure = pipeline.failure(key)
    assert failure["rejection"]["reason"] == reason
    assert failure["rejection"]["source"]["key"] == key
    assert workflow.statuses(key) == ["SUCCEEDED"]
    assert images(pipeline, key.partition(".")[0]) == []


def test_a_removed_source_takes_its_images_along(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/going.jpg"
    pipeline.upload(photo, key)
    workflow.statuses(key)
    assert images(pipeline, f"{workflow.role}/going")
    pipeline.s3.delete_object(Bucket=pipeline.outputs["source_bucket"], Key=key)
    eventually(lambda: not images(pipeline, f"{workflow.role}/going"), what="the removal")


def test_a_transient_fault_is_retried_to_success(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/retried.jpg"
    with without(pipeline, "write-processed"):
        pipeline.upload(photo, key)
        eventually(lambda: pipeline.lines(key), what="a first, failed try")
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert workflow.statuses(key) == ["SUCCEEDED"]


@express  # the other has the patience to try for long, and reports as a failing review does
def test_a_lasting_fault_ends_on_the_failure_queue(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/lasting.jpg"
    with without(pipeline, "read-source"):
        pipeline.upload(photo, key)
        failure = pipeline.failure(key)
    assert failure["requestContext"]["condition"] == "RetriesExhausted"
    assert failure["responsePayload"]["errorType"] == "TransientFailure"
    assert "AccessDenied" in failure["responsePayload"]["errorMessage"]
    assert workflow.statuses(key) == ["FAILED"]
    assert images(pipeline, key.partition(".")[0]) == []


@express
def test_a_machine_that_may_not_invoke_the_function_says_so(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/forbidden.jpg"
    with without(pipeline, "invoke-function", role=workflow.role):
        pipeline.upload(photo, key)
        failure = pipeline.failure(key)
    assert "lambda:InvokeFunction" in failure["responsePayload"]["errorMessage"]
    assert images(pipeline, f"{workflow.role}/forbidden") == []


@express
def test_a_machine_that_may_not_report_fails_for_that(
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


@express
def test_what_eventbridge_cannot_deliver_is_on_the_failure_queue(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/undelivered.jpg"
    with without(pipeline, "start-workflow-express", role=RULE_ROLE):
        pipeline.upload(photo, key)
        event = pipeline.failure(key)
    assert event["detail-type"] == "Object Created"
    assert images(pipeline, f"{workflow.role}/undelivered") == []


@express
def test_an_upload_is_recorded_when_all_its_images_are_there(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/recorded.jpg"
    pipeline.upload(photo, key)
    recorded = eventually(lambda: record(key), what="the record")
    assert recorded["status"] == {"S": "ready"}
    told = [image["M"]["key"]["S"] for image in recorded["images"]["L"]]
    assert told == images(pipeline, f"{workflow.role}/recorded")
    assert len(told) == 2
    assert recorded["dominant_color"]["S"]


@express
def test_a_rejection_is_recorded_with_its_reason(
    pipeline: Pipeline, workflow: Workflow, tmp_path: Path
) -> None:
    key = f"{workflow.role}/rejected.jpg"
    file = tmp_path / "text.jpg"
    file.write_text("no picture")
    pipeline.upload(file, key)
    recorded = eventually(lambda: record(key), what="the record")
    assert recorded["status"] == {"S": "rejected"}
    assert recorded["reason"] == {"S": "unsupported-format"}


@express
def test_what_failed_goes_by_the_workflow_again(
    pipeline: Pipeline, workflow: Workflow, photo: Path
) -> None:
    key = f"{workflow.role}/again.jpg"
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


def test_what_the_review_allows_comes_out(
    pipeline: Pipeline, reviewed: Workflow, photo: Path
) -> None:
    key = f"{reviewed.role}/fine.jpg"
    pipeline.upload(photo, key)
    assert pipeline.published(f"small/{key}").size == (120, 80)
    assert reviewed.statuses(key) == ["SUCCEEDED"]


def test_what_the_review_refuses_is_reported_and_not_published(
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
def test_what_the_review_does_not_decide_is_reported_and_not_published(
    pipeline: Pipeline, reviewed: Workflow, photo: Path, name: str, error: str, message: str
) -> None:
    key = f"{reviewed.role}/{name}.jpg"
    pipeline.upload(photo, key)
    answer = pipeline.failure(key)["responsePayload"]
    assert answer["errorType"] == error
    assert message in answer["errorMessage"]
    assert reviewed.statuses(key) == ["FAILED"]
    assert images(pipeline, f"{reviewed.role}/{name}") == []


@pytest.mark.parametrize("reviewed", ["express"], indirect=True)
def test_a_machine_that_may_not_ask_publishes_nothing(
    pipeline: Pipeline, reviewed: Workflow, photo: Path
) -> None:
    key = f"{reviewed.role}/unasked.jpg"
    with without(pipeline, "ask-review", role=reviewed.role):
        pipeline.upload(photo, key)
        failure = pipeline.failure(key)
    assert "lambda:InvokeFunction" in json.dumps(failure["responsePayload"])
    assert images(pipeline, f"{reviewed.role}/unasked") == []


# The last one leaves another deployment behind than it finds.


@pytest.mark.parametrize("reviewed", ["express"], indirect=True)
def test_a_backfill_leaves_alone_what_no_review_has_allowed(
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
    told = backfill.run("--prefix", "before/", "--yes")

    assert "1 wait for a review and are left alone" in told
    assert "1 made" in told
    assert '1 not reviewed yet: "before/unseen.jpg"' in told
    assert backfill.images("small/before/").keys() == {"small/before/allowed.jpg"}

"""What a backfill costs is worked out in the open, and bounded."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from backfilling import deployment, estimate
from backfilling.deployment import BackfillError, Deployment, Limits
from backfilling.survey import Survey
from botocore.stub import Stubber

OUTPUT: dict[str, Any] = {
    "state_machine_arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:backfill",
    "source_bucket": "source",
    "processed_bucket": "processed",
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
DEPLOYED = Deployment(**OUTPUT)
EXPRESS = Limits(is_express=True, batch_seconds=215, total_seconds=24 * 3600, reviewed_only=False)
STANDARD = replace(EXPRESS, is_express=False)
SURVEY = Survey(
    objects=1000, sources=900, bytes=2_500_000_000, current=400, unreviewed=0, is_exact=True
)


def dollars(load: estimate.Load, limits: Limits) -> dict[str, float]:
    return {cost.service: cost.dollars for cost in estimate.costs(load, DEPLOYED, limits)}


def test_what_is_expected_is_every_batch_once() -> None:
    load = estimate.expected(SURVEY, DEPLOYED)
    assert (load.made, load.looked_at, load.batches, load.invocations) == (500, 400, 100, 100)
    assert load.lambda_seconds == pytest.approx(500 * 2 * 0.2 + 400 * 0.02)
    assert estimate.seconds(load, DEPLOYED) == pytest.approx(208 / 5)
    assert dollars(load, EXPRESS) == pytest.approx(
        {
            "S3, reading": (500 * 5 + 400) * 0.0004 / 1000 + 0.005 / 1000,
            "S3, writing": 500 * 4 * 0.005 / 1000,
            "Lambda": 208 * 0.0000133334 + 100 * 0.20 / 1e6,
            "Step Functions": 100 * (0.025 / 1000 + 1 / 1e6) + 208 * 0.0625 * 0.00001667,
        }
    )


def test_the_most_is_every_batch_tried_to_the_end() -> None:
    load = estimate.at_most(SURVEY, DEPLOYED, EXPRESS)
    assert (load.listed, load.batches, load.invocations) == (1100, 110, 330)
    assert dollars(load, EXPRESS) == pytest.approx(
        {
            "S3, reading": 3300 * 5 * 0.0004 / 1000 + 2 * 0.005 / 1000,
            "S3, writing": 3300 * 4 * 0.005 / 1000,
            "Lambda": 330 * 60 * 0.0000133334 + 330 * 0.20 / 1e6,
            "Step Functions": 110 * (0.025 / 1000 + 1 / 1e6) + 110 * 215 * 0.0625 * 0.00001667,
        }
    )
    assert estimate.most_seconds(load.batches, DEPLOYED, EXPRESS) == 110 / 5 * 215


def test_no_backfill_outlasts_the_state_machine() -> None:
    short = replace(EXPRESS, total_seconds=600)
    assert estimate.most_seconds(110, DEPLOYED, short) == 600
    load = estimate.at_most(SURVEY, DEPLOYED, short)
    assert load.lambda_seconds == 5 * (600 + 60)


def test_every_try_of_a_standard_batch_is_a_transition() -> None:
    load = estimate.at_most(SURVEY, DEPLOYED, STANDARD)
    assert dollars(load, STANDARD)["Step Functions"] == pytest.approx((110 + 330) * 0.025 / 1000)


def test_large_listings_have_room_for_one_percent_more() -> None:
    assert estimate.most_objects(replace(SURVEY, objects=1_000_000)) == 1_010_000


def report(survey: Survey, limits: Limits = EXPRESS) -> str:
    return "\n".join(estimate.report(survey, DEPLOYED, limits))


def test_the_report_shows_its_arithmetic() -> None:
    text = report(SURVEY)
    assert text.startswith(
        "1,000 objects, of which 900 are for the pipeline (2.5 GB):\n"
        "  400 are up to date\n"
        "  500 are to be made\n"
    )
    assert "(500 × 5 + 400) × $0.0004/1,000 + 1 × $0.005/1,000" in text
    assert "208.0 s × 1.000 GB × $0.0000133334 + 100 × $0.2/1,000,000" in text
    assert "Time: 42 s, with 5 batches at once." in text
    assert "At most, whatever happens: 1,100 objects in 110 batches, each tried 3 times" in text
    assert "No more than $0.3642 and 79 min, and less when more than 5 % of the objects" in text


def test_the_report_of_a_sample_says_about() -> None:
    text = report(replace(SURVEY, is_exact=False, unreviewed=7))
    assert "  about 400 are up to date\n  about 7 wait for a review and are left alone\n" in text
    assert "  about 493 are to be made\n" in text


def test_the_report_says_when_one_run_is_not_enough() -> None:
    assert "timeout_hours" not in report(SURVEY)
    assert "the 40 s of timeout_hours" in report(SURVEY, replace(EXPRESS, total_seconds=40))


@pytest.mark.parametrize(
    ("kind", "seconds"), [("EXPRESS", 195 + 5 + 15), ("STANDARD", 195 + 5 + 15)]
)
def test_limits_are_those_of_the_definition(kind: str, seconds: float) -> None:
    found = limits(kind, timeout_seconds=65)
    assert found.is_express is (kind == "EXPRESS")
    assert (found.batch_seconds, found.total_seconds) == (seconds, 7200)
    assert found.reviewed_only


def test_an_express_batch_ends_after_five_minutes() -> None:
    assert limits("EXPRESS", timeout_seconds=600).batch_seconds == 300
    assert limits("STANDARD", timeout_seconds=600).batch_seconds == 1820


def limits(kind: str, *, timeout_seconds: int) -> Limits:
    """Return what is read of a machine whose batches are tried three times."""
    retry = {"IntervalSeconds": 5, "BackoffRate": 3, "MaxAttempts": 2}
    batch = {
        "TimeoutSeconds": timeout_seconds,
        "Arguments": {"Payload": {"reviewed_only": True}},
        "Retry": [retry],
    }
    processor = {
        "ProcessorConfig": {"ExecutionType": kind},
        "StartAt": "Batch",
        "States": {"Batch": batch},
    }
    definition = {"TimeoutSeconds": 7200, "States": {"Listing": {"ItemProcessor": processor}}}
    machines = boto3.client(
        "stepfunctions",
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    with Stubber(machines) as stub:
        stub.add_response(
            "describe_state_machine",
            {
                "stateMachineArn": "arn",
                "name": "backfill",
                "definition": json.dumps(definition),
                "roleArn": "arn",
                "type": "STANDARD",
                "creationDate": 0,
            },
            {"stateMachineArn": "arn"},
        )
        return deployment.limits(machines, "arn")


def test_a_deployment_is_read_from_what_terraform_prints(tmp_path: Path) -> None:
    file = tmp_path / "backfill.json"
    file.write_text(json.dumps({**OUTPUT, "more": "of no interest"}))
    assert deployment.read(file) == DEPLOYED


def test_a_deployment_without_backfill_says_how_to_switch_it_on(tmp_path: Path) -> None:
    file = tmp_path / "backfill.json"
    file.write_text("null")
    with pytest.raises(BackfillError, match=r"backfill = \{\}"):
        deployment.read(file)

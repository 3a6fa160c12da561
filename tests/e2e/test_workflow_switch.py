"""The workflow is switched on and off while uploads go on, and none is lost.

The local cloud applies a bucket's notification at once; S3 may take minutes, and deleting a state
machine ends its executions. `direct_trigger` solves both.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import boto3
import pytest

from tests.e2e.conftest import Pipeline, eventually
from tests.factories import picture
from tools.terraform import Event, is_change

PAUSE_SECONDS = 0.8

NOTIFICATION = "aws_s3_bucket_notification.source[0]"
TARGET = 'module.workflow["express"].aws_cloudwatch_event_target.workflow'
STANDARD_TARGET = TARGET.replace("express", "standard")


Actions: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Journey:
    """The pictures that were uploaded one by one while the workflow was switched on and off.

    *on* and *off* are the actions on resources in the order of completion; *by_both* has the
    outcomes of an upload that both routes processed.
    """

    uploaded: Sequence[str]
    on: Actions
    by_both: Mapping[str, Sequence[str]]
    off: Actions


@pytest.fixture(scope="module")
def journey(pipeline: Pipeline, usual_settings: None) -> Journey:
    """Switch the workflow on, to the other type, and off, as docs/workflow.md says."""
    with uploads(pipeline) as uploaded:
        on = apply(pipeline, direct_trigger=True)
        by_both = {name: endings(pipeline, name) for name in more_of(uploaded)}
        apply(pipeline)
        more_of(uploaded)
        apply(pipeline, direct_trigger=True)
        finish(pipeline)
        apply(pipeline, direct_trigger=True, type="standard")
        apply(pipeline, type="standard")
        more_of(uploaded)
        apply(pipeline, direct_trigger=True, type="standard")
        finish(pipeline)
        off = actions(pipeline)
        more_of(uploaded)
    return Journey(uploaded=uploaded, on=on, by_both=by_both, off=off)


@contextmanager
def uploads(pipeline: Pipeline) -> Iterator[list[str]]:
    """Upload pictures one by one inside the block, and list their names."""
    done: list[str] = []
    ended = threading.Event()

    def upload() -> None:
        for number in count():
            name, body = f"{number:03}.png", picture(60 + number, 40, kind="PNG")
            bucket = pipeline.outputs["source_bucket"]
            pipeline.s3.put_object(Bucket=bucket, Key=f"switch/{name}", Body=body)
            done.append(name)
            if ended.wait(PAUSE_SECONDS):
                return

    thread = threading.Thread(target=upload, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def more_of(uploaded: Sequence[str], least: int = 10) -> Sequence[str]:
    """Wait until *least* more are *uploaded*, and return those."""
    before = len(uploaded)
    eventually(lambda: len(uploaded) >= before + least, what="more uploads")
    return uploaded[before : before + least]


def published(pipeline: Pipeline) -> list[str]:
    """Return the names of the uploads that have all their images."""
    small = {key.rpartition("/")[2] for key in pipeline.keys("small/switch/")}
    web = {key.rpartition("/")[2] for key in pipeline.keys("web/switch/")}
    return sorted(name for name in small if name.replace(".png", ".webp") in web)


def endings(pipeline: Pipeline, name: str) -> list[str]:
    """Return the outcomes of an upload as soon as both routes have processed it."""

    def look() -> list[str] | None:
        messages = [line["message"] for line in pipeline.lines(f"switch/{name}")]
        found = [message for message in messages if message not in ("inspected", "rendered")]
        return found if len(found) > 1 else None

    return eventually(look, what=f"two endings of {name}")


def apply(pipeline: Pipeline, **workflow: Any) -> Actions:
    """Apply with a *workflow*, and return the actions."""
    return actions(pipeline, workflow=workflow)


def actions(pipeline: Pipeline, **variables: Any) -> Actions:
    """Apply, and return the actions on resources in the order of completion."""
    events: list[Event] = []
    pipeline.apply(events.append, **variables)
    hooks = [event["hook"] for event in events if is_change(event)]
    return [(hook["action"], hook["resource"]["addr"]) for hook in hooks]


def finish(pipeline: Pipeline) -> None:
    """Wait until all executions of the workflow have ended."""
    machine = pipeline.terraform.outputs()["workflow_arn"]
    machines = boto3.client("stepfunctions")
    response = machines.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    begun = [execution["executionArn"] for execution in response["executions"]]

    def is_over() -> bool:
        statuses = [machines.describe_execution(executionArn=one)["status"] for one in begun]
        return "RUNNING" not in statuses

    eventually(is_over, what="what was begun")


def test_the_trigger_switches_after_the_workflow_is_complete(journey: Journey) -> None:
    assert journey.on[-1] == ("update", NOTIFICATION)
    assert ("create", TARGET) in journey.on


def test_an_upload_on_both_routes_is_published_once(journey: Journey) -> None:
    assert len(journey.by_both) == 10
    for found in journey.by_both.values():
        # If both run at the same moment, both publish, and S3 accepts one.
        assert "published" in found
        assert set(found) <= {"published", "current"}, found


def test_switching_the_workflow_off_removes_all_of_it(journey: Journey) -> None:
    assert ("update", NOTIFICATION) in journey.off
    assert ("delete", STANDARD_TARGET) in journey.off


def test_no_upload_is_lost_while_it_is_switched(pipeline: Pipeline, journey: Journey) -> None:
    assert len(journey.uploaded) > 50
    eventually(lambda: published(pipeline) == journey.uploaded, what="all of the uploads")

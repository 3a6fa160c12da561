"""The workflow is switched on and off while uploads go on, and none is lost.

The local cloud heeds a bucket's notification at once; S3 may take minutes, and what a state machine
has begun ends with it. `direct_trigger` is for both.
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

PAUSE_SECONDS = 0.4

NOTIFICATION = "aws_s3_bucket_notification.source[0]"
TARGET = 'module.workflow["express"].aws_cloudwatch_event_target.workflow'
STANDARD_TARGET = TARGET.replace("express", "standard")


Actions: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Journey:
    """What was uploaded, one picture after the other, while the workflow was switched on and off.

    *on* and *off* are what was done to which resource, in the order of being finished; *by_both*
    tells how what looked at an upload has ended, while both ways were open.
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
    """Upload pictures meanwhile, one after the other, and list their names."""
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
    """Return the names of the uploads of which there are all images."""
    small = {key.rpartition("/")[2] for key in pipeline.keys("small/switch/")}
    web = {key.rpartition("/")[2] for key in pipeline.keys("web/switch/")}
    return sorted(name for name in small if name.replace(".png", ".webp") in web)


def endings(pipeline: Pipeline, name: str) -> list[str]:
    """Return how what looked at an upload has ended, as soon as it came by both ways."""

    def look() -> list[str] | None:
        messages = [line["message"] for line in pipeline.lines(f"switch/{name}")]
        found = [message for message in messages if message not in ("inspected", "rendered")]
        return found if len(found) > 1 else None

    return eventually(look, what=f"two endings of {name}")


def apply(pipeline: Pipeline, **workflow: Any) -> Actions:
    """Apply with a *workflow*, and return what was done."""
    return actions(pipeline, workflow=workflow)


def actions(pipeline: Pipeline, **variables: Any) -> Actions:
    """Apply, and return what was done to which resource, in the order of being finished."""
    events: list[Event] = []
    pipeline.apply(events.append, **variables)
    hooks = [event["hook"] for event in events if is_change(event)]
    return [(hook["action"], hook["resource"]["addr"]) for hook in hooks]


def finish(pipeline: Pipeline) -> None:
    """Wait until what the workflow has begun so far has ended."""
    machine = pipeline.terraform.outputs()["workflow_arn"]
    machines = boto3.client("stepfunctions")
    answer = machines.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    begun = [execution["executionArn"] for execution in answer["executions"]]

    def is_over() -> bool:
        statuses = [machines.describe_execution(executionArn=one)["status"] for one in begun]
        return "RUNNING" not in statuses

    eventually(is_over, what="what was begun")


def test_s3_is_told_of_the_workflow_when_all_of_it_is_there(journey: Journey) -> None:
    assert journey.on[-1] == ("update", NOTIFICATION)
    assert ("create", TARGET) in journey.on


def test_what_comes_by_both_ways_is_made_once(journey: Journey) -> None:
    assert len(journey.by_both) == 10
    for found in journey.by_both.values():
        # If both are at it at the same moment, both have published, and S3 has taken one.
        assert "published" in found
        assert set(found) <= {"published", "current"}, found


def test_all_of_the_workflow_goes_with_it(journey: Journey) -> None:
    assert ("update", NOTIFICATION) in journey.off
    assert ("delete", STANDARD_TARGET) in journey.off


def test_no_upload_is_lost_while_it_is_switched(pipeline: Pipeline, journey: Journey) -> None:
    assert len(journey.uploaded) > 50
    eventually(lambda: published(pipeline) == journey.uploaded, what="all of the uploads")

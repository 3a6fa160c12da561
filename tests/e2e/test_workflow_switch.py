"""The workflow is switched on and off while uploads go on, and none is lost.

The local cloud heeds a bucket's notification at once; S3 may take minutes, and what a state machine
has begun ends with it. `direct_trigger` is for both.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import boto3
import pytest
from terraform import Event, is_change

from tests.e2e.conftest import Pipeline, eventually
from tests.factories import picture

PAUSE_SECONDS = 0.4

NOTIFICATION = "aws_s3_bucket_notification.source"
TARGET = "module.workflow[0].aws_cloudwatch_event_target.workflow"


@pytest.fixture(scope="module", autouse=True)
def direct_again(pipeline: Pipeline) -> Iterator[None]:
    """Leave the pipeline as it was found."""
    yield
    pipeline.apply()


@contextmanager
def uploads(pipeline: Pipeline, folder: str) -> Iterator[list[str]]:
    """Upload pictures to *folder* meanwhile, one after the other, and list their names."""
    done: list[str] = []
    ended = threading.Event()

    def upload() -> None:
        for number in count():
            name, body = f"{number:03}.png", picture(60 + number, 40, kind="PNG")
            bucket = pipeline.outputs["source_bucket"]
            pipeline.s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=body)
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


def published(pipeline: Pipeline, folder: str) -> list[str]:
    """Return the names of the uploads to *folder* of which there are all images."""
    small = {key.rpartition("/")[2] for key in pipeline.keys(f"small/{folder}/")}
    web = {key.rpartition("/")[2] for key in pipeline.keys(f"web/{folder}/")}
    return sorted(name for name in small if name.replace(".png", ".webp") in web)


def endings(pipeline: Pipeline, key: str) -> list[str]:
    """Return how whatever looked at *key* has ended, but for the steps in between."""
    messages = [line["message"] for line in pipeline.lines(key)]
    return [message for message in messages if message not in ("inspected", "rendered")]


def actions(pipeline: Pipeline, **variables: Any) -> list[tuple[str, str]]:
    """Apply, and return what was done to which resource, in the order of being finished."""
    events: list[Event] = []
    pipeline.apply(events.append, **variables)
    hooks = [event["hook"] for event in events if is_change(event)]
    return [(hook["action"], hook["resource"]["addr"]) for hook in hooks]


def finish(machine: str) -> None:
    """Wait until what *machine* has begun so far has ended."""
    machines = boto3.client("stepfunctions")
    answer = machines.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    begun = [execution["executionArn"] for execution in answer["executions"]]

    def is_over() -> bool:
        statuses = [machines.describe_execution(executionArn=one)["status"] for one in begun]
        return "RUNNING" not in statuses

    eventually(is_over, what="what was begun")


def test_s3_is_told_of_the_workflow_when_all_of_it_is_there(pipeline: Pipeline) -> None:
    pipeline.apply()
    done = actions(pipeline, workflow={})
    assert done[-1] == ("update", NOTIFICATION)
    assert ("create", TARGET) in done


def test_what_comes_by_both_ways_is_made_once(pipeline: Pipeline) -> None:
    machine = pipeline.apply(workflow={"direct_trigger": True})["workflow_arn"]
    with uploads(pipeline, "both") as done:
        eventually(lambda: len(done) > 9, what="ten uploads")

    def answers() -> list[list[str]] | None:
        found = [endings(pipeline, f"both/{name}") for name in done]
        return found if all(len(answer) > 1 for answer in found) else None

    eventually(answers, what="two answers for each")
    finish(machine)
    for name in done:
        found = endings(pipeline, f"both/{name}")
        # If both are at it at the same moment, both have published, and S3 has taken one.
        assert "published" in found
        assert set(found) <= {"published", "current"}, found
    assert published(pipeline, "both") == done


def test_nothing_of_the_workflow_goes_before_s3_is_told(pipeline: Pipeline) -> None:
    pipeline.apply(workflow={})
    done = actions(pipeline)
    assert done[0] == ("update", NOTIFICATION)
    assert ("delete", TARGET) in done


def test_no_upload_is_lost_while_it_is_switched(pipeline: Pipeline) -> None:
    with uploads(pipeline, "switch") as done:
        pipeline.apply(workflow={"direct_trigger": True})
        machine = pipeline.apply(workflow={})["workflow_arn"]
        pipeline.apply(workflow={"direct_trigger": True})
        finish(machine)
        pipeline.apply(workflow={"direct_trigger": True, "type": "standard"})
        machine = pipeline.apply(workflow={"type": "standard"})["workflow_arn"]
        pipeline.apply(workflow={"direct_trigger": True, "type": "standard"})
        finish(machine)
        pipeline.apply()
    assert len(done) > 50
    eventually(lambda: published(pipeline, "switch") == done, what="all of the uploads")

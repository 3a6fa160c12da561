"""The promise, checked after random histories of uploads, removals, races and failures.

Every upload ends as exactly one of: its images published, superseded by a newer upload or a
removal, or reported with a reason; and what is published is always of the newest upload. In the
end the record of every source is true.

The real processing runs on moto. Its handlers advance one call of AWS at a time, in an order that
hypothesis chooses; any call may fail, before or after it has had its effect, or be the last that
a handler makes. Backfills meet all of that. Some events are given up, of which a message on the
failure queue tells: a backfill publishes what is there, and the message, sent again, records it.
"""

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from pipeline.table import Table

from tests.aws.handlers import Handler, WorkflowHandler
from tests.aws.histories import Histories

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

HISTORIES = int(os.environ.get("HISTORIES", "60"))


@pytest.fixture(params=[Handler, WorkflowHandler], ids=["direct", "workflow"])
def handler(request: pytest.FixtureRequest) -> type[Handler]:
    """Return who is given the events."""
    kind: type[Handler] = request.param
    return kind


@pytest.fixture(params=["source", "unversioned"])
def histories(
    request: pytest.FixtureRequest,
    handler: type[Handler],
    s3: "S3Client",
    dynamodb: "DynamoDBClient",
) -> type[Histories]:
    """Return the state machine, for a bucket with or without versions."""
    s3.create_bucket(
        Bucket="unversioned", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    fields = {
        "s3": s3,
        "bucket": request.param,
        "handler": handler,
        "table": Table(dynamodb, "records"),
    }
    return type("Histories", (Histories,), fields)


def test_nothing_is_lost_and_nothing_is_stale(histories: type[Histories]) -> None:
    run_state_machine_as_test(
        histories,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=12,
            deadline=None,
            print_blob=True,
            # The same ones every time, unless so many are asked for: new ones are for finding.
            derandomize="HISTORIES" not in os.environ,
        ),
    )


def test_the_same_content_again_is_not_taken_for_what_it_replaced(
    histories: type[Histories],
) -> None:
    history = histories()
    history.upload(name="a.png", content="blue", calls=1000)
    history.upload(name="a.png", content="red", calls=8)  # stopped before it deletes a.jpg
    history.upload(name="a.png", content="blue", calls=1000)  # puts a.jpg with the same ETag
    history.teardown()


def test_the_record_is_true_of_an_upload_that_comes_back(histories: type[Histories]) -> None:
    history = histories()
    history.upload(name="a.png", content="red", calls=1000)
    history.upload(name="a.png", content="text", calls=1000)  # rejected: the images stay
    history.delete_newest_version(name="a.png", calls=1000)
    history.teardown()


def test_a_removal_does_not_take_what_was_uploaded_again_meanwhile(
    histories: type[Histories],
) -> None:
    history = histories()
    history.upload(name="a.png", content="red", calls=1000)
    history.delete(name="a.png", calls=5)  # about to delete a.png
    history.upload(name="a.png", content="red", calls=1000)  # puts a.png with the same ETag
    history.teardown()


def test_what_gives_way_does_not_take_what_was_uploaded_again_meanwhile(
    histories: type[Histories],
) -> None:
    history = histories()
    history.upload(name="a.png", content="blue", calls=5)  # about to put a.jpg
    [first] = history.running
    history.upload(name="a.png", content="red", calls=1000)
    history.move(first, calls=6)  # about to delete a.jpg
    history.upload(name="a.png", content="blue", calls=1000)  # puts a.jpg with the same ETag
    history.teardown()


def test_of_a_rejected_upload_no_part_is_left(histories: type[Histories]) -> None:
    history = histories()
    history.upload(name="a.jpg", content="red", calls=0)
    [request] = history.announced
    history.send(request, calls=6)
    history.break_down_all()
    history.upload(name="a.png", content="red", calls=1000)  # takes a.webp
    history.teardown()


def test_a_backfill_finishes_what_another_has_begun(histories: type[Histories]) -> None:
    history = histories()
    history.upload(name="a.png", content="red", calls=6)
    history.break_down_all()
    history.given_up, history.announced = history.announced, []
    history.backfill(name="a.png", calls=6)
    history.break_down_all()
    history.teardown()


def test_a_backfill_leaves_no_part_of_what_it_rejects(histories: type[Histories]) -> None:
    history = histories()
    history.upload(name="a.png", content="red", calls=6)
    history.break_down_all()
    history.given_up, history.announced = history.announced, []
    history.upload(name="a.jpg", content="blue", calls=1000)  # takes a.webp
    history.teardown()


def test_a_backfill_publishes_an_upload_that_nobody_has_heard_of(
    histories: type[Histories],
) -> None:
    history = histories()
    history.upload(name="a.png", content="red", calls=1000)
    history.upload(name="a.png", content="blue", calls=0)
    history.given_up = [history.announced.pop()]
    history.teardown()

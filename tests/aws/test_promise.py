"""The promise, checked after random histories of uploads, removals, races and failures.

At rest the processed bucket holds exactly the images of what the source bucket holds, or the
upload was reported with a reason; and the record of every source is true.

The real processing runs on S3 and DynamoDB in memory. Its handlers advance one call of AWS at a
time, in an order that hypothesis chooses; any call may fail, before or after it has had its effect,
or be the last that a handler makes. Backfills meet all of that. Some events are given up, and only
a message on the failure queue is left: a backfill publishes the source, and the message, sent
again, records it.
"""

import os
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from pipeline.aws.table import Table

from tests.aws.handlers import Handler, VersionedHandler, WorkflowHandler
from tests.aws.histories import Histories
from tests.aws.memory import MemoryDynamoDB, MemoryS3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HISTORIES = int(os.environ.get("HISTORIES", "100"))


@pytest.fixture(
    params=[Handler, WorkflowHandler, VersionedHandler], ids=["direct", "workflow", "versioned"]
)
def handler(request: pytest.FixtureRequest) -> type[Handler]:
    """Return who is given the events."""
    kind: type[Handler] = request.param
    return kind


@pytest.fixture(params=["source", "unversioned"])
def histories(request: pytest.FixtureRequest, handler: type[Handler]) -> type[Histories]:
    """Return the state machine, for a bucket with or without versions."""
    return history(request.param, handler)


def history(bucket: str, handler: type[Handler]) -> type[Histories]:
    """Return the state machine of histories in *bucket*, whose events *handler* is given."""
    fields = {
        "s3": MemoryS3(source=True, unversioned=False, processed=False),
        "bucket": bucket,
        "handler": handler,
        "table": empty_table(),
    }
    return type("Histories", (Histories,), fields)


def empty_table() -> Table:
    return Table(cast("DynamoDBClient", MemoryDynamoDB()), "records")


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


@pytest.mark.parametrize("content", ["text", "green"], ids=["not an image", "refused"])
def test_a_backfill_that_reads_the_record_late_leaves_that_of_a_rejection(content: str) -> None:
    one = history("source", WorkflowHandler)()
    one.upload("a.jpg", "red", calls=1000)
    one.backfill("a.jpg", calls=1, late=True)
    one.upload("a.jpg", content, calls=1000)
    one.teardown()


def test_a_backfill_that_writes_its_record_late_leaves_that_of_a_rejection() -> None:
    histories = history("source", WorkflowHandler)
    one = histories()
    one.upload("a.jpg", "red", calls=1000)
    histories.table = empty_table()  # switched on later than the function
    one.backfill("a.jpg", calls=5)  # up to its record
    one.upload("a.jpg", "text", calls=1000)
    one.teardown()

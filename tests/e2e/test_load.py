"""Under load and faults nothing is lost, as counted from outside.

The latest upload of every key has all its images, or a message on the failure queue; a removed
one has no image, or a message.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import pytest

from tests.e2e.conftest import Pipeline
from tests.e2e.faults import SHARES, Fault, FaultyProxy, faulty_s3, faulty_workers
from tests.e2e.load import Books, Fate, Writer, image_keys
from tests.factories import record

pytestmark = pytest.mark.usefixtures("usual_settings")

UPLOADS = int(os.environ.get("UPLOADS", "60"))
PATIENCE_SECONDS = 60 + UPLOADS
QUIET_SECONDS = 5  # the local cloud retries sooner


@dataclass(frozen=True, kw_only=True)
class Load:
    """A completed load, and its books."""

    done: Counter[str]
    seconds: float
    comes_to_rest: bool
    requests: int
    injected: Counter[Fault]
    books: Books

    def report(self) -> str:
        rate = self.done["uploads"] / self.seconds
        fates = self.books.fates()
        uploads, messages = self.books.reports()
        return (
            f"\nload held: {_listed(self.done)} under {len(self.books.newest)} keys"
            f" in {self.seconds:.0f} seconds ({rate:.1f} uploads and"
            f" {self.requests / self.seconds:.0f} S3 requests a second)"
            f"\nfaults injected: {_listed(self.injected)}"
            f"\nended: {_listed(fates)}"
            f"\nreported: {uploads} uploads; reports repeated: {messages - uploads}"
            f"\nlost: {fates[Fate.LOST]}"
        )


def _listed(counts: Counter[str] | Counter[Fault] | Counter[Fate]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


@contextmanager
def function_with(pipeline: Pipeline, **variables: str) -> Iterator[None]:
    """Add environment variables to the function inside the block."""
    functions = boto3.client("lambda")
    name = pipeline.outputs["function_name"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(environment: dict[str, str]) -> None:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": environment}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    configure(before | variables)
    try:
        yield
    finally:
        configure(before)


def comes_to_rest(proxy: FaultyProxy) -> bool:
    """Wait until the function makes no more requests; return whether that happened in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < proxy.last_request + QUIET_SECONDS:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def wait_for_retries(books: Books) -> None:
    """Wait for unfinished uploads: on a busy machine, a retry may start after a quiet time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while books.fates()[Fate.LOST] and time.monotonic() < deadline:
        time.sleep(1)


@pytest.fixture(scope="module")
def load(pipeline: Pipeline) -> Load:
    """Run several writers while everything fails at random."""
    books, injected = Books(pipeline), Counter[Fault]()
    numbers = iter(range(UPLOADS))
    start = time.monotonic()
    deadline = start + PATIENCE_SECONDS
    writers = [
        Writer(f"writer {name}", pipeline, books, numbers=numbers, deadline=deadline)
        for name in "abcd"
    ]
    with (
        faulty_s3(pipeline.cloud, injected) as proxy,
        function_with(pipeline, AWS_ENDPOINT_URL_S3=proxy.address),
    ):
        with faulty_workers(pipeline.cloud, proxy, injected):
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
        seconds = time.monotonic() - start
        at_rest = comes_to_rest(proxy)
        wait_for_retries(books)
    return Load(
        done=sum((writer.done for writer in writers), Counter()),
        seconds=seconds,
        comes_to_rest=at_rest,
        requests=proxy.requests,
        injected=injected,
        books=books,
    )


def test_nothing_is_lost(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(load.report())
    assert load.comes_to_rest
    assert load.done["uploads"] == UPLOADS
    assert load.books.fates()[Fate.LOST] == 0


def test_every_fault_was_injected(load: Load) -> None:
    assert set(SHARES) | {Fault.KILLED} <= set(load.injected)


def test_most_uploads_are_published_nevertheless(load: Load) -> None:
    fates = load.books.fates()
    assert fates[Fate.PUBLISHED] > len(load.books.newest) / 2


def test_the_count_would_see_a_lost_image(load: Load, pipeline: Pipeline) -> None:
    published = next(key for key in load.books.newest if load.books.fate(key) is Fate.PUBLISHED)
    pipeline.s3.delete_object(
        Bucket=pipeline.outputs["processed_bucket"], Key=image_keys(published)[0]
    )
    assert load.books.fates()[Fate.LOST] == 1


def test_the_count_would_see_a_second_report(load: Load, pipeline: Pipeline) -> None:
    uploads, messages = load.books.reports()
    report = json.dumps({"requestPayload": {"Records": [record("load/again.png")]}})
    for _ in range(2):
        pipeline.sqs.send_message(
            QueueUrl=pipeline.outputs["failure_queue_url"], MessageBody=report
        )
    assert load.books.reports() == (uploads + 1, messages + 2)

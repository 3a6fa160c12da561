"""Generate load for the pipeline, and keep track of it."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import ClientError

from tests.e2e.conftest import Pipeline
from tests.factories import picture, record

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SETTLING_SECONDS: Final = 20


class Fate(StrEnum):
    """The outcome of the latest upload or removal of a key."""

    PUBLISHED = "published"
    REMOVED = "removed"
    REPORTED = "reported"
    LOST = "lost"


class Books:
    """The last change to each key, and its outcome as users see it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.newest: dict[str, str | None] = {}  # ETags; None is a removal
        self._pipeline = pipeline
        self._reports: Counter[tuple[str, str | None]] = Counter()
        self._reading = threading.Lock()

    def fate(self, key: str) -> Fate:
        etag = self.newest[key]
        if all(self.provenance(image).get("source-etag") == etag for image in image_keys(key)):
            return Fate.PUBLISHED if etag else Fate.REMOVED
        with self._reading:
            self._read_reports()
        return Fate.REPORTED if (key, etag) in self._reports else Fate.LOST

    def fates(self) -> Counter[Fate]:
        return Counter(self.fate(key) for key in self.newest)

    def reports(self) -> tuple[int, int]:
        """Return how many uploads have been reported, and by how many messages.

        A worker that is killed after reporting may report again when it is retried.
        """
        with self._reading:
            self._read_reports()
        messages = [number for (_, etag), number in self._reports.items() if etag]
        return len(messages), sum(messages)

    def provenance(self, image: str) -> dict[str, str]:
        """Return the provenance of the processed object *image*, empty if there is none."""
        bucket = self._pipeline.outputs["processed_bucket"]
        try:
            return self._pipeline.s3.head_object(Bucket=bucket, Key=image)["Metadata"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return {}
            raise

    def _read_reports(self) -> None:
        """Receive everything on the failure queue."""
        sqs, url = self._pipeline.sqs, self._pipeline.outputs["failure_queue_url"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                [announced] = json.loads(message["Body"])["requestPayload"]["Records"]
                self._reports[_announced(announced)] += 1
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def image_keys(key: str) -> list[str]:
    """Return the keys of the images of the PNG *key*."""
    return [f"small/{key}", f"web/{key.removesuffix('.png')}.webp"]


def _announced(announcement: dict[str, Any]) -> tuple[str, str | None]:
    item = announcement["s3"]["object"]
    is_removal = announcement["eventName"].startswith("ObjectRemoved")
    return unquote_plus(item["key"]), None if is_removal else item["eTag"]


class Writer(threading.Thread):
    """Uploads, overwrites and removes pictures under its own keys.

    Takes a number from *numbers* for every upload, until none is left or *deadline* has passed.
    At random it sends the event of an earlier upload again, as S3 may.
    """

    def __init__(
        self,
        name: str,
        pipeline: Pipeline,
        books: Books,
        *,
        numbers: Iterator[int],
        deadline: float,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.done: Counter[str] = Counter()
        self._functions: LambdaClient = boto3.client("lambda")
        self._pipeline = pipeline
        self._bucket: str = pipeline.outputs["source_bucket"]
        self._books = books
        self._numbers = numbers
        self._deadline = deadline
        self._keys: list[str] = []
        self._announcements: list[dict[str, Any]] = []

    def run(self) -> None:
        for number in self._numbers:
            key = self._key()
            self._upload(key, number)
            for overwriting in islice(self._numbers, random.choice([0, 0, 0, 1, 2])):
                self._upload(key, overwriting)
            if self._announcements and random.random() < 0.3:
                self._announce_again(random.choice(self._announcements))
            if random.random() < 0.1:
                self._remove(key)
            self._settle(key)
            if time.monotonic() > self._deadline:
                return

    def _key(self) -> str:
        """Return a new key or, at random, a used one."""
        if self._keys and random.random() < 0.3:
            return random.choice(self._keys)
        self._keys.append(f"load/{self.name} {len(self._keys)}.png")
        return self._keys[-1]

    def _upload(self, key: str, number: int) -> None:
        body = content(number)
        response = self._pipeline.s3.put_object(Bucket=self._bucket, Key=key, Body=body)
        self._books.newest[key] = response["ETag"].strip('"')
        self.done["uploads"] += 1

    def _remove(self, key: str) -> None:
        self._pipeline.s3.delete_object(Bucket=self._bucket, Key=key)
        self._books.newest[key] = None
        self.done["removals"] += 1

    def _announce_again(self, announcement: dict[str, Any]) -> None:
        self._functions.invoke(
            FunctionName=self._pipeline.outputs["function_name"],
            InvocationType="Event",
            Payload=json.dumps({"Records": [announcement]}),
        )
        self.done["duplicates"] += 1

    def _settle(self, key: str) -> None:
        """Wait for an outcome for a while, which limits the uploads in progress."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while self._books.fate(key) is Fate.LOST and time.monotonic() < deadline:
            time.sleep(0.5)
        if provenance := self._books.provenance(image_keys(key)[0]):
            etag = provenance["source-etag"]
            self._announcements.append(record(key, bucket=self._bucket, etag=etag))


def content(number: int) -> bytes:
    """Return a unique file for *number*: a few are large, and fewer are not pictures."""
    if number % 25 == 7:
        return f"no picture {number}".encode()
    size = (2400, 1600) if number % 20 == 3 else (300, 200)
    color = (number % 256, number // 256 % 256, number // 65536)
    return picture(*size, color=color, kind="PNG")

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
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pipeline.errors import Rejected, Superseded, TransientFailure
from pipeline.model import Outcome, Removal, Source
from pipeline.stamps import encoded
from pipeline.storage import Storage
from pipeline.table import Table

from tests.aws.handlers import (
    REFUSED,
    REFUSED_ETAG,
    SETTINGS,
    Backfiller,
    Fate,
    Handler,
    Killed,
    ReviewedBackfiller,
    WorkflowHandler,
)
from tests.factories import picture

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

HISTORIES = int(os.environ.get("HISTORIES", "60"))

# PNG keeps its key, BMP becomes JPEG under another one: an upload may leave orphans behind.
CONTENTS = {
    "red": picture(6, 4, color=(200, 0, 0), kind="PNG"),
    "blue": picture(6, 4, color=(0, 0, 200), kind="BMP"),
    "green": REFUSED,
    "text": b"no picture",
}

# Both would be a.webp. One is more usual, so that there is more rivalry for it.
KEYS = ["a.png", "a.png", "a.png", "a.jpg"]

NAMES = st.sampled_from(KEYS)
CALLS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 10, 1000])


class Histories(RuleBasedStateMachine):
    """One history, in a folder of its own."""

    s3: "ClassVar[S3Client]"
    table: ClassVar[Table]
    bucket: ClassVar[str]
    handler: ClassVar[type[Handler]]
    folders: ClassVar = count()

    def __init__(self) -> None:
        super().__init__()
        self.folder = f"{next(self.folders)}/"
        self.storage = Storage(self.s3, processed_bucket="processed")
        self.sequencers = count(1)
        self.announced: list[Source | Removal] = []
        self.given_up: list[Source | Removal] = []
        self.to_backfill: list[Source | Removal] = []
        self.running: list[Handler] = []
        self.endings: dict[Source | Removal, list[Outcome | BaseException]] = {}

    @rule(name=NAMES, content=st.sampled_from(list(CONTENTS)), calls=CALLS)
    def upload(self, name: str, content: str, calls: int) -> None:
        body = CONTENTS[content]
        answer = self.s3.put_object(Bucket=self.bucket, Key=self.folder + name, Body=body)
        source = Source(
            bucket=self.bucket,
            key=self.folder + name,
            etag=answer["ETag"].strip('"'),
            size=len(body),
            sequencer=self._sequencer(),
            version=answer.get("VersionId", ""),
        )
        self._announce(source, calls)

    @rule(name=NAMES, calls=CALLS)
    def delete(self, name: str, calls: int) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=self.folder + name)
        self._announce_removal(name, calls)

    @precondition(lambda self: self.bucket == "source")
    @rule(name=NAMES, calls=CALLS)
    def delete_newest_version(self, name: str, calls: int) -> None:
        listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.folder + name)
        for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            if version["IsLatest"]:
                self.s3.delete_object(
                    Bucket=self.bucket, Key=self.folder + name, VersionId=version["VersionId"]
                )
                self._announce_removal(name, calls)

    @precondition(lambda self: self.announced)
    @rule(data=st.data(), calls=CALLS)
    def deliver(self, data: st.DataObject, calls: int) -> None:
        """For the first time, or again: of a handler that broke down, or as a duplicate."""
        self._deliver(data.draw(st.sampled_from(self.announced)), calls)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), calls=CALLS)
    def advance(self, data: st.DataObject, calls: int) -> None:
        self._advance(data.draw(st.sampled_from(self.running)), calls)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fate=st.sampled_from([Fate.FAILED, Fate.DONE_BUT_FAILED, Fate.KILLED]))
    def break_down(self, data: st.DataObject, fate: Fate) -> None:
        self._step(data.draw(st.sampled_from(self.running)), fate)

    def break_down_all(self) -> None:
        """Kill whatever runs."""
        while self.running:
            self._step(self.running[0], Fate.KILLED)

    @precondition(lambda self: self.announced)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Deliver an event no more: a message on the failure queue tells of it."""
        request = data.draw(st.sampled_from(self.announced))
        self.announced.remove(request)
        if not self._has_ended(request):
            self.given_up.append(request)

    @rule(name=NAMES, calls=CALLS)
    def backfill(self, name: str, calls: int) -> None:
        """Process what is there, as a listing tells of it: without its place in the order."""
        if found := self._now(self.folder + name):
            self._backfill(found, calls)

    def teardown(self) -> None:
        """Let everything come to its end without further faults, then check the promise."""
        while self.running:
            self._step(self.running[0], Fate.DONE)
        for request in self.announced:
            if not self._has_ended(request):
                self._deliver(request, calls=1000)
                assert self._has_ended(request), self.endings[request]
        while self.to_backfill:
            self._backfill(self.to_backfill.pop(), calls=1000)
        for request in self.given_up:
            if isinstance(request, Removal) or self._backfiller().reviewed_only:
                self._deliver(request, calls=1000)
            else:
                self.backfill(name=request.key.removeprefix(self.folder), calls=1000)
        for name in set(KEYS):
            self._check_images(self.folder + name)
        for request in self.given_up:
            self._deliver(request, calls=1000)
        for name in set(KEYS):
            self._check_images(self.folder + name)
            self._check_record(self.folder + name)
        self._clear()

    def _clear(self) -> None:
        """Leave no objects: moto copies all that there are whenever it lists versions."""
        for bucket in (self.bucket, "processed"):
            listed = self.s3.list_object_versions(Bucket=bucket)
            for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
                self.s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])

    def _check_images(self, key: str) -> None:
        now = self._now(key)
        published = self._published(key)
        if now is None:
            assert published == {}, "images of a removed source"
            return
        concerned = [
            ending
            for request, endings in self.endings.items()
            if request.key == key
            for ending in endings
            if isinstance(request, Removal) or request.etag == now.etag
        ]
        assert not all(isinstance(ending, Superseded) for ending in concerned), "lost"
        if self.handler is WorkflowHandler:
            assert REFUSED_ETAG not in published.values(), "published, though it was refused"
        # What was rejected may have been published by another handler, when it had become possible.
        was_rejected = any(isinstance(ending, Rejected) for ending in concerned)
        if now.etag in published.values() or not was_rejected:
            assert set(published.values()) == {now.etag}, "stale, or an orphan"
            assert len(published) == len(SETTINGS.variants), "incomplete"

    def _check_record(self, key: str) -> None:
        now = self._now(key)
        record: Mapping[str, Any] = self.table.get(key) or {"status": "none", "etag": ""}
        if now is None:
            assert record["status"] in ("none", "deleted"), "recorded, but gone"
            return
        assert record["etag"] == now.etag, "the record of another upload"
        if record["status"] == "rejected":
            assert record["reason"] in ("unsupported-format", "key-collision", "refused")
            return
        assert record["status"] == "ready"
        assert {image["key"] for image in record["images"]} == self._published(key).keys()
        for image in record["images"]:
            existing = self.storage.look(image["key"])
            assert existing
            assert existing.etag.strip('"') == image["etag"]

    def _now(self, key: str) -> Source | None:
        return self.storage.find(Removal(bucket=self.bucket, key=key))

    def _published(self, key: str) -> dict[str, str]:
        """Return the etag of the source of every image that belongs to *key*."""
        listed = self.s3.list_objects_v2(Bucket="processed", Prefix=self.folder)
        found = {}
        for entry in listed.get("Contents", []):
            existing = self.storage.look(entry["Key"])
            assert existing is not None
            if existing.stamp.source_key == encoded(key):
                found[entry["Key"]] = existing.stamp.source_etag
        return found

    def _has_ended(self, request: Source | Removal) -> bool:
        return any(
            isinstance(ending, Outcome | Superseded | Rejected)
            for ending in self.endings.get(request, [])
        )

    def _announce(self, request: Source | Removal, calls: int) -> None:
        """Have an event for *request*, and deliver it unless it is to make no *calls* yet."""
        self.announced.append(request)
        if calls:
            self._deliver(request, calls)

    def _announce_removal(self, name: str, calls: int) -> None:
        removal = Removal(bucket=self.bucket, key=self.folder + name, sequencer=self._sequencer())
        self._announce(removal, calls)

    def _deliver(self, request: Source | Removal, calls: int) -> None:
        self._start(self.handler(request, self.storage, self.table), calls)

    def _backfill(self, source: Source | Removal, calls: int) -> None:
        self._start(self._backfiller()(source, self.storage, self.table), calls)

    def _backfiller(self) -> type[Backfiller]:
        return ReviewedBackfiller if self.handler is WorkflowHandler else Backfiller

    def _start(self, handler: Handler, calls: int) -> None:
        self._collect(handler)
        self._advance(handler, calls)

    def _advance(self, handler: Handler, calls: int) -> None:
        for _ in range(calls):
            if handler in self.running:
                self._step(handler, Fate.DONE)

    def _step(self, handler: Handler, fate: Fate) -> None:
        self.running.remove(handler)
        handler.step(fate)
        self._collect(handler)

    def _collect(self, handler: Handler) -> None:
        if handler.ending is None:
            self.running.append(handler)
            return
        expected = (Outcome, Superseded, Rejected, TransientFailure, Killed)
        assert isinstance(handler.ending, expected), repr(handler.ending)
        self.endings.setdefault(handler.request, []).append(handler.ending)
        broke_down = isinstance(handler.ending, TransientFailure | Killed)
        if broke_down and isinstance(handler, Backfiller):
            self.to_backfill.append(handler.request)  # the state machine tries it again

    def _sequencer(self) -> str:
        return f"{next(self.sequencers):04X}"


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
    history._advance(first, calls=6)  # about to delete a.jpg
    history.upload(name="a.png", content="blue", calls=1000)  # puts a.jpg with the same ETag
    history.teardown()


def test_of_a_rejected_upload_no_part_is_left(histories: type[Histories]) -> None:
    history = histories()
    history.upload(name="a.jpg", content="red", calls=0)
    [request] = history.announced
    history._deliver(request, calls=6)
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

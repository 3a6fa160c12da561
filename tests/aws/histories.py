"""Random histories of uploads, removals, races and failures, and the promise that each keeps."""

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
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
    from mypy_boto3_s3 import S3Client

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
        self.send(data.draw(st.sampled_from(self.announced)), calls)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), calls=CALLS)
    def advance(self, data: st.DataObject, calls: int) -> None:
        self.move(data.draw(st.sampled_from(self.running)), calls)

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
                self.send(request, calls=1000)
                assert self._has_ended(request), self.endings[request]
        while self.to_backfill:
            self._backfill(self.to_backfill.pop(), calls=1000)
        for request in self.given_up:
            if isinstance(request, Removal) or self._backfiller().reviewed_only:
                self.send(request, calls=1000)
            else:
                self.backfill(name=request.key.removeprefix(self.folder), calls=1000)
        for name in set(KEYS):
            self._check_images(self.folder + name)
        for request in self.given_up:
            self.send(request, calls=1000)
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
            self.send(request, calls)

    def _announce_removal(self, name: str, calls: int) -> None:
        removal = Removal(bucket=self.bucket, key=self.folder + name, sequencer=self._sequencer())
        self._announce(removal, calls)

    def send(self, request: Source | Removal, calls: int) -> None:
        """Deliver the event for *request* to a new handler, and let that make so many *calls*."""
        self._start(self.handler(request, self.storage, self.table), calls)

    def _backfill(self, source: Source | Removal, calls: int) -> None:
        self._start(self._backfiller()(source, self.storage, self.table), calls)

    def _backfiller(self) -> type[Backfiller]:
        return ReviewedBackfiller if self.handler is WorkflowHandler else Backfiller

    def _start(self, handler: Handler, calls: int) -> None:
        self._collect(handler)
        self.move(handler, calls)

    def move(self, handler: Handler, calls: int) -> None:
        """Let *handler* make so many *calls*, or as many as it still has to make."""
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

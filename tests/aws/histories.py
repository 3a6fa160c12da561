"""Random histories of uploads, removals, races and failures, and the promise that each tests."""

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from pipeline import manifests
from pipeline.aws.storage import Storage
from pipeline.aws.table import Table
from pipeline.errors import KeyCollision, TransientFailure
from pipeline.model import Cause, Outcome, Request, Source
from pipeline.provenance import encoded

from tests.aws.handlers import (
    REFUSED,
    SETTINGS,
    Fate,
    Handler,
    Killed,
    UnreviewedHandler,
    WorkflowHandler,
    tick,
)
from tests.aws.memory import MemoryS3
from tests.factories import picture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# PNG keeps its key, BMP becomes JPEG under another one: an upload may leave orphans behind. The two
# names have no bytes in common: equal images of two sources that collide share an ETag, and a late
# deletion for the one would take those of the other. That is a limit of the promise.
CONTENTS = {
    name: {
        "red": picture(6, 4, color=(level, 0, 0), kind="PNG"),
        "blue": picture(6, 4, color=(0, 0, level), kind="BMP"),
        "green": refused,
        "text": b"no picture",
    }
    for name, level, refused in zip(("a.png", "a.jpg"), (200, 100), REFUSED, strict=True)
}

# Both become a.webp. One is likelier, so that there are more conflicts over its key.
KEYS = ["a.png", "a.png", "a.png", "a.jpg"]

NAMES = st.sampled_from(KEYS)
CALLS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 10, 1000])


class Histories(RuleBasedStateMachine):
    """One history, in its own folder."""

    s3: ClassVar[MemoryS3]
    table: ClassVar[Table]
    bucket: ClassVar[str]
    handler: ClassVar[type[Handler]]
    folders: ClassVar = count()

    def __init__(self) -> None:
        super().__init__()
        self.s3.empty()  # a failed history leaves objects behind
        self.folder = f"{next(self.folders)}/"
        self.storage = Storage(cast("S3Client", self.s3), processed_bucket="processed")
        self.events: list[Request] = []
        self.owed: list[Request] = []  # deliveries that have not ended yet
        self.given_up: list[Request] = []
        self.running: list[Handler] = []
        self.endings: list[tuple[Request, Outcome]] = []

    @rule(
        name=NAMES,
        content=st.sampled_from(list(CONTENTS[KEYS[0]])),
        calls=CALLS,
        late=st.booleans(),
    )
    def upload(self, name: str, content: str, calls: int, late: bool = False) -> None:
        response = self.s3.put_object(
            Bucket=self.bucket, Key=self.folder + name, Body=CONTENTS[name][content]
        )
        self._announce(name, Cause.UPLOAD, response.get("VersionId", ""), calls, late)

    @rule(name=NAMES, calls=CALLS, late=st.booleans())
    def delete(self, name: str, calls: int, late: bool = False) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=self.folder + name)
        self._announce(name, Cause.REMOVAL, "", calls, late)

    @precondition(lambda self: self.bucket == "source")
    @rule(name=NAMES, calls=CALLS, late=st.booleans())
    def delete_newest_version(self, name: str, calls: int, late: bool = False) -> None:
        listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.folder + name)
        for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            if version["IsLatest"]:
                self.s3.delete_object(
                    Bucket=self.bucket, Key=self.folder + name, VersionId=version["VersionId"]
                )
                self._announce(name, Cause.REMOVAL, version["VersionId"], calls, late)

    @precondition(lambda self: self.events)
    @rule(data=st.data(), calls=CALLS, late=st.booleans())
    def deliver_again(self, data: st.DataObject, calls: int, late: bool) -> None:
        """Deliver an event once more, as S3 may."""
        self.send(data.draw(st.sampled_from(self.events)), calls, late)

    @precondition(lambda self: self.owed)
    @rule(data=st.data(), calls=CALLS, late=st.booleans())
    def deliver(self, data: st.DataObject, calls: int, late: bool) -> None:
        """Deliver an event for the first time, or again after its handler crashed."""
        request = data.draw(st.sampled_from(self.owed))
        self.owed.remove(request)
        self.send(request, calls, late)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), calls=CALLS)
    def advance(self, data: st.DataObject, calls: int) -> None:
        self.move(data.draw(st.sampled_from(self.running)), calls)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fate=st.sampled_from([Fate.FAILED, Fate.DONE_BUT_FAILED, Fate.KILLED]))
    def break_down(self, data: st.DataObject, fate: Fate) -> None:
        self._step(data.draw(st.sampled_from(self.running)), fate)

    def break_down_all(self) -> None:
        """Kill every running handler."""
        while self.running:
            self._step(self.running[0], Fate.KILLED)

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Stop delivering an event, which puts a message on the failure queue."""
        request = data.draw(st.sampled_from(self.owed))
        self.owed.remove(request)
        if request.cause is not Cause.LISTING:
            self.given_up.append(request)
        else:
            self.owed.append(request)  # the state machine retries a batch of a backfill

    @rule(name=NAMES, calls=CALLS, late=st.booleans())
    def backfill(self, name: str, calls: int, late: bool = False) -> None:
        """Process the objects of a listing."""
        if source := self._now(self.folder + name):
            request = Request(
                bucket=self.bucket, key=self.folder + name, cause=Cause.LISTING, etag=source.etag
            )
            self.send(request, calls, late)

    def teardown(self) -> None:
        """Finish everything without further faults, then check the promise."""
        while self.running:
            self._step(self.running[0], Fate.DONE)
        for request in [self.owed.pop() for _ in range(len(self.owed))]:
            self.send(request, calls=1000)
        for request in self.given_up:
            # A backfill publishes nothing without a review, and deletes no images of a missing
            # source: such an event is left to the message.
            is_missing = self._now(request.key) is None
            if is_missing or self.handler is WorkflowHandler:
                self.send(request, calls=1000)
            else:
                self.backfill(name=request.key.removeprefix(self.folder), calls=1000)
        self._check()
        for request in self.given_up:
            self.send(request, calls=1000)
        self._check()

    def _check(self) -> None:
        assert not self.owed, "a run without faults has failed"
        for name in set(KEYS):
            self._check_images(self.folder + name)
            self._check_record(self.folder + name)

    def _check_images(self, key: str) -> None:
        now = self._now(key)
        published = self._published(key)
        if now is None:
            assert published == {}, "images of a deleted source"
            return
        reasons = {
            outcome.rejection.reason
            for request, outcome in self.endings
            if request.key == key
            and outcome.rejection
            and outcome.source
            and outcome.source.etag == now.etag
        }
        if reasons and now.etag not in published.values():
            return  # rejected, and none of it is left
        assert reasons <= {KeyCollision.reason}, "published, though it was rejected"
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
            existing = self.storage.head(image["key"])
            assert existing
            assert existing.etag.strip('"') == image["etag"]

    def _now(self, key: str) -> Source | None:
        return self.storage.head_source(self.bucket, key).source

    def _published(self, key: str) -> dict[str, str]:
        """Return the source ETag of every image that belongs to *key*."""
        if self.handler.settings.has_versions:
            return self._listed(key)
        listed = self.s3.list_objects_v2(Bucket="processed", Prefix=self.folder)
        found = {}
        for entry in listed.get("Contents", []):
            existing = self.storage.head(entry["Key"])
            assert existing is not None
            if existing.provenance.source_key == encoded(key):
                found[entry["Key"]] = existing.provenance.source_etag
        return found

    def _listed(self, key: str) -> dict[str, str]:
        """Return the source ETag of every image in the manifest of *key*.

        A killed run may leave other images, which `make prune` finds.
        """
        stored = self.storage.get_manifest(f"{self.folder}a.json")
        manifest = manifests.read(stored.body) if stored else None
        if manifest is None or manifest.source_key != key:
            return {}
        found = {}
        for image in manifest.images:
            existing = self.storage.head(image.key)
            assert existing, "listed, but missing"
            assert not existing.is_retired, "listed, but going"
            assert existing.provenance.source_etag == manifest.etag, "a mixture"
            found[image.key] = existing.provenance.source_etag
        return found

    def _announce(self, name: str, cause: Cause, version: str, calls: int, late: bool) -> None:
        """Create an event, and deliver it if *calls* is not zero."""
        request = Request(
            bucket=self.bucket,
            key=self.folder + name,
            cause=cause,
            version=version,
            occurred_at=tick(),
        )
        self.events.append(request)
        if calls:
            self.send(request, calls, late)
        else:
            self.owed.append(request)

    def send(self, request: Request, calls: int, late: bool = False) -> None:
        """Deliver *request* to a new handler, and let it make *calls* calls."""
        is_reviewed = self.handler is WorkflowHandler
        handler_kind = (
            UnreviewedHandler if is_reviewed and request.cause is Cause.LISTING else self.handler
        )
        handler = handler_kind(request, self.storage, self.table, reads_late=late)
        self._collect(handler)
        self.move(handler, calls)

    def move(self, handler: Handler, calls: int) -> None:
        """Let *handler* make *calls* calls, or fewer if it finishes."""
        for _ in range(calls):
            if handler in self.running:
                self._step(handler, Fate.DONE)

    def _step(self, handler: Handler, fate: Fate) -> None:
        self.running.remove(handler)
        handler.step(fate)
        self._collect(handler)

    def _collect(self, handler: Handler) -> None:
        """Keep a running handler; redeliver the request of one that crashed."""
        match handler.ending:
            case None:
                self.running.append(handler)
            case Outcome() as outcome:
                self.endings.append((handler.request, outcome))
            case TransientFailure() | Killed():
                self.owed.append(handler.request)
            case unexpected:
                raise AssertionError(repr(unexpected)) from unexpected

"""What one run makes of what both buckets hold."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pipeline.aws.storage import Storage, StoredImage, StoredObject
from pipeline.errors import TransientFailure
from pipeline.model import Cause, Outcome, Request, Status
from pipeline.processed.reconcile import MAX_ROUNDS, Pipeline, inspect, reconcile
from pipeline.recipe import Recipes
from pipeline.sandbox import InProcess
from pipeline.selection import upload_options
from pipeline.settings import Settings

from tests.factories import environment, picture, variants

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime.now(UTC)
PNG = picture(kind="PNG")
BMP = picture(kind="BMP")
TEXT = b"no picture"
KEYS = (
    4  # that images of a PNG may have: two of the variant that keeps the format, two of the other
)


class Bench:
    """Both buckets, and the run over them."""

    def __init__(self, s3: "S3Client", **changes: str) -> None:
        self.s3 = s3
        self.calls: list[str] = []
        self.set(**changes)
        s3.meta.events.register("before-call.s3", lambda model, **_: self.calls.append(model.name))

    def set(self, **changes: str) -> None:
        """Change the settings."""
        fields = {
            "VARIANTS": variants(same={"width": 30}, web={"width": 20, "format": "webp"}),
            "KEY_TEMPLATE": "{variant}/{stem}{extension}",
        }
        settings = Settings.from_environment(environment(**{**fields, **changes}))
        renderer = InProcess()
        self.storage = Storage(
            self.s3,
            processed_bucket="processed",
            cache_control=settings.cache_control,
            read_options=partial(upload_options, settings=settings),
        )
        self.pipeline = Pipeline(
            settings=settings,
            recipes=Recipes(settings, renderer.fingerprint),
            storage=self.storage,
            renderer=renderer,
            executor=ThreadPoolExecutor(4),
            table=None,
            completion_bus=None,
            now=lambda: NOW,
        )

    def put(self, key: str, body: bytes, **fields: Any) -> str:
        response = self.s3.put_object(Bucket="source", Key=key, Body=body, **fields)
        return response["VersionId"]

    def run(self, key: str = "a.png", cause: Cause = Cause.UPLOAD, **fields: Any) -> Outcome:
        request = Request(bucket="source", key=key, cause=cause, **{"occurred_at": NOW} | fields)
        return reconcile(request, self.pipeline, deadline=float("inf"))

    def published(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket="processed").get("Contents", [])
        return [entry["Key"] for entry in listed]

    def image(self, key: str) -> StoredImage:
        image = self.storage.head(key)
        assert image
        return image


@pytest.fixture
def bench(s3: "S3Client") -> Bench:
    return Bench(s3)


def test_every_variant_is_made_of_an_upload(bench: Bench) -> None:
    bench.put("a.png", PNG)
    outcome = bench.run()
    assert outcome.status is Status.PUBLISHED
    assert bench.published() == ["same/a.png", "web/a.webp"]
    assert [(image.variant, image.width) for image in outcome.images] == [("same", 30), ("web", 20)]


@pytest.mark.parametrize(
    ("key", "kind", "heads"), [("a.jpg", "JPEG", 2), ("a.png", "PNG", 2), ("a.webp", "WEBP", 3)]
)
def test_an_upload_makes_as_few_requests_as_the_costs_say(
    bench: Bench, key: str, kind: str, heads: int
) -> None:
    bench.set(VARIANTS=variants(default={"width": 30}))
    bench.put(key, picture(kind=kind))
    bench.calls.clear()
    bench.run(key)
    assert Counter(bench.calls) == {"GetObject": 1, "HeadObject": heads + 1, "PutObject": 1}


def test_a_second_run_reads_and_writes_nothing(bench: Bench) -> None:
    bench.put("a.png", PNG)
    first = bench.run()
    bench.calls.clear()
    again = bench.run()
    assert again.status is Status.CURRENT
    assert (again.info, again.images) == (first.info, first.images)
    assert Counter(bench.calls) == {"GetObject": 1, "HeadObject": 1 + KEYS}


def test_a_listed_source_that_is_up_to_date_is_not_downloaded(bench: Bench) -> None:
    bench.put("a.png", PNG)
    etag = bench.run().source
    assert etag
    bench.calls.clear()
    assert bench.run(cause=Cause.LISTING, etag=etag.etag).status is Status.CURRENT
    assert Counter(bench.calls) == {"HeadObject": 2 + KEYS}


def test_a_run_after_a_partial_failure_makes_only_what_is_missing(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    before = bench.s3.head_object(Bucket="processed", Key="same/a.png")["LastModified"]
    bench.s3.delete_object(Bucket="processed", Key="web/a.webp")
    outcome = bench.run()
    assert [image.variant for image in outcome.written] == ["web"]
    assert [image.variant for image in outcome.images] == ["same", "web"]
    after = bench.s3.head_object(Bucket="processed", Key="same/a.png")["LastModified"]
    assert before == after


def test_other_settings_make_the_images_again(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    bench.set(BACKGROUND="#000000")
    assert bench.run().status is Status.PUBLISHED
    assert bench.run().status is Status.CURRENT


def test_another_format_under_the_same_key_leaves_no_orphan(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    bench.put("a.png", BMP)
    bench.run()
    assert bench.published() == ["same/a.jpg", "web/a.webp"]


def test_a_bad_file_leaves_the_last_good_images(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    bench.put("a.png", TEXT)
    outcome = bench.run()
    assert outcome.status is Status.REJECTED
    assert outcome.rejection
    assert outcome.rejection.reason == "unsupported-format"
    assert bench.published() == ["same/a.png", "web/a.webp"]


def test_images_of_a_file_that_is_rejected_now_are_deleted(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    bench.set(BACKGROUND="#000000", FORMATS=json.dumps(["jpeg"]))
    assert bench.run().status is Status.REJECTED
    assert bench.published() == []


def test_the_first_of_two_sources_keeps_the_key(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.put("a.jpg", picture())
    bench.run("a.png")
    outcome = bench.run("a.jpg")
    assert outcome.rejection
    assert outcome.rejection.reason == "key-collision"
    assert "belongs to a.png" in str(outcome.rejection)
    assert bench.published() == ["same/a.png", "web/a.webp"]


def test_a_collision_that_ends_while_the_images_are_withdrawn_ends_as_published(
    bench: Bench,
) -> None:
    bench.set(REMOVE_DELETED="true")
    bench.put("a.jpg", picture())
    bench.run("a.jpg")
    bench.s3.delete_object(Bucket="processed", Key="web/a.webp")
    bench.put("a.png", PNG)
    bench.run("a.png")
    usual = bench.pipeline

    def make_way() -> None:
        bench.pipeline = usual
        bench.s3.delete_object(Bucket="source", Key="a.png")
        bench.run("a.png", cause=Cause.REMOVAL)
        assert bench.run("a.jpg").status is Status.PUBLISHED

    bench.pipeline = replace(usual, storage=Interrupted(bench, "delete", make_way))
    assert bench.run("a.jpg").status is Status.PUBLISHED
    assert bench.published() == ["same/a.jpg", "web/a.webp"]


def test_an_object_that_is_not_ours_is_never_replaced(bench: Bench) -> None:
    bench.s3.put_object(Bucket="processed", Key="web/a.webp", Body=b"theirs")
    bench.put("a.png", PNG)
    assert bench.run().status is Status.REJECTED
    assert bench.s3.get_object(Bucket="processed", Key="web/a.webp")["Body"].read() == b"theirs"
    assert bench.published() == ["web/a.webp"]


# Missing sources.


@pytest.mark.parametrize("cause", [Cause.UPLOAD, Cause.REMOVAL])
def test_the_images_of_a_deleted_source_go_if_the_settings_say_so(
    bench: Bench, cause: Cause
) -> None:
    bench.set(REMOVE_DELETED="true")
    bench.put("a.png", PNG)
    bench.run()
    bench.s3.delete_object(Bucket="source", Key="a.png")
    assert bench.run(cause=cause).status is Status.REMOVED
    assert bench.published() == []


@pytest.mark.parametrize(
    ("cause", "hours"), [(Cause.UPLOAD, 25), (Cause.LISTING, 0), (Cause.UPLOAD, None)]
)
def test_the_images_of_an_expired_source_stay(
    bench: Bench, cause: Cause, hours: int | None
) -> None:
    bench.set(REMOVE_DELETED="true")
    bench.put("a.png", PNG)
    bench.run()
    bench.s3.delete_object(Bucket="source", Key="a.png")
    occurred_at = None if hours is None else NOW - timedelta(hours=hours)
    assert bench.run(cause=cause, occurred_at=occurred_at).status is Status.SUPERSEDED
    assert len(bench.published()) == 2


def test_without_the_setting_no_image_goes_with_its_source(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    bench.s3.delete_object(Bucket="source", Key="a.png")
    assert bench.run(cause=Cause.REMOVAL).status is Status.SUPERSEDED
    assert len(bench.published()) == 2


def test_a_source_that_is_not_visible_yet_is_waited_for(bench: Bench) -> None:
    young = NOW - timedelta(minutes=14)
    with pytest.raises(TransientFailure, match="not visible yet"):
        bench.run(version="v1", occurred_at=young)
    assert bench.run(version="v1", occurred_at=NOW - timedelta(minutes=15)).status is (
        Status.SUPERSEDED
    )
    assert bench.run(occurred_at=young).status is Status.SUPERSEDED


def test_an_uncovered_version_is_published(bench: Bench) -> None:
    bench.put("a.png", PNG)
    newest = bench.put("a.png", BMP)
    bench.run()
    bench.s3.delete_object(Bucket="source", Key="a.png", VersionId=newest)
    assert bench.run(cause=Cause.REMOVAL, version=newest).status is Status.PUBLISHED
    assert bench.published() == ["same/a.png", "web/a.webp"]


# A source that changes meanwhile.


class Interrupted(Storage):
    """A storage during whose calls something else happens."""

    def __init__(self, bench: Bench, call: str, action: Any) -> None:
        super().__init__(bench.s3, processed_bucket="processed")
        self._call = call
        self._action = action

    def put(self, *args: Any, **kwargs: Any) -> str | None:
        if self._call == "put":
            self._call = ""
            self._action()
        return super().put(*args, **kwargs)

    def delete(self, stored: StoredObject) -> bool:
        if self._call == "delete":
            self._call = ""
            self._action()
        return super().delete(stored)


def test_a_source_that_changes_while_its_images_are_written_is_reconciled_again(
    bench: Bench,
) -> None:
    bench.put("a.png", PNG)
    changing = Interrupted(bench, "put", lambda: bench.put("a.png", BMP))
    bench.pipeline = replace(bench.pipeline, storage=changing)
    assert bench.run().status is Status.PUBLISHED
    assert bench.published() == ["same/a.jpg", "web/a.webp"]


def test_a_backfill_leaves_nothing_of_a_source_that_is_deleted_while_it_writes(
    bench: Bench,
) -> None:
    bench.set(REMOVE_DELETED="true")
    bench.put("a.png", PNG)
    deleting = Interrupted(
        bench, "put", lambda: bench.s3.delete_object(Bucket="source", Key="a.png")
    )
    bench.pipeline = replace(bench.pipeline, storage=deleting)
    assert bench.run(cause=Cause.LISTING, etag="e").status is Status.REMOVED
    assert bench.published() == []


def test_a_source_that_never_rests_is_a_transient_failure(bench: Bench) -> None:
    bench.put("a.png", PNG)
    sizes = iter(range(10, 100))

    class Restless(Storage):
        def put(self, *args: Any, **kwargs: Any) -> str | None:
            etag = super().put(*args, **kwargs)
            bench.put("a.png", picture(next(sizes), 9, kind="PNG"))
            return etag

    bench.pipeline = replace(
        bench.pipeline, storage=Restless(bench.s3, processed_bucket="processed")
    )
    with pytest.raises(TransientFailure, match=f"changed {MAX_ROUNDS} times"):
        bench.run()


def test_a_run_with_other_settings_is_not_overwritten_but_waited_for(bench: Bench) -> None:
    bench.put("a.png", PNG)
    other = Bench(bench.s3, BACKGROUND="#000000")
    bench.pipeline = replace(
        bench.pipeline,
        storage=Interrupted(bench, "put", other.run),
        executor=ThreadPoolExecutor(1),  # the other run is whole before the second image is written
    )
    with pytest.raises(TransientFailure, match="other settings"):
        bench.run()
    assert other.run().status is Status.CURRENT


def test_damage_found_late_takes_back_what_was_written(bench: Bench) -> None:
    half = picture(400, 300, kind="PNG")[:-400]
    bench.put("a.png", half)
    assert bench.run().status is Status.REJECTED
    assert bench.published() == []


# Reviews.


def test_a_source_that_is_back_before_its_images_are_deleted_is_inspected(bench: Bench) -> None:
    bench.put("a.png", PNG)
    bench.run()
    bench.set(MUST_BE_REVIEWED="true", REMOVE_DELETED="true")
    bench.s3.delete_object(Bucket="source", Key="a.png")
    returning = Interrupted(bench, "delete", lambda: bench.put("a.png", BMP))
    bench.pipeline = replace(bench.pipeline, storage=returning)
    removal = Request(bucket="source", key="a.png", cause=Cause.REMOVAL)
    outcome = inspect(removal, bench.pipeline, deadline=float("inf"))
    assert outcome.status is Status.INSPECTED
    assert len(outcome.missing) == 2


def test_without_a_review_nothing_new_is_published(bench: Bench) -> None:
    bench.set(MUST_BE_REVIEWED="true")
    bench.put("a.png", PNG)
    assert bench.run().status is Status.UNREVIEWED
    assert bench.published() == []


def test_only_the_version_that_was_reviewed_is_published(bench: Bench) -> None:
    bench.set(MUST_BE_REVIEWED="true")
    reviewed = bench.put("a.png", PNG)
    bench.put("a.png", BMP)
    assert bench.run(reviewed_version=reviewed).status is Status.SUPERSEDED
    assert bench.published() == []


def test_what_was_reviewed_before_needs_no_review_to_be_made_again(bench: Bench) -> None:
    bench.set(MUST_BE_REVIEWED="true")
    version = bench.put("a.png", PNG)
    assert bench.run(reviewed_version=version).status is Status.PUBLISHED
    bench.set(MUST_BE_REVIEWED="true", BACKGROUND="#000000")
    assert bench.run(cause=Cause.LISTING, etag="e").status is Status.PUBLISHED


def test_the_same_bytes_again_need_a_review_again(bench: Bench) -> None:
    bench.set(MUST_BE_REVIEWED="true")
    first = bench.put("a.png", PNG)
    bench.run(reviewed_version=first)
    second = bench.put("a.png", PNG)
    assert bench.run().status is Status.UNREVIEWED
    assert bench.run(reviewed_version=second).status is Status.PUBLISHED
    assert bench.image("same/a.png").provenance.source_version == second


def test_a_refused_version_is_rejected(bench: Bench) -> None:
    bench.set(MUST_BE_REVIEWED="true")
    version = bench.put("a.png", PNG)
    outcome = bench.run(reviewed_version=version, refusal="too loud")
    assert outcome.rejection
    assert (outcome.rejection.reason, str(outcome.rejection)) == ("refused", "too loud")
    assert bench.published() == []


def test_an_inspection_tells_what_is_missing_and_writes_nothing(bench: Bench) -> None:
    bench.put("a.png", PNG)
    request = Request(bucket="source", key="a.png", cause=Cause.UPLOAD, occurred_at=NOW)
    outcome = inspect(request, bench.pipeline, deadline=float("inf"))
    assert (outcome.status, outcome.missing) == (Status.INSPECTED, ("same", "web"))
    assert bench.published() == []
    bench.run()
    assert inspect(request, bench.pipeline, deadline=float("inf")).missing == ()

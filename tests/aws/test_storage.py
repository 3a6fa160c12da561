"""Sources are read as announced, and published by compare-and-swap."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber
from pipeline.errors import ImageTooLarge, KeyCollision, Superseded, TransientFailure
from pipeline.model import Format, Rendition, Size, Source
from pipeline.stamps import Stamp
from pipeline.storage import MAX_PUBLISH_TRIES, Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "a b+c%é.png"
OLD = Rendition(variant="v", body=b"old", format=Format.PNG, size=Size(width=1, height=1))
NEW = replace(OLD, body=b"new")
STAMP = Stamp(source_key="a", source_etag="e", source_version="", source_sequencer="05", recipe="r")
OLDER = replace(STAMP, source_sequencer="04")


@pytest.fixture
def storage(s3: "S3Client") -> Storage:
    return Storage(s3, processed_bucket="processed", cache_control="max-age=60")


def put(s3: "S3Client", body: bytes) -> Source:
    answer = s3.put_object(Bucket="source", Key=KEY, Body=body)
    return Source(bucket="source", key=KEY, etag=answer["ETag"].strip('"'), size=len(body))


def body(s3: "S3Client") -> bytes:
    return s3.get_object(Bucket="processed", Key=KEY)["Body"].read()


def test_a_source_is_fetched_as_announced(s3: "S3Client", storage: Storage) -> None:
    assert storage.fetch(put(s3, b"data"), max_bytes=4).read() == b"data"


def test_a_source_over_the_limit_is_not_fetched(s3: "S3Client", storage: Storage) -> None:
    with pytest.raises(ImageTooLarge, match="4 bytes; at most 3"):
        storage.fetch(put(s3, b"data"), max_bytes=3)


def test_a_replaced_source_is_superseded(s3: "S3Client", storage: Storage) -> None:
    announced = put(s3, b"data")
    put(s3, b"other")
    with pytest.raises(Superseded):
        storage.fetch(announced, max_bytes=9)


def test_a_deleted_source_is_superseded(s3: "S3Client", storage: Storage) -> None:
    announced = put(s3, b"data")
    s3.delete_object(Bucket="source", Key=KEY)
    with pytest.raises(Superseded):
        storage.fetch(announced, max_bytes=9)


def test_a_missing_bucket_is_no_reason_to_forget_the_upload(
    s3: "S3Client", storage: Storage
) -> None:
    announced = replace(put(s3, b"data"), bucket="no-such-bucket")
    with pytest.raises(TransientFailure, match="NoSuchBucket"):
        storage.fetch(announced, max_bytes=9)


def test_a_refused_read_is_transient(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(TransientFailure, match="AccessDenied"):
            storage.fetch(Source(bucket="b", key="k", etag="e", size=1), max_bytes=9)


def test_what_is_published_carries_type_cache_rule_and_stamp(
    s3: "S3Client", storage: Storage
) -> None:
    storage.publish(KEY, NEW, STAMP, over=None)
    answer = s3.get_object(Bucket="processed", Key=KEY)
    assert answer["Body"].read() == b"new"
    assert (answer["ContentType"], answer["CacheControl"]) == ("image/png", "max-age=60")
    assert Stamp.from_metadata(answer["Metadata"]) == STAMP


def test_nothing_there_looks_like_none(storage: Storage) -> None:
    assert storage.look(KEY) is None


def test_what_is_there_is_seen_with_its_stamp(s3: "S3Client", storage: Storage) -> None:
    storage.publish(KEY, NEW, STAMP, over=None)
    existing = storage.look(KEY)
    assert existing is not None
    assert existing.stamp == STAMP


def test_a_newer_upload_replaces_an_older_one(s3: "S3Client", storage: Storage) -> None:
    storage.publish(KEY, OLD, OLDER, over=None)
    storage.publish(KEY, NEW, STAMP, over=storage.look(KEY))
    assert body(s3) == b"new"


def test_older_upload_never_overwrites_a_newer_one(s3: "S3Client", storage: Storage) -> None:
    storage.publish(KEY, NEW, STAMP, over=None)
    with pytest.raises(Superseded):
        storage.publish(KEY, OLD, OLDER, over=storage.look(KEY))
    assert body(s3) == b"new"


def test_a_newer_upload_that_slips_in_after_the_look_stays(
    s3: "S3Client", storage: Storage
) -> None:
    nothing_yet = storage.look(KEY)
    storage.publish(KEY, NEW, STAMP, over=None)
    with pytest.raises(Superseded):
        storage.publish(KEY, OLD, OLDER, over=nothing_yet)
    assert body(s3) == b"new"


def test_an_older_upload_that_slips_in_after_the_look_is_replaced(
    s3: "S3Client", storage: Storage
) -> None:
    nothing_yet = storage.look(KEY)
    storage.publish(KEY, OLD, OLDER, over=None)
    storage.publish(KEY, NEW, STAMP, over=nothing_yet)
    assert body(s3) == b"new"


def test_the_same_work_done_by_another_handler_is_kept(s3: "S3Client", storage: Storage) -> None:
    storage.publish(KEY, NEW, STAMP, over=None)
    storage.publish(KEY, replace(NEW, body=b"again"), STAMP, over=None)
    assert body(s3) == b"new"


def test_an_object_deleted_after_the_look_is_written_anew(s3: "S3Client", storage: Storage) -> None:
    storage.publish(KEY, OLD, OLDER, over=None)
    seen = storage.look(KEY)
    s3.delete_object(Bucket="processed", Key=KEY)
    storage.publish(KEY, NEW, STAMP, over=seen)
    assert body(s3) == b"new"


def test_the_object_of_another_source_stays(s3: "S3Client", storage: Storage) -> None:
    storage.publish(KEY, OLD, replace(OLDER, source_key="b"), over=None)
    with pytest.raises(KeyCollision):
        storage.publish(KEY, NEW, STAMP, over=None)
    assert body(s3) == b"old"


def test_an_object_that_is_not_ours_stays(s3: "S3Client", storage: Storage) -> None:
    s3.put_object(Bucket="processed", Key=KEY, Body=b"precious")
    with pytest.raises(KeyCollision):
        storage.publish(KEY, NEW, STAMP, over=None)
    assert body(s3) == b"precious"


def test_endless_conflicts_are_a_transient_failure(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        for _ in range(MAX_PUBLISH_TRIES):
            stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
            stub.add_client_error("head_object", "404", http_status_code=404)
        with pytest.raises(TransientFailure, match="overtaken"):
            storage.publish(KEY, NEW, STAMP, over=None)
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "AccessDenied"])
def test_a_refused_write_is_transient(s3: "S3Client", storage: Storage, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", code, http_status_code=400)
        with pytest.raises(TransientFailure, match=code):
            storage.publish(KEY, NEW, STAMP, over=None)


def test_a_refused_look_is_not_taken_for_absence(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "403", http_status_code=403)
        with pytest.raises(TransientFailure, match="403"):
            storage.look(KEY)

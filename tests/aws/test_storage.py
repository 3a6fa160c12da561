"""Sources are read as announced, and writes are refused when something came between."""

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    FlexibleChecksumError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.exceptions import ReadTimeoutError as BotoReadTimeoutError
from botocore.httpchecksum import Crc32Checksum, StreamingChecksumBody
from botocore.response import StreamingBody
from botocore.stub import Stubber
from pipeline.errors import ImageTooLarge, Superseded, TransientFailure
from pipeline.manifests import Manifest
from pipeline.model import Format, Published, Removal, Rendition, Size, Source
from pipeline.stamps import Stamp
from pipeline.storage import Storage
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "a b+c%é.png"
OLD = Rendition(variant="v", body=b"old", format=Format.PNG, size=Size(width=1, height=1))
NEW = replace(OLD, body=b"new")
STAMP = Stamp(source_key="a", source_etag="e", source_version="", source_sequencer="05", recipe="r")
OLDER = replace(STAMP, source_sequencer="04")
MANIFEST = Manifest(
    source_key=KEY,
    etag="e",
    version="",
    sequencer="05",
    images=(Published(variant="v", key=KEY, format=Format.PNG, width=1, height=1, bytes=3),),
    retired=("old.png",),
)


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


def broken(failure: Exception) -> StreamingBody:
    class Raw(io.BytesIO):
        def read(self, size: int | None = None) -> bytes:
            raise failure

    return StreamingBody(Raw(), 4)


def with_other_checksum(data: bytes) -> StreamingBody:
    # Of nothing, in the eight base64 digits that S3 sends.
    return StreamingChecksumBody(io.BytesIO(data), len(data), Crc32Checksum(), "AAAAAA==")


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (StreamingBody(io.BytesIO(b"dat"), 4), IncompleteReadError),
        (StreamingBody(io.BytesIO(b"datas"), 4), IncompleteReadError),
        (broken(ReadTimeoutError(HTTPConnectionPool("s3"), "/", "slow")), BotoReadTimeoutError),
        (broken(ProtocolError("reset")), ResponseStreamingError),
        (broken(HTTPError("anything")), HTTPError),
        (broken(ConnectionResetError()), OSError),
        (with_other_checksum(b"data"), FlexibleChecksumError),
    ],
)
def test_a_source_that_breaks_on_its_way_is_transient(
    s3: "S3Client", storage: Storage, body: StreamingBody, cause: type[Exception]
) -> None:
    with Stubber(s3) as stub:
        stub.add_response("get_object", {"Body": body, "ContentLength": 4})
        file = storage.fetch(Source(bucket="b", key="k", etag="e", size=4), max_bytes=9)
        with pytest.raises(TransientFailure, match="cannot read the source") as failure:
            file.read()
    assert isinstance(failure.value.__cause__, cause)


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


def test_what_is_put_carries_type_cache_rule_and_stamp(s3: "S3Client", storage: Storage) -> None:
    assert storage.put(KEY, NEW, STAMP, over=None)
    answer = s3.get_object(Bucket="processed", Key=KEY)
    assert answer["Body"].read() == b"new"
    assert (answer["ContentType"], answer["CacheControl"]) == ("image/png", "max-age=60")
    assert Stamp.from_metadata(answer["Metadata"]) == STAMP


def test_nothing_there_looks_like_none(storage: Storage) -> None:
    assert storage.look(KEY) is None
    assert storage.manifest(KEY) is None


def test_what_is_there_is_seen_with_its_stamp(storage: Storage) -> None:
    storage.put(KEY, NEW, STAMP, over=None)
    existing = storage.look(KEY)
    assert existing is not None
    assert existing.stamp == STAMP


def test_a_put_over_nothing_needs_nothing_there(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    assert not storage.put(KEY, NEW, STAMP, over=None)
    assert body(s3) == b"old"


def test_a_put_over_something_needs_that_there(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    seen = storage.look(KEY)
    assert storage.put(KEY, NEW, STAMP, over=seen)
    assert not storage.put(KEY, OLD, OLDER, over=seen)
    assert body(s3) == b"new"


def test_a_put_over_something_that_is_gone_writes_nothing(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    seen = storage.look(KEY)
    s3.delete_object(Bucket="processed", Key=KEY)
    assert not storage.put(KEY, NEW, STAMP, over=seen)
    assert storage.look(KEY) is None


def test_only_what_was_seen_is_removed(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    seen = storage.look(KEY)
    assert seen is not None
    storage.put(KEY, NEW, STAMP, over=seen)
    assert not storage.remove(KEY, seen)
    now = storage.look(KEY)
    assert now is not None
    assert storage.remove(KEY, now)
    assert not storage.remove(KEY, now)
    assert storage.look(KEY) is None


def test_a_manifest_is_read_as_it_was_written(storage: Storage) -> None:
    assert storage.put_manifest(MANIFEST, over=None)
    existing = storage.manifest(KEY)
    assert existing is not None
    assert existing.manifest == MANIFEST


def test_a_manifest_is_swapped_only_for_the_one_that_was_seen(storage: Storage) -> None:
    storage.put_manifest(MANIFEST, over=None)
    seen = storage.manifest(KEY)
    newer = replace(MANIFEST, sequencer="06")
    assert not storage.put_manifest(newer, over=None)
    assert storage.put_manifest(newer, over=seen)
    assert not storage.put_manifest(MANIFEST, over=seen)


def test_a_removed_source_is_not_found(s3: "S3Client", storage: Storage) -> None:
    put(s3, b"data")
    s3.delete_object(Bucket="source", Key=KEY)
    assert storage.find(Removal(bucket="source", key=KEY)) is None


def test_what_lies_under_a_removed_version_is_found(s3: "S3Client", storage: Storage) -> None:
    first = put(s3, b"first")
    second = s3.put_object(Bucket="source", Key=KEY, Body=b"second")
    s3.delete_object(Bucket="source", Key=KEY, VersionId=second["VersionId"])
    found = storage.find(Removal(bucket="source", key=KEY, sequencer="09"))
    assert found is not None
    assert (found.etag, found.size, found.sequencer) == (first.etag, 5, "09")


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "AccessDenied"])
def test_a_refused_write_is_transient(s3: "S3Client", storage: Storage, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", code, http_status_code=400)
        with pytest.raises(TransientFailure, match=code):
            storage.put(KEY, NEW, STAMP, over=None)


def test_a_conflict_is_a_lost_race(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        assert not storage.put(KEY, NEW, STAMP, over=None)


def test_a_refused_look_is_not_taken_for_absence(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "403", http_status_code=403)
        with pytest.raises(TransientFailure, match="403"):
            storage.look(KEY)

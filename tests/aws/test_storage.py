"""Reads return the current source, and conditional writes fail after a concurrent change."""

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
from pipeline.aws.storage import OpenSource, Storage, StoredImage, StoredManifest
from pipeline.errors import ArchivedObject, CustomerKey, TransientFailure
from pipeline.model import Format, Rendition, Size, Source
from pipeline.provenance import MAX_BYTES, Provenance
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "a b+c%é.png"
OLD = Rendition(variant="v", body=b"old", format=Format.PNG, size=Size(width=1, height=1))
NEW = replace(OLD, body=b"new")
NOW = datetime.now(UTC)
NO_HEADERS: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {}}}
PROVENANCE = Provenance(source_key="a", source_etag="e", source_version="v", recipe="r")
OLDER = replace(PROVENANCE, source_etag="d")
SOURCE = Source(bucket="source", key=KEY, etag="e", size=9, version="v")
SEEN = StoredImage(
    key=KEY,
    etag='"e"',
    bytes=3,
    provenance=PROVENANCE,
    content_type="image/png",
    cache_control="",
    is_retired=False,
)


@pytest.fixture
def storage(s3: "S3Client") -> Storage:
    return Storage(s3, processed_bucket="processed", cache_control="max-age=60")


def put(s3: "S3Client", body: bytes, **fields: Any) -> None:
    s3.put_object(Bucket="source", Key=KEY, Body=body, **fields)


def get(storage: Storage, bucket: str = "source") -> OpenSource:
    return storage.get_source(bucket, KEY)


def body(s3: "S3Client") -> bytes:
    return s3.get_object(Bucket="processed", Key=KEY)["Body"].read()


def test_the_current_source_is_read(s3: "S3Client", storage: Storage) -> None:
    put(s3, b"before")
    put(s3, b"data")
    with get(storage) as found:
        assert found.source
        assert found.body
        assert found.body.read() == b"data"
    newest = s3.head_object(Bucket="source", Key=KEY)
    assert found.source.etag == newest["ETag"].strip('"')
    assert (found.source.size, found.source.version) == (4, newest["VersionId"])


def test_a_source_can_be_read_again(s3: "S3Client", storage: Storage) -> None:
    put(s3, b"data")
    with get(storage) as found:
        assert found.source
        with storage.reopen_source(found.source) as content:
            assert content.read() == b"data"


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_source_that_has_changed_cannot_be_read_again(
    s3: "S3Client", storage: Storage, is_deleted: bool
) -> None:
    put(s3, b"before")
    with get(storage) as found:
        assert found.source
        if is_deleted:
            s3.delete_object(Bucket="source", Key=KEY)
        else:
            put(s3, b"data")
        with pytest.raises(TransientFailure, match="read the source again"):
            storage.reopen_source(found.source)


def test_without_versions_time_and_etag_distinguish_uploads(
    s3: "S3Client", storage: Storage
) -> None:
    s3.put_object(Bucket="processed", Key=KEY, Body=b"data")
    head = s3.head_object(Bucket="processed", Key=KEY)
    source = storage.head_source("processed", KEY).source
    assert source
    assert source.version == f"{head['LastModified'].isoformat()} {source.etag}"


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
def test_a_broken_download_of_a_source_is_transient(
    s3: "S3Client", storage: Storage, body: StreamingBody, cause: type[Exception]
) -> None:
    put(s3, b"data")
    with Stubber(s3) as stub:
        found: Any = {
            "ETag": '"e"',
            "ContentLength": 4,
            "LastModified": NOW,
            "Metadata": {},
            **NO_HEADERS,
        }
        stub.add_response("get_object", {"Body": body, **found})
        arriving = get(storage).body
        assert arriving
        with pytest.raises(TransientFailure, match="read the source") as failure:
            arriving.read()
    assert isinstance(failure.value.__cause__, cause)


def test_a_missing_source_does_not_count_as_deleted(s3: "S3Client", storage: Storage) -> None:
    for found in (get(storage), storage.head_source("source", KEY)):
        assert (found.source, found.is_deleted) == (None, False)


def test_a_delete_marker_means_deleted(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        for call in ("get_object", "head_object"):
            stub.add_client_error(
                call,
                "NoSuchKey" if call == "get_object" else "404",
                http_status_code=404,
                response_meta={"HTTPHeaders": {"x-amz-delete-marker": "true"}},
            )
        assert get(storage).is_deleted
        assert storage.head_source("source", KEY).is_deleted


def test_an_archived_source_is_rejected_with_its_storage_class(
    s3: "S3Client", storage: Storage
) -> None:
    put(s3, b"data", StorageClass="GLACIER")
    found = get(storage)
    assert isinstance(found.problem, ArchivedObject)
    assert found.source
    assert found.source.etag == s3.head_object(Bucket="source", Key=KEY)["ETag"].strip('"')


def test_a_source_under_a_customers_key_is_rejected_as_such(
    s3: "S3Client", storage: Storage
) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error(
            "get_object", "InvalidRequest", http_status_code=400, response_meta={"HTTPHeaders": {}}
        )
        for _ in range(2):
            stub.add_client_error(
                "head_object", "400", http_status_code=400, response_meta={"HTTPHeaders": {}}
            )
        found = get(storage)
        assert isinstance(found.problem, CustomerKey)
        assert found.source == storage.head_source("source", KEY).source


def test_a_missing_bucket_is_transient(storage: Storage) -> None:
    with pytest.raises(TransientFailure, match="NoSuchBucket"):
        get(storage, "no-such-bucket")


@pytest.mark.parametrize("call", ["get_object", "head_object"])
def test_a_refused_read_is_transient(s3: "S3Client", storage: Storage, call: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error(call, "AccessDenied", http_status_code=403)
        with pytest.raises(TransientFailure, match="AccessDenied"):
            _ = get(storage) if call == "get_object" else storage.head_source("source", KEY)


@pytest.mark.parametrize(("call", "code"), [("get_object", "AccessDenied"), ("head_object", "403")])
def test_a_read_without_permission_says_what_to_check(
    s3: "S3Client", storage: Storage, call: str, code: str
) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error(call, code, "Access Denied", http_status_code=403)
        with pytest.raises(TransientFailure, match=r"policies .* role .* account .* own it"):
            _ = get(storage) if call == "get_object" else storage.head_source("source", KEY)


def test_only_a_missing_permission_is_explained(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "SlowDown", http_status_code=503)
        with pytest.raises(TransientFailure) as failure:
            get(storage)
    assert "policies" not in str(failure.value)


def test_a_write_without_permission_says_what_to_check(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", "AccessDenied", "Denied", http_status_code=403)
        with pytest.raises(TransientFailure, match=r"AccessDenied.*policies .* role .* write"):
            storage.put(KEY, NEW, PROVENANCE, over=None)


def test_an_image_carries_type_cache_rule_and_provenance(s3: "S3Client", storage: Storage) -> None:
    assert storage.put(KEY, NEW, PROVENANCE, over=None)
    response = s3.get_object(Bucket="processed", Key=KEY)
    assert response["Body"].read() == b"new"
    assert (response["ContentType"], response["CacheControl"]) == ("image/png", "max-age=60")
    assert Provenance.from_metadata(response["Metadata"]) == PROVENANCE


def test_a_missing_image_is_none(storage: Storage) -> None:
    assert storage.head(KEY) is None


def test_an_existing_image_is_returned_with_its_provenance(storage: Storage) -> None:
    storage.put(KEY, NEW, PROVENANCE, over=None)
    existing = storage.head(KEY)
    assert existing is not None
    assert existing.provenance == PROVENANCE


def test_a_first_write_requires_that_no_image_exists(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    assert not storage.put(KEY, NEW, PROVENANCE, over=None)
    assert body(s3) == b"old"


def test_an_overwrite_requires_the_image_that_was_seen(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    seen = storage.head(KEY)
    assert storage.put(KEY, NEW, PROVENANCE, over=seen)
    assert not storage.put(KEY, OLD, OLDER, over=seen)
    assert body(s3) == b"new"


def test_an_overwrite_of_a_deleted_image_writes_nothing(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    seen = storage.head(KEY)
    s3.delete_object(Bucket="processed", Key=KEY)
    assert not storage.put(KEY, NEW, PROVENANCE, over=seen)
    assert storage.head(KEY) is None


def test_only_the_image_that_was_seen_is_deleted(s3: "S3Client", storage: Storage) -> None:
    storage.put(KEY, OLD, OLDER, over=None)
    seen = storage.head(KEY)
    assert seen is not None
    storage.put(KEY, NEW, PROVENANCE, over=seen)
    assert not storage.delete(seen)
    now = storage.head(KEY)
    assert now is not None
    assert storage.delete(now)
    assert storage.delete(now)  # already deleted, which was the goal
    assert storage.head(KEY) is None


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "AccessDenied"])
def test_a_refused_write_is_transient(s3: "S3Client", storage: Storage, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", code, http_status_code=400)
        with pytest.raises(TransientFailure, match=code):
            storage.put(KEY, NEW, PROVENANCE, over=None)


def test_a_conflict_is_a_lost_race(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        assert not storage.put(KEY, NEW, PROVENANCE, over=None)


def test_a_refused_head_does_not_count_as_missing(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "403", http_status_code=403)
        with pytest.raises(TransientFailure, match="403"):
            storage.head(KEY)


def test_a_manifest_carries_type_cache_rule_and_provenance(
    s3: "S3Client", storage: Storage
) -> None:
    provenance = Provenance.of_manifest(SOURCE)
    assert storage.put_manifest(
        KEY, b"{}", provenance, cache_control="public, max-age=60", over=None
    )
    response = s3.head_object(Bucket="processed", Key=KEY)
    assert (response["ContentType"], response["CacheControl"]) == (
        "application/json",
        "public, max-age=60",
    )
    found = storage.get_manifest(KEY)
    assert found is not None
    assert (found.body, found.etag, found.provenance) == (b"{}", response["ETag"], provenance)
    assert found.provenance.is_of(SOURCE.key)


def test_a_missing_manifest_is_none(storage: Storage) -> None:
    assert storage.get_manifest(KEY) is None


def test_a_manifest_is_written_only_over_the_one_that_was_read(storage: Storage) -> None:
    def put(body: bytes, over: StoredManifest | None) -> str | None:
        provenance = Provenance.of_manifest(SOURCE)
        return storage.put_manifest(
            KEY, body, provenance, cache_control="public, max-age=60", over=over
        )

    assert put(b"1", None)
    assert not put(b"2", None)
    first = storage.get_manifest(KEY)
    assert first is not None
    assert put(b"2", first)
    assert not put(b"3", first)
    assert not storage.delete(first)
    second = storage.get_manifest(KEY)
    assert second is not None
    assert second.body == b"2"
    assert storage.delete(second)
    assert not put(b"4", second)
    assert storage.get_manifest(KEY) is None


def test_a_broken_download_of_a_manifest_is_transient(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        found: Any = {"ETag": '"e"', "Metadata": {}, "ContentLength": 4}
        stub.add_response(
            "get_object", {"Body": broken(ProtocolError("reset")), **found, **NO_HEADERS}
        )
        with pytest.raises(TransientFailure, match="read 'a b"):
            storage.get_manifest(KEY)


def tags(s3: "S3Client") -> dict[str, str]:
    found = s3.get_object_tagging(Bucket="processed", Key=KEY)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def retired(storage: Storage) -> StoredImage:
    storage.put(KEY, OLD, replace(PROVENANCE, facts="{}"), over=None)
    image = storage.head(KEY)
    assert image is not None
    assert not image.is_retired
    assert storage.retire(image)
    image = storage.head(KEY)
    assert image is not None
    return image


def test_a_retired_image_is_marked_and_otherwise_unchanged(
    s3: "S3Client", storage: Storage
) -> None:
    image = retired(storage)
    assert image.is_retired
    assert image.provenance == PROVENANCE
    assert tags(s3) == {"retired": "true"}
    assert body(s3) == b"old"
    assert (image.content_type, image.cache_control) == ("image/png", "max-age=60")


def test_only_an_image_that_was_seen_is_retired(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        expected = {
            "Bucket": "processed",
            "Key": KEY,
            "CopySource": {"Bucket": "processed", "Key": KEY},
            "CopySourceIfMatch": SEEN.etag,
            "ContentType": "image/png",
            "MetadataDirective": "REPLACE",
            "Metadata": {**PROVENANCE.metadata(), "retired": "true"},
            "TaggingDirective": "REPLACE",
            "Tagging": "retired=true",
        }
        stub.add_response("copy_object", {}, expected)
        stub.add_client_error("copy_object", "PreconditionFailed", http_status_code=412)
        stub.add_client_error("copy_object", "NoSuchKey", http_status_code=404)
        assert storage.retire(SEEN)
        assert not storage.retire(SEEN)  # it is another image by now
        assert storage.retire(SEEN)  # already deleted, which is more than the goal


def test_writing_an_image_again_ends_its_retirement(s3: "S3Client", storage: Storage) -> None:
    image = retired(storage)
    assert storage.put(KEY, OLD, PROVENANCE, over=image)
    again = storage.head(KEY)
    assert again is not None
    assert not again.is_retired
    assert tags(s3) == {}


def test_a_retired_image_can_be_restored(s3: "S3Client", storage: Storage) -> None:
    image = retired(storage)
    assert storage.restore(image)
    restored = storage.head(KEY)
    assert restored == replace(image, is_retired=False)
    assert tags(s3) == {}


def test_a_refused_retirement_is_transient(s3: "S3Client", storage: Storage) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("copy_object", "AccessDenied", http_status_code=403)
        with pytest.raises(TransientFailure, match="retire"):
            storage.retire(SEEN)


def test_the_longest_provenance_leaves_room_for_the_mark(s3: "S3Client", storage: Storage) -> None:
    def size(metadata: Mapping[str, str]) -> int:
        return sum(len(name) + len(value) for name, value in metadata.items())

    long = replace(PROVENANCE, source_key="k" * 1024)
    room = MAX_BYTES - size(long.metadata()) - len("facts")
    storage.put(KEY, OLD, replace(long, facts="f" * room), over=None)
    image = storage.head(KEY)
    assert image is not None
    assert size(image.provenance.metadata()) == MAX_BYTES
    assert storage.retire(image)
    assert size(s3.head_object(Bucket="processed", Key=KEY)["Metadata"]) <= MAX_BYTES

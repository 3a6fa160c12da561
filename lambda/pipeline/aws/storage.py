"""Read sources from S3; read, write, retire and delete processed images and manifests there.

Every write and deletion is conditional on what the processed bucket holds: S3 refuses it if that
has changed since, and the caller decides again.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from botocore.exceptions import ClientError

from pipeline.aws.client import aws_call, error_code
from pipeline.download import Download
from pipeline.errors import ArchivedObject, CustomerKey, Rejected
from pipeline.model import Rendition, Source, UploadOptions
from pipeline.provenance import Provenance

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CopyObjectRequestTypeDef,
        GetObjectOutputTypeDef,
        PutObjectRequestTypeDef,
    )

# A response to HEAD has no body, and control characters in a key make other error bodies
# unreadable: the error code is then the HTTP status.
NOT_FOUND: Final = {"NoSuchKey", "404"}

# A conditional write over a missing object returns 404, concurrent writes return 409.
PRECONDITION_FAILED: Final = {
    *("PreconditionFailed", "412"),
    *("ConditionalRequestConflict", "409"),
    *NOT_FOUND,
}

RETIRED: Final = "retired"
"""Metadata and tag of an image that no manifest names any more; `main.tf` has the tag as well."""

# Reading an object encrypted with a customer's own key (SSE-C) without the key returns 400.
NEEDS_CUSTOMER_KEY: Final = {"InvalidRequest", "400"}


class Changed(Exception):
    """The source or an object of the processed bucket has changed since it was read: start over."""


_source_call = partial(
    aws_call,
    if_denied="The policies of the bucket and of its key must allow the function's role to read the"
    " object, and the account of the bucket must own it",
)
_processed_call = partial(
    aws_call,
    if_denied="The policies of the bucket and of its key must allow the function's role to read,"
    " write and delete the object",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What the source bucket held under a key, and when, by the clock of S3.

    *source* is None where there is no object; *is_deleted* is then true if S3
    returned a delete marker. Within fifteen minutes of enabling versioning a bucket may return 404
    without a delete marker although the object exists.
    """

    source: Source | None
    at: datetime
    is_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSource(SourceState):
    """A source state with its content, still arriving. A context manager that closes the download.

    *problem* is why the content of an existing source cannot be read.
    """

    body: BinaryIO | None = None
    problem: Rejected | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.body:
            self.body.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of the processed bucket."""

    key: str
    etag: str
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage(StoredObject):
    """A processed image. It *is_retired* if a lifecycle rule of the bucket will delete it."""

    bytes: int
    content_type: str
    cache_control: str
    is_retired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest(StoredObject):
    """A manifest with its content."""

    body: bytes
    cache_control: str


class Storage:
    """The source bucket to read from and the processed bucket to publish to.

    Every method raises `TransientFailure` when S3 cannot be reached or refuses.
    """

    def __init__(
        self,
        client: "S3Client",
        *,
        processed_bucket: str,
        cache_control: str | None = None,
        read_options: Callable[[str, Mapping[str, str]], UploadOptions] = lambda _, __: (
            UploadOptions()
        ),
    ) -> None:
        """*read_options* returns the options of an upload by its key and its user metadata."""
        self._client = client
        self._bucket = processed_bucket
        self._cache_control = cache_control
        self._read_options = read_options

    def get_source(self, bucket: str, key: str) -> OpenSource:
        """Return what the source bucket holds under *key*, with the content as a stream.

        Reading the last byte checks the length and the checksum.
        """
        with _source_call("read the source"):
            try:
                response = self._client.get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                return self._without_content(bucket, key, error)
        return OpenSource(
            source=self._source(bucket, key, response),
            at=_date(response),
            body=_content(response),
        )

    def reopen_source(self, source: Source) -> BinaryIO:
        """Return the content of *source* again. If it has changed, that is a `TransientFailure`."""
        with _source_call("read the source again"):
            response = self._client.get_object(
                Bucket=source.bucket, Key=source.key, IfMatch=f'"{source.etag}"'
            )
        return _content(response)

    def head_source(self, bucket: str, key: str) -> SourceState:
        """Return what the source bucket holds under *key*."""
        with _source_call("look up the source"):
            try:
                response = self._client.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in NOT_FOUND:
                    return SourceState(
                        source=None, at=_date(error.response), is_deleted=_is_deleted(error)
                    )
                if error_code(error) in NEEDS_CUSTOMER_KEY:
                    hidden = Source(bucket=bucket, key=key, etag="", size=0, version="")
                    return SourceState(source=hidden, at=_date(error.response))
                raise
        return SourceState(source=self._source(bucket, key, response), at=_date(response))

    def head(self, key: str) -> StoredImage | None:
        """Return what the processed bucket holds under *key*, or None."""
        with _processed_call(f"look up {key!r}"):
            try:
                response = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in NOT_FOUND:
                    return None
                raise
        return StoredImage(
            key=key,
            etag=response["ETag"],
            bytes=response["ContentLength"],
            provenance=Provenance.from_metadata(response["Metadata"]),
            content_type=response.get("ContentType", ""),
            cache_control=response.get("CacheControl", ""),
            is_retired=RETIRED in response["Metadata"],
        )

    def get_manifest(self, key: str) -> StoredManifest | None:
        """Return the manifest under *key*, or None if there is no object."""
        with _processed_call(f"read {key!r}"):
            try:
                response = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in NOT_FOUND:
                    return None
                raise
            body = response["Body"].read()
        return StoredManifest(
            key=key,
            etag=response["ETag"],
            provenance=Provenance.from_metadata(response["Metadata"]),
            body=body,
            cache_control=response.get("CacheControl", ""),
        )

    def put(
        self, key: str, rendition: Rendition, provenance: Provenance, *, over: StoredImage | None
    ) -> str | None:
        """Write *rendition* if *over* is still what *key* holds; return its ETag, or None."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": rendition.body,
            "ContentType": rendition.format.content_type,
            "Metadata": provenance.metadata(),
        }
        if self._cache_control:
            request["CacheControl"] = self._cache_control
        return self._put(request, over)

    def put_manifest(
        self,
        key: str,
        body: bytes,
        provenance: Provenance,
        *,
        cache_control: str,
        over: StoredManifest | None,
    ) -> str | None:
        """Write the manifest *body* if *over* is still what *key* holds; return its ETag, or None.

        *cache_control* tells caches for how long they may keep it.
        """
        return self._put(
            {
                "Bucket": self._bucket,
                "Key": key,
                "Body": body,
                "ContentType": "application/json",
                "CacheControl": cache_control,
                "Metadata": provenance.metadata(),
            },
            over,
        )

    def retire(self, image: StoredImage) -> bool:
        """Leave *image* to the lifecycle rule; return False if its key holds another one.

        A copy of the image onto itself carries the mark and the tag, and makes its age begin anew:
        the rule counts days from the creation of an object. Writing an image clears both.
        """
        # Without the facts there is always room for the mark; the rest says whose image it is.
        metadata = {**replace(image.provenance, facts="").metadata(), RETIRED: "true"}
        return self._copy_onto_itself(image, "retire", metadata, tagging=f"{RETIRED}=true")

    def restore(self, image: StoredImage) -> bool:
        """Take the retired *image* back; return False if its key holds another one."""
        return self._copy_onto_itself(image, "restore", image.provenance.metadata(), tagging="")

    def _copy_onto_itself(
        self, image: StoredImage, action: str, metadata: Mapping[str, str], *, tagging: str
    ) -> bool:
        request: CopyObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": image.key,
            "CopySource": {"Bucket": self._bucket, "Key": image.key},
            "CopySourceIfMatch": image.etag,
            "ContentType": image.content_type,
            "MetadataDirective": "REPLACE",
            "Metadata": metadata,
            "TaggingDirective": "REPLACE",
        }
        if tagging:
            request["Tagging"] = tagging
        if image.cache_control:
            request["CacheControl"] = image.cache_control
        with aws_call(f"{action} {image.key!r}"):
            try:
                self._client.copy_object(**request)
            except ClientError as error:
                return _is_gone(error)
        return True

    def delete(self, stored: StoredObject) -> bool:
        """Delete *stored* unless its key holds another object; return whether *stored* is gone."""
        with _processed_call(f"delete {stored.key!r}"):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=stored.key, IfMatch=stored.etag)
            except ClientError as error:
                return _is_gone(error)
        return True

    def _put(self, request: "PutObjectRequestTypeDef", over: StoredObject | None) -> str | None:
        """Write an object if *over* is still what its key holds; return its ETag, or None."""
        if over:
            request["IfMatch"] = over.etag
        else:
            request["IfNoneMatch"] = "*"
        with _processed_call(f"write {request['Key']!r}"):
            try:
                return self._client.put_object(**request)["ETag"]
            except ClientError as error:
                if error_code(error) in PRECONDITION_FAILED:
                    return None
                raise

    def _source(self, bucket: str, key: str, response: Any) -> Source:
        etag = response["ETag"].strip('"')
        version = response.get("VersionId", "null")
        if version == "null":
            # S3 counts whole seconds: two uploads in one second differ by their ETags.
            version = f"{response['LastModified'].isoformat()} {etag}"
        return Source(
            bucket=bucket,
            key=key,
            etag=etag,
            size=response["ContentLength"],
            version=version,
            options=self._read_options(key, response["Metadata"]),
        )

    def _without_content(self, bucket: str, key: str, error: ClientError) -> OpenSource:
        """Return the state of a source whose content S3 refuses to return."""
        match error_code(error):
            case "InvalidObjectState":
                problem: Rejected | None = ArchivedObject(
                    "the object is archived: restore it, then process it again"
                )
            case code if code in NEEDS_CUSTOMER_KEY:
                problem = CustomerKey("the object is encrypted with a customer's own key (SSE-C)")
            case code if code in NOT_FOUND:
                problem = None
            case _:
                raise error
        state = self.head_source(bucket, key) if problem else None
        return OpenSource(
            source=state.source if state else None,
            at=state.at if state else _date(error.response),
            is_deleted=_is_deleted(error),
            problem=problem,
        )


def _is_gone(error: ClientError) -> bool:
    """Return whether a conditional request failed for want of the object, or for another one."""
    if error_code(error) not in PRECONDITION_FAILED:
        raise error
    return error_code(error) in NOT_FOUND


def _content(response: "GetObjectOutputTypeDef") -> BinaryIO:
    body = response["Body"]
    read = aws_call("read the source")(body.read)
    length = response["ContentLength"]
    return io.BufferedReader(Download(read=read, close=body.close, length=length))


def _headers(response: Any) -> dict[str, str]:
    headers: dict[str, str] = response["ResponseMetadata"]["HTTPHeaders"]
    return headers


def _date(response: Any) -> datetime:
    """Return the Date header of a response, or the local time if it has none, as in moto."""
    date = _headers(response).get("date")
    return parsedate_to_datetime(date).astimezone(UTC) if date else datetime.now(UTC)


def _is_deleted(error: ClientError) -> bool:
    return _headers(error.response).get("x-amz-delete-marker") == "true"

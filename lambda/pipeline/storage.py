"""Sources in, processed objects out: the only module that talks to S3.

Every write and every deletion is conditional on what is there: S3 refuses it when that has changed
meanwhile, and the caller decides again.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from pipeline import manifests
from pipeline.download import Download
from pipeline.errors import ImageTooLarge, Superseded, TransientFailure
from pipeline.manifests import Manifest
from pipeline.model import Removal, Rendition, Source
from pipeline.stamps import Stamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

CLIENT_CONFIG: Final = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
)
"""Lets throttling (503 SlowDown) and broken connections pass within the function's timeout."""

# What S3 answers when a precondition does not hold. A conditional write over an object that is
# gone is answered 404, two at the same time 409. HEAD answers have no body, and the body of others
# cannot always be read when a key has control characters in it: then the code is the bare status.
_CHANGED: Final = {
    *("PreconditionFailed", "412"),
    *("ConditionalRequestConflict", "409"),
    *("NoSuchKey", "404"),
}
_MISSING: Final = {"NoSuchKey", "404"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A processed object that is there."""

    etag: str
    bytes: int
    stamp: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingManifest:
    """A manifest that is there."""

    etag: str
    manifest: Manifest


class Storage:
    """The source bucket to read from and the processed bucket to publish to.

    Every method raises `TransientFailure` when S3 cannot be reached or refuses.
    """

    def __init__(
        self, client: "S3Client", *, processed_bucket: str, cache_control: str | None = None
    ) -> None:
        self._client = client
        self._bucket = processed_bucket
        self._cache_control = cache_control

    def fetch(self, source: Source, *, max_bytes: int) -> BinaryIO:
        """Return the content of *source*, the very one that its event announced, still arriving.

        Its length and checksum are checked when its last byte is read. Raises `Superseded` when it
        is gone or replaced, and `ImageTooLarge` when it has more than *max_bytes*.
        """
        if source.size > max_bytes:
            raise ImageTooLarge(
                f"the file has {source.size:,} bytes; at most {max_bytes:,} are allowed",
                found={"bytes": source.size},
            )
        with _naming("read the source"):
            try:
                answer = self._client.get_object(
                    Bucket=source.bucket, Key=source.key, IfMatch=f'"{source.etag}"'
                )
            except ClientError as error:
                if _code(error) in _CHANGED:
                    raise Superseded(f"the source is gone or replaced: {_code(error)}") from error
                raise
        body = answer["Body"]
        read = _naming("read the source")(body.read)
        return io.BufferedReader(
            Download(read=read, close=body.close, length=answer["ContentLength"])
        )

    def find(self, removal: Removal) -> Source | None:
        """Return what lies under the key of *removal* after all, in its place in the order."""
        with _naming("look at the source"):
            try:
                answer = self._client.head_object(Bucket=removal.bucket, Key=removal.key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return Source(
                bucket=removal.bucket,
                key=removal.key,
                etag=answer["ETag"].strip('"'),
                size=answer["ContentLength"],
                sequencer=removal.sequencer,
                version=answer.get("VersionId", ""),
            )

    def look(self, key: str) -> Existing | None:
        """Return what is published under *key*, or None."""
        with _naming(f"look at {key!r}"):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return Existing(
                etag=answer["ETag"],
                bytes=answer["ContentLength"],
                stamp=Stamp.from_metadata(answer["Metadata"]),
            )

    def put(
        self, key: str, rendition: Rendition, stamp: Stamp, *, over: Existing | None
    ) -> str | None:
        """Publish *rendition*, provided that *over* is what is there; return its etag if it was."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": rendition.body,
            "ContentType": rendition.format.content_type,
            "Metadata": stamp.metadata(),
        }
        if self._cache_control:
            request["CacheControl"] = self._cache_control
        return self._swap(request, over)

    def remove(self, key: str, existing: Existing) -> bool:
        """Delete *existing*, provided that it is what is there; tell whether it was."""
        with _naming(f"delete {key!r}"):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=key, IfMatch=existing.etag)
            except ClientError as error:
                if _code(error) in _CHANGED:
                    return False
                raise
            return True

    def manifest(self, source_key: str) -> ExistingManifest | None:
        """Return the manifest of *source_key*, or None."""
        with _naming("read the manifest"):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=manifests.manifest_key(source_key)
                )
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return ExistingManifest(
                etag=answer["ETag"], manifest=manifests.load(answer["Body"].read())
            )

    def put_manifest(
        self, manifest: Manifest, *, over: ExistingManifest | None
    ) -> ExistingManifest | None:
        """Write *manifest*, provided that *over* is what is there; return it if it was."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": manifests.manifest_key(manifest.source_key),
            "Body": manifests.dump(manifest),
            "ContentType": "application/json",
        }
        etag = self._swap(request, over)
        return ExistingManifest(etag=etag, manifest=manifest) if etag else None

    def _swap(
        self, request: "PutObjectRequestTypeDef", over: Existing | ExistingManifest | None
    ) -> str | None:
        """Write provided that *over* is what is there; return the etag of what is there then."""
        if over:
            request["IfMatch"] = over.etag
        else:
            request["IfNoneMatch"] = "*"
        with _naming(f"write {request['Key']!r}"):
            try:
                answer = self._client.put_object(**request)
            except ClientError as error:
                if _code(error) in _CHANGED:
                    return None
                raise
            return answer["ETag"]


@contextmanager
def _naming(action: str) -> Iterator[None]:
    """Make a `TransientFailure` that names *action* of whatever goes wrong on the way to S3."""
    try:
        yield
    except (ClientError, BotoCoreError, HTTPError, OSError) as error:
        raise TransientFailure(f"cannot {action}: {error}") from error


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")

"""Sources in, processed objects out: the only module that talks to S3.

Publishing is compare-and-swap on the object itself: S3 refuses a write whose precondition no longer
holds, and then the decision is made again on what is there now. So of any number of handlers, in
any order, the one with the newest upload has the last word.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from pipeline.errors import ImageTooLarge, Superseded, TransientFailure
from pipeline.model import Rendition, Source
from pipeline.stamps import Stamp, Verdict, compare

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

MAX_PUBLISH_TRIES: Final = 5
"""Every lost try means that another handler won one, so a few are enough."""

CLIENT_CONFIG: Final = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
)
"""Lets throttling (503 SlowDown) and broken connections pass within the function's timeout."""

_GONE: Final = {"NoSuchKey", "PreconditionFailed"}
_CHANGED_MEANWHILE: Final = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A processed object that is already there."""

    etag: str
    stamp: Stamp


class Storage:
    """The source bucket to read from and the processed bucket to publish to."""

    def __init__(
        self, client: "S3Client", *, processed_bucket: str, cache_control: str | None = None
    ) -> None:
        self._client = client
        self._bucket = processed_bucket
        self._cache_control = cache_control

    def fetch(self, source: Source, *, max_bytes: int) -> BinaryIO:
        """Return the content of *source*, the very one that its event announced.

        Raises `Superseded` when it is gone or replaced, `ImageTooLarge` when it has more than
        *max_bytes*, and `TransientFailure`.
        """
        if source.size > max_bytes:
            raise ImageTooLarge(
                f"the file has {source.size:,} bytes; at most {max_bytes:,} are allowed",
                found={"bytes": source.size},
            )
        try:
            answer = self._client.get_object(
                Bucket=source.bucket, Key=source.key, IfMatch=source.etag
            )
            return io.BytesIO(answer["Body"].read())
        except ClientError as error:
            if _code(error) in _GONE:
                raise Superseded(f"the source is gone or replaced: {_code(error)}") from error
            raise _transient("read the source", error) from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise _transient("read the source", error) from error

    def look(self, key: str) -> Existing | None:
        """Return what is published under *key*, or None."""
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            # HEAD answers have no body, so the code is the bare status.
            if _code(error) == "404":
                return None
            raise _transient(f"look at {key!r}", error) from error
        except BotoCoreError as error:
            raise _transient(f"look at {key!r}", error) from error
        return Existing(etag=answer["ETag"], stamp=Stamp.from_metadata(answer["Metadata"]))

    def publish(
        self, key: str, rendition: Rendition, stamp: Stamp, *, over: Existing | None
    ) -> None:
        """Publish *rendition* under *key* in place of *over*, unless something newer is there.

        Raises `Superseded` or `KeyCollision` when what is there now must stay, and
        `TransientFailure`.
        """
        for _ in range(MAX_PUBLISH_TRIES):
            if over and compare(stamp, over.stamp) is Verdict.KEEP:
                return
            if self._swap(key, rendition, stamp, over):
                return
            over = self.look(key)
        raise TransientFailure(f"publish {key!r}: overtaken {MAX_PUBLISH_TRIES} times in a row")

    def _swap(self, key: str, rendition: Rendition, stamp: Stamp, over: Existing | None) -> bool:
        """Write, provided that *over* is still what is there; tell whether it was."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": rendition.body,
            "ContentType": rendition.format.content_type,
            "Metadata": stamp.metadata(),
        }
        if self._cache_control:
            request["CacheControl"] = self._cache_control
        if over:
            request["IfMatch"] = over.etag
        else:
            request["IfNoneMatch"] = "*"
        try:
            self._client.put_object(**request)
        except ClientError as error:
            if _code(error) in _CHANGED_MEANWHILE:
                return False
            raise _transient(f"publish {key!r}", error) from error
        except BotoCoreError as error:
            raise _transient(f"publish {key!r}", error) from error
        return True


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _transient(action: str, error: Exception) -> TransientFailure:
    return TransientFailure(f"cannot {action}: {error}")

"""In-memory clients of S3 and DynamoDB with the operations that random histories need.

A test compares them with moto, which is a hundred times slower.
"""

# ruff: noqa: N803 - the arguments have AWS's names

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

_KEPT = ("Metadata", "ContentType", "CacheControl")

_STARTED = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, kw_only=True)
class _Version:
    """One version of an object; without a *body* it is a delete marker."""

    id: str
    body: bytes | None
    fields: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    at: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body or b"").hexdigest()}"'  # noqa: S324 - S3's choice

    def described(self, bucket: "_Bucket") -> dict[str, Any]:
        assert self.body is not None
        return {
            "ETag": self.etag,
            "ContentLength": len(self.body),
            "Metadata": {},
            "ContentType": "binary/octet-stream",
            **self.fields,
            "LastModified": self.at,
            "ResponseMetadata": {"HTTPHeaders": {}},
            **bucket.version_id(self),
        }


class _Bucket:
    """The versions of every key, the newest last; without *versioning* there is at most one."""

    def __init__(self, *, versioning: bool) -> None:
        self.versioning = versioning
        self.keys: dict[str, list[_Version]] = {}
        self._numbers = count(1)

    def current(self, key: str) -> _Version | None:
        versions = self.keys.get(key)
        return versions[-1] if versions and versions[-1].body is not None else None

    def add(self, key: str, body: bytes | None, **fields: Any) -> _Version:
        """Add a version of *key* with the *fields* of a request."""
        number = next(self._numbers)
        version = _Version(
            id=f"v{number}" if self.versioning else "null",
            body=body,
            fields={name: fields[name] for name in _KEPT if name in fields},
            tags=dict(parse_qsl(fields.get("Tagging", ""))),
            # S3 stores whole seconds; here two writes share a second, however fast the test runs.
            at=_STARTED + timedelta(seconds=number // 2),
        )
        self.keys[key] = [*(self.keys.get(key, []) if self.versioning else []), version]
        return version

    def version_id(self, version: _Version) -> dict[str, str]:
        return {"VersionId": version.id} if self.versioning else {}


class MemoryS3:
    """A client of S3 for *buckets*, which map names to whether they have versions."""

    def __init__(self, **buckets: bool) -> None:
        self._versioning = buckets
        self.empty()

    def empty(self) -> None:
        """Delete all objects."""
        self._buckets = {name: _Bucket(versioning=on) for name, on in self._versioning.items()}

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        bucket = self._buckets[Bucket]
        _check(bucket.current(Key), "PutObject", IfMatch, is_new=IfNoneMatch == "*")
        version = bucket.add(Key, Body, **fields)
        return {"ETag": version.etag, **bucket.version_id(version)}

    def copy_object(
        self,
        *,
        Bucket: str,
        Key: str,
        CopySource: Mapping[str, str],
        CopySourceIfMatch: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Copy an object with other metadata and other tags, as `Storage.retire` does."""
        assert (fields["MetadataDirective"], fields["TaggingDirective"]) == ("REPLACE", "REPLACE")
        source = self._buckets[CopySource["Bucket"]].current(CopySource["Key"])
        _check(source, "CopyObject", CopySourceIfMatch)
        if source is None:
            raise _error("NoSuchKey", "CopyObject")
        version = self._buckets[Bucket].add(Key, source.body, **fields)
        return {"CopyObjectResult": {"ETag": version.etag}}

    def get_object_tagging(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if version := self._buckets[Bucket].current(Key):
            return {"TagSet": [{"Key": key, "Value": tag} for key, tag in version.tags.items()]}
        raise _error("NoSuchKey", "GetObjectTagging")

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        bucket = self._buckets[Bucket]
        if version := bucket.current(Key):
            return version.described(bucket)
        raise _error("404", "HeadObject")

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        bucket = self._buckets[Bucket]
        if version := bucket.current(Key):
            return {**version.described(bucket), "Body": io.BytesIO(version.body or b"")}
        raise _error("NoSuchKey", "GetObject")

    def delete_object(
        self, *, Bucket: str, Key: str, IfMatch: str | None = None, VersionId: str | None = None
    ) -> dict[str, Any]:
        bucket = self._buckets[Bucket]
        _check(bucket.current(Key), "DeleteObject", IfMatch)
        if VersionId:
            bucket.keys[Key] = [one for one in bucket.keys[Key] if one.id != VersionId]
        elif bucket.versioning and bucket.keys.get(Key):  # S3 marks any key
            bucket.add(Key, None)
        else:
            bucket.keys.pop(Key, None)
        return {}

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "") -> dict[str, Any]:
        bucket = self._buckets[Bucket]
        keys = sorted(key for key in bucket.keys if key.startswith(Prefix))
        found = [(key, version) for key in keys if (version := bucket.current(key))]
        return {"Contents": [{"Key": key, "ETag": version.etag} for key, version in found]}

    def list_object_versions(self, *, Bucket: str, Prefix: str = "") -> dict[str, Any]:
        listed = list(self._versions(Bucket, Prefix))
        return {
            "Versions": [entry for entry, version in listed if version.body is not None],
            "DeleteMarkers": [entry for entry, version in listed if version.body is None],
        }

    def _versions(self, bucket: str, prefix: str) -> Iterator[tuple[dict[str, Any], _Version]]:
        for key, versions in sorted(self._buckets[bucket].keys.items()):
            if key.startswith(prefix):
                for one in reversed(versions):
                    yield {"Key": key, "VersionId": one.id, "IsLatest": one is versions[-1]}, one


class MemoryDynamoDB:
    """A client of DynamoDB for one table, whose items are identified by their source keys."""

    def __init__(self) -> None:
        self._items: dict[str, Mapping[str, Any]] = {}

    def put_item(
        self,
        *,
        TableName: str,
        Item: Mapping[str, Any],
        ConditionExpression: str = "",
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ) -> None:
        stored = self._items.get(Item["source_key"]["S"])
        wanted = ExpressionAttributeValues or {}
        match ConditionExpression:
            case "":
                holds = True
            case "attribute_not_exists(source_key)":
                holds = stored is None
            case "etag = :etag AND updated_at = :updated_at":
                holds = stored is not None and all(
                    stored[name] == wanted[f":{name}"] for name in ("etag", "updated_at")
                )
            case _:
                raise NotImplementedError(ConditionExpression)  # the pipeline uses no other
        if not holds:
            raise _error("ConditionalCheckFailedException", "PutItem")
        self._items[Item["source_key"]["S"]] = Item

    def get_item(self, *, Key: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        item = self._items.get(Key["source_key"]["S"])
        return {"Item": item} if item else {}


def _check(
    found: _Version | None, operation: str, if_match: str | None, *, is_new: bool = False
) -> None:
    """Raise S3's error if the condition of a write does not hold."""
    if if_match and found is None:
        raise _error("NoSuchKey", operation)
    if (if_match and found and found.etag != if_match) or (is_new and found):
        raise _error("PreconditionFailed", operation)


def _error(code: str, operation: str) -> ClientError:
    metadata: Any = {"HTTPHeaders": {}}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, operation)

"""Signed upload forms and links to images, which browsers use directly with S3."""

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID

from botocore.config import Config

from pipeline.aws.client import CLIENT_CONFIG, aws_call
from pipeline.keys import split
from pipeline.records import UPLOADS
from pipeline.urls import image_url

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANONYMOUS: Final = "-"
"""The owner of uploads from callers without a JWT subject."""

MAX_NAME: Final = 80

NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})

EXTENSIONS: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
    "image/jp2": ".jp2",
}
"""The content types that may be uploaded, and the extensions of their keys."""

_ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
}
"""Other names that browsers and libraries use for registered types."""

SIGNING_CONFIG: Final = CLIENT_CONFIG.merge(
    # Some regions sign forms with SigV2 by default. Path-style addresses name the global endpoint,
    # which redirects to buckets in other regions; posted forms do not follow that.
    Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
)

_PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where to post a file as `multipart/form-data`, and the fields that precede it."""

    url: str
    fields: Mapping[str, str]


class Uploads:
    """Signs requests to two buckets. Signatures expire with the function's own credentials."""

    def __init__(
        self,
        client: "S3Client",
        *,
        source_bucket: str,
        processed_bucket: str,
        form_seconds: int,
        link_seconds: int,
        cdn_url: str | None = None,
    ) -> None:
        self._client = client
        self._source = source_bucket
        self._processed = processed_bucket
        self._cdn_url = cdn_url
        self._link_seconds = link_seconds
        self.form_seconds = form_seconds

    def form(
        self, key: str, content_type: str, size: int, options: Mapping[str, str] = NO_OPTIONS
    ) -> Form:
        """Return a form for a file with exactly this *key*, *content_type* and *size* in bytes.

        *options* are the upload's options, by the names of their user metadata.

        It can be posted repeatedly until it expires: S3 supports If-None-Match for PutObject,
        CopyObject and CompleteMultipartUpload, but not in POST policies. Raises `TransientFailure`.
        """
        metadata = {f"x-amz-meta-{name}": value for name, value in options.items()}
        fields = {"Content-Type": content_type, **metadata}
        with aws_call("sign a form"):
            form = self._client.generate_presigned_post(
                self._source,
                key,
                Fields=fields,
                Conditions=[
                    *({name: value} for name, value in fields.items()),
                    ["content-length-range", size, size],
                ],
                ExpiresIn=self.form_seconds,
            )
        return Form(url=form["url"], fields=form["fields"])

    @property
    def link_seconds(self) -> int | None:
        """How long links are valid; None is forever, on the CDN."""
        return None if self._cdn_url else self._link_seconds

    def link(self, key: str) -> str:
        """Return a URL of the image under the processed *key*: on the CDN, or presigned.

        Raises `TransientFailure`.
        """
        if self._cdn_url:
            return image_url(self._cdn_url, key)
        with aws_call("sign a link"):
            return self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._processed, "Key": key},
                ExpiresIn=self._link_seconds,
            )

    @property
    def form_origin(self) -> str:
        """The origin that forms are posted to."""
        return _origin(self.form("any", "image/jpeg", 1).url)

    @property
    def link_origin(self) -> str:
        """The origin that links point to."""
        return _origin(self.link("any"))


def registered_type(content_type: str) -> str:
    """Return *content_type* under its registered name, in lower case: RFC 6838, section 4.2."""
    lower = content_type.lower()
    return _ALIASES.get(lower, lower)


def owner_of(subject: str) -> str:
    """Return the name of *subject* in keys: the subject itself if it is plain, else a hash.

    Names are unique and differ from `ANONYMOUS`: hashes begin with "_", plain subjects do not.
    """
    if _PLAIN_SUBJECT.fullmatch(subject):
        return subject
    return f"_{sha256(subject.encode()).hexdigest()}"


def prefix_of(owner: str) -> str:
    """Return the prefix of every key of *owner*."""
    return f"{UPLOADS}{owner}/"


def new_key(filename: str, content_type: str, *, owner: str) -> str:
    """Return a new, unguessable key. Keys of one day sort by time."""
    now = datetime.now(UTC)
    name = safe_name(filename) + EXTENSIONS[content_type]
    return f"{prefix_of(owner)}{now:%Y-%m-%d}/{_uuid7(now)}/{name}"


def safe_name(filename: str) -> str:
    """Return *filename* in portable characters, without folder and extension."""
    _, stem, _ = split(filename.replace("\\", "/"))
    ascii_only = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", ascii_only)[:MAX_NAME].strip("-.") or "image"


def _uuid7(now: datetime) -> UUID:
    """Return a version 7 UUID: RFC 9562, section 5.7."""
    milliseconds = int(now.timestamp() * 1000)
    value = milliseconds << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

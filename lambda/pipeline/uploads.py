"""Upload forms and links to images: signed here, used by browsers straight against S3."""

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from pipeline.errors import TransientFailure
from pipeline.keys import split
from pipeline.records import UPLOADS
from pipeline.storage import CLIENT_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOBODY: Final = "-"
"""The owner of what comes from callers who are no subject of an issuer's."""

MAX_NAME: Final = 80

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
"""What may be uploaded, and how it is called then."""

SIGNING_CONFIG: Final = CLIENT_CONFIG.merge(
    # Forms are signed the old way by default in some regions. Without the virtual style they name
    # the global endpoint, which redirects to a bucket of another region: no form survives that.
    Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
)

_PLAIN_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where to post a file as `multipart/form-data`, and the fields that come before it."""

    url: str
    fields: Mapping[str, str]


class Uploads:
    """Signs for two buckets, with the function's own credentials and never for longer than they."""

    def __init__(
        self,
        client: "S3Client",
        *,
        source_bucket: str,
        processed_bucket: str,
        form_seconds: int,
        link_seconds: int,
        max_bytes: int,
    ) -> None:
        self._client = client
        self._source = source_bucket
        self._processed = processed_bucket
        self._max_bytes = max_bytes
        self.form_seconds = form_seconds
        self.link_seconds = link_seconds

    def form(self, key: str, content_type: str) -> Form:
        """Return a form for one file under exactly *key*, of *content_type*, that is not too large.

        Raises `TransientFailure`.
        """
        try:
            form = self._client.generate_presigned_post(
                self._source,
                key,
                Fields={"Content-Type": content_type},
                Conditions=[
                    {"Content-Type": content_type},
                    ["content-length-range", 1, self._max_bytes],
                ],
                ExpiresIn=self.form_seconds,
            )
        except BotoCoreError as error:
            raise TransientFailure(f"cannot sign a form: {error}") from error
        return Form(url=form["url"], fields=form["fields"])

    def link(self, key: str) -> str:
        """Return an address that shows the image under the processed *key*.

        Raises `TransientFailure`.
        """
        try:
            return self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._processed, "Key": key},
                ExpiresIn=self.link_seconds,
            )
        except BotoCoreError as error:
            raise TransientFailure(f"cannot sign a link: {error}") from error

    @property
    def form_origin(self) -> str:
        """The origin that forms are posted to."""
        return _origin(self.form("any", "image/jpeg").url)

    @property
    def link_origin(self) -> str:
        """The origin that links point to."""
        return _origin(self.link("any"))


def owner_of(subject: str) -> str:
    """Return the name of *subject* in keys: itself if it is plain, or else a hash of it.

    No two subjects have the same, and none has that of `NOBODY`: a hash begins like no plain one.
    """
    if _PLAIN_SUBJECT.fullmatch(subject):
        return subject
    return f"_{sha256(subject.encode()).hexdigest()}"


def prefix_of(owner: str) -> str:
    """Return what every key of *owner* begins with."""
    return f"{UPLOADS}{owner}/"


def new_key(filename: str, content_type: str, *, owner: str) -> str:
    """Return a key that never was: unguessable, and in the order of time within its day."""
    now = datetime.now(UTC)
    name = safe_name(filename) + EXTENSIONS[content_type]
    return f"{prefix_of(owner)}{now:%Y-%m-%d}/{_uuid7(now)}/{name}"


def safe_name(filename: str) -> str:
    """Return what of *filename* means the same everywhere, without folder and extension."""
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

"""S3 in memory, behind botocore: requests are signed and responses parsed as usual.

It has what an upload needs: whole objects, user metadata, conditional requests and latency.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from io import BytesIO
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

ENDPOINT: Final = "https://127.0.0.1:9"
"""Nothing listens there, so a request that is not answered here fails."""

LATENCIES: Final[Mapping[str, float]] = MappingProxyType(
    {"GET": 0.020, "HEAD": 0.015, "PUT": 0.040, "DELETE": 0.020}
)
"""Seconds until S3 responds within its region."""

_KEPT_HEADERS: Final = ("content-type", "cache-control", "x-amz-meta-")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request with its start and end, in seconds of the performance counter."""

    method: str
    start: float
    end: float


def longest_wait(calls: Sequence[Call]) -> float:
    """Return the seconds of latency on the longest chain of calls that waited for each other.

    Of several concurrent calls, the slowest counts.
    """
    longest = 0.0
    waited: list[tuple[float, float]] = []  # the end of a call, and the wait until then
    for call in sorted(calls, key=lambda call: call.end):
        before = max((wait for end, wait in waited if end <= call.start), default=0.0)
        waited.append((call.end, before + LATENCIES[call.method]))
        longest = max(longest, before + LATENCIES[call.method])
    return longest


class MemoryS3:
    """Buckets that respond to botocore's `before-send` event, each call after its latency."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], _Object] = {}
        self.calls: list[Call] = []

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Respond to *request*, from any thread."""
        url = urlsplit(_text(request.url))
        bucket, key = url.path.removeprefix("/").split("/", 1)
        method = request.method or ""
        start = time.perf_counter()
        time.sleep(LATENCIES.get(method, 0))
        status, headers, body = self._response(request, bucket, unquote(key), _text(url.query))
        self.calls.append(Call(method=method, start=start, end=time.perf_counter()))
        sent = HTTPHeaders()
        for name, text in (headers | {"Date": _now()}).items():
            sent.add_header(name, text)
        return AWSResponse(request.url, status, sent, _Raw(b"" if method == "HEAD" else body))

    def upload(self, bucket: str, key: str, body: bytes) -> str:
        """Store *body* with a version id and without latency, and return its ETag."""
        stored = _stored({"content-type": "binary/octet-stream"}, body)
        headers = {**stored.headers, "x-amz-version-id": "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH"}
        self.objects[bucket, key] = _Object(body=body, headers=headers)
        return _etag(stored)

    def empty(self, bucket: str) -> None:
        """Delete all objects of *bucket*."""
        for key in self.keys(bucket):
            del self.objects[bucket, key]

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of *bucket*."""
        return [key for holder, key in self.objects if holder == bucket]

    def _response(
        self, request: AWSPreparedRequest, bucket: str, key: str, query: str
    ) -> tuple[int, dict[str, str], bytes]:
        given = {_text(name).lower(): _text(value) for name, value in request.headers.items()}
        found = self.objects.get((bucket, key))
        if query or request.method not in LATENCIES:
            return _error(501, "NotImplemented")
        if found is None and (request.method in ("GET", "HEAD") or "if-match" in given):
            return _error(404, "NoSuchKey")
        if _is_refused(given, found):
            return _error(412, "PreconditionFailed")
        if request.method == "DELETE":
            self.objects.pop((bucket, key), None)
            return 204, {}, b""
        if request.method == "PUT":
            self.objects[bucket, key] = found = _stored(given, request.body)
            return 200, {"ETag": found.headers["ETag"]}, b""
        if found is None:
            return _error(404, "NoSuchKey")
        return 200, dict(found.headers), found.body


class _Raw(BytesIO):
    """A body as urllib3 hands it out."""

    def stream(self, *_: object, **__: object) -> "_Raw":
        return self


def _is_refused(given: Mapping[str, str], found: _Object | None) -> bool:
    if given.get("if-none-match") == "*" and found:
        return True
    wanted = given.get("if-match")
    return found is not None and wanted is not None and _etag(found) != wanted.strip('"')


def _etag(found: _Object) -> str:
    return found.headers["ETag"].strip('"')


def _stored(given: Mapping[str, str], sent: object) -> _Object:
    body = sent if isinstance(sent, bytes) else sent.read() if hasattr(sent, "read") else b""
    if "aws-chunked" in given.get("content-encoding", ""):
        body = _joined(body)
    kept = {name: value for name, value in given.items() if name.startswith(_KEPT_HEADERS)}
    return _Object(
        body=body,
        headers={
            **kept,
            "ETag": f'"{hashlib.md5(body).hexdigest()}"',  # noqa: S324 - S3's choice
            "Content-Length": str(len(body)),
            "Last-Modified": _now(),
        },
    )


def _joined(chunked: bytes) -> bytes:
    """Decode *chunked*: each chunk follows its length in hexadecimal, a trailer ends the body.

    Source: "Transferring payload in multiple chunks" in the Amazon S3 API reference.
    """
    chunks: list[bytes] = []
    rest = chunked
    while True:
        length, _, rest = rest.partition(b"\r\n")
        size = int(length.partition(b";")[0], 16)
        if not size:
            return b"".join(chunks)
        chunks.append(rest[:size])
        rest = rest[size + 2 :]


def _error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    return status, {"Content-Type": "application/xml"}, body


def _now() -> str:
    return format_datetime(datetime.now(UTC), usegmt=True)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()

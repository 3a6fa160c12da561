"""Guard the local cloud: admit programs that know its secret, and no web page.

Nothing here runs on AWS. MiniStack responds to pages of all origins under any host name, has
unauthenticated endpoints of its own, never checks the root user's signature and treats an unsigned
S3 request as the root user's. Without the guard, any page that a developer visits could read the
buckets and run code through a function.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import s3

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

API: Final = "/_aws/execute-api/"
_OWN: Final = ("/_ministack", "/_localstack")  # resets, settings and downloads without a password
_CORS: Final = b"access-control-"


_pinning: ContextVar[bool] = ContextVar("pinning", default=False)

_original_pin = iam_evaluator.pin_signed_request


def install() -> None:
    """Complete MiniStack: check the root user's signature, and refuse unsigned form uploads."""
    iam_evaluator._is_root_key = _is_trusted_unchecked
    app.pin_signed_request = _pin
    s3._enforce_post_policy_size = _refuse_form


def _pin(*arguments: Any, **options: Any) -> None:
    """Remember a request for the signature check, which MiniStack skips for the root user."""
    token = _pinning.set(True)
    try:
        _original_pin(*arguments, **options)
    finally:
        _pinning.reset(token)


def _is_trusted_unchecked(access_key: str) -> bool:
    return not _pinning.get() and bool(iam_evaluator.is_root_access_key(access_key))


def _refuse_form(_policy: str, _size: int) -> Any:
    """Replace the only check of unsigned forms: AWS refuses anonymous writes."""
    return s3._error("AccessDenied", "Access Denied", 403)


def guarded(behind: App) -> App:
    """Return the application *behind* the guard."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await behind(scope, receive, send)
        elif sentence := refusal(scope):
            await _refuse(send, sentence)
        else:
            await behind(scope, receive, send if _is_for_pages(scope) else _without_cors(send))

    return guard


def refusal(scope: Mapping[str, Any]) -> str | None:
    """Return why a request is refused; None if it is not.

    Pages of any origin may use the upload API and its upload forms, as on AWS, where the CORS
    rules of the API and the bucket decide. A request with another host name comes from a page
    whose name resolves to this machine (DNS rebinding); another port is that of a local proxy.
    """
    host, port = scope["server"]
    own = f"{host}:{port}"
    if _header(scope, b"host").rpartition(":")[0] != host:
        return f"The local cloud is called {own} and answers to no other name."
    if scope["path"].startswith(_OWN):
        return "The local cloud has AWS's addresses only."
    if _is_for_pages(scope):
        return None
    origin = _header(scope, b"origin")
    if origin not in ("", f"{scope['scheme']}://{own}"):
        return f"Pages of {origin} have no access to the local cloud."
    if not _is_signed(scope):
        return "The local cloud takes signed requests only: see `make up` for its credentials."
    return None


def _is_for_pages(scope: Mapping[str, Any]) -> bool:
    """Whether it is a request to an HTTP API, or posts a signed form to a bucket."""
    if scope["path"].startswith(API):
        return True
    method = scope["method"]
    if method == "OPTIONS":
        method = _header(scope, b"access-control-request-method")
        is_form = True
    else:
        is_form = _header(scope, b"content-type").startswith("multipart/form-data")
    is_bucket = bool(scope["path"].strip("/")) and "/" not in scope["path"].strip("/")
    # With a query, the same address has other operations, such as deleting many objects.
    return method == "POST" and is_form and is_bucket and not scope["query_string"]


def _is_signed(scope: Mapping[str, Any]) -> bool:
    """Whether there is a signature of the kind that MiniStack checks; it ignores others."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    presigned = query.get("X-Amz-Algorithm") == ["AWS4-HMAC-SHA256"] and all(
        len(query.get(name, [])) == 1 for name in ("X-Amz-Credential", "X-Amz-Signature")
    )
    return _header(scope, b"authorization").startswith("AWS4-HMAC-SHA256 ") or presigned


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    values = [value for header, value in scope["headers"] if header.lower() == name]
    return b", ".join(values).decode("latin-1")


def _without_cors(send: Send) -> Send:
    """Drop the headers with which MiniStack lets pages of all origins read its responses."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if not pair[0].lower().startswith(_CORS)]
            message = {**message, "headers": headers}
        await send(message)

    return sending


async def _refuse(send: Send, sentence: str) -> None:
    body = f"{sentence}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})

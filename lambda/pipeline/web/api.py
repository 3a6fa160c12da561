"""The upload API: handle HTTP requests. Images never pass through it.

Import it for HTTP requests only, so that the function starts sooner for everything else.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from pipeline import events, web
from pipeline.aws.storage import Storage
from pipeline.aws.table import POSITION, Table
from pipeline.aws.uploads import ANONYMOUS, Uploads, new_key, owner_of, prefix_of, registered_type
from pipeline.errors import TransientFailure
from pipeline.keys import MAX_KEY_BYTES
from pipeline.model import Format, UploadOptions
from pipeline.records import State
from pipeline.settings import Access
from pipeline.web.schema import Violation, violations

Event: TypeAlias = Mapping[str, Any]
Response: TypeAlias = dict[str, Any]
StoredRecord: TypeAlias = Mapping[str, Any]

EXPLANATIONS: Final = {
    "empty-file": "The file is empty.",
    "unsupported-format": "The file is not in an image format that can be read here.",
    "corrupt-image": "The image is damaged or incomplete.",
    "image-too-large": "The image is too large: it has too many bytes, pixels or frames.",
    "key-too-long": "The file name is too long.",
    "key-reserved": "An image cannot have this name.",
    "key-collision": "Another image already has the name that this one would get.",
    "refused": "A review refused the image.",
    "archived-object": "The file is in an archive.",
    "customer-key": "The file is encrypted with its owner's own key.",
}

WAITING: Final = "waiting"
"""The status of a source that is not processed yet; forever, if its retries have run out."""

_POSITION: Final = re.compile(r"(?P<source_key>.+) (?P<updated_at>[0-9T:.+-]{29})", re.DOTALL)
"""The content of a page token: key and time of the last record on the page before."""


class Problem(Exception):
    """A request that ends in an error response."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, errors: Sequence[Violation] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """Return the members of RFC 9457, and what is wrong with which part of the request."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **({"errors": [asdict(error) for error in self.errors]} if self.errors else {}),
        }


class Api:
    """Responds to HTTP events: payload format 2.0 of API Gateway."""

    def __init__(
        self,
        storage: Storage,
        table: Table,
        uploads: Uploads,
        *,
        source_bucket: str,
        access: Access,
        max_bytes: int,
        read_options: Callable[[str, Mapping[str, str]], UploadOptions] | None,
        report: Callable[[TransientFailure], None],
    ) -> None:
        """*read_options* checks the options of an upload; without it, uploads have none."""
        self._storage = storage
        self._table = table
        self._uploads = uploads
        self._bucket = source_bucket
        self._access = access
        self._read_options = read_options
        self._report = report
        self._description = web.description(
            max_bytes=max_bytes, accepts_options=read_options is not None
        )
        self.routes: Final[Mapping[str, Callable[[Event], Response]]] = {
            "GET /": self._page,
            "GET /openapi.json": lambda _: _json_response(self._description),
            "POST /uploads": self._create_upload,
            "GET /images": self._list_images,
            "GET /images/{key+}": self._get_image,
        }

    def respond(self, event: Event) -> Response:
        """Return the response to a request, which API Gateway has matched to a route.

        A failure outside the function is reported and becomes a 503. Unexpected errors are raised,
        so that API Gateway responds with a 500.
        """
        try:
            return self.routes.get(event["routeKey"], _no_route)(event)
        except Problem as problem:
            return _problem_response(problem)
        except TransientFailure as failure:
            self._report(failure)
            return _problem_response(
                Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a moment.")
            )

    def _page(self, _: Event) -> Response:
        """Return the page, with the Content-Security-Policy that it needs."""
        policy = web.content_security_policy(
            form_origin=self._uploads.form_origin, image_origin=self._uploads.link_origin
        )
        headers = {"Content-Security-Policy": policy}
        return _response(web.PAGE, "text/html; charset=utf-8", headers=headers)

    def _create_upload(self, event: Event) -> Response:
        """Return a form for one new source."""
        wanted = self._upload_request(event)
        content_type = wanted["content_type"]
        key = new_key(wanted["filename"], content_type, owner=self._owner(event))
        options = self._checked_options(key, wanted.get("options", {}))
        body = {
            "key": key,
            "upload": asdict(self._uploads.form(key, content_type, int(wanted["size"]), options)),
            "status_url": f"images/{key}",
            "expires_in": self._uploads.form_seconds,
        }
        return _json_response(body, HTTPStatus.CREATED)

    def _get_image(self, event: Event) -> Response:
        """Return the status of one source."""
        key = events.source_key(event)
        # An HTTP API does not decode %25, so two keys would share a path.
        if "%" in key or "?" in key:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "A key with % or ? has no path: ask for images?key= and the key, percent-encoded.",
            )
        if record := self._find(event, key):
            return _json_response(self._public(record))
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such image.")

    def _list_images(self, event: Event) -> Response:
        """List the source with a given key, or the most recent ones page by page."""
        query = self._query(event)
        if query["key"] is not None:
            record = self._find(event, query["key"])
            return _json_response({"images": [self._public(record)] if record else []})
        page = self._table.recent(
            State(query["status"]),
            owner=None if self._access is Access.OPERATOR else self._owner(event),
            limit=query["limit"],
            after=_position(query["next"]) if query["next"] else None,
        )
        body: dict[str, Any] = {"images": [self._public(record) for record in page.records]}
        return _json_response(body | ({"next": _token(page.next)} if page.next else {}))

    def _find(self, event: Event, key: str) -> StoredRecord | None:
        """Return the record of *key*, or a waiting one, if the caller may see it."""
        # S3 and DynamoDB reject requests for longer keys.
        if len(key.encode()) > MAX_KEY_BYTES or not self._may_see(event, key):
            return None
        record = self._table.get(key)
        # A deleted source may have been uploaded again.
        if record and record["status"] != State.DELETED:
            return record
        if self._storage.head_source(self._bucket, key).source:
            return {"source_key": key, "status": WAITING}
        return None

    def _owner(self, event: Event) -> str:
        if self._access is not Access.SUBJECT:
            return ANONYMOUS
        if subject := events.subject(event):
            return owner_of(subject)
        raise Problem(HTTPStatus.FORBIDDEN, "The token has no subject.")

    def _may_see(self, event: Event, key: str) -> bool:
        return self._access is Access.OPERATOR or key.startswith(prefix_of(self._owner(event)))

    def _public(self, record: StoredRecord) -> dict[str, Any]:
        """Return what callers may see of *record*: no buckets, no messages for operators."""
        fields = ("status", "bytes", "format", "width", "height", "dominant_color", "placeholder")
        public = {
            "key": record["source_key"],
            **{name: record[name] for name in (*fields, "updated_at") if name in record},
        }
        if "reason" in record:
            public["reason"] = record["reason"]
            public["explanation"] = EXPLANATIONS.get(record["reason"], "The file was refused.")
        if "images" in record:
            public["variants"] = [self._linked(image) for image in record["images"]]
            if self._uploads.link_seconds:
                public["expires_in"] = self._uploads.link_seconds
        return public

    def _linked(self, image: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "variant": image["variant"],
            "url": self._uploads.link(image["key"]),
            "content_type": Format(image["format"]).content_type,
            **{name: image[name] for name in ("width", "height", "bytes")},
        }

    def _upload_request(self, event: Event) -> dict[str, Any]:
        """Return the body of a request for a form, checked against the description."""
        body = _json(event)
        if isinstance(body, dict) and isinstance(body.get("content_type"), str):
            body["content_type"] = registered_type(body["content_type"])
        schema = self._description["components"]["schemas"]["Upload"]
        _raise_violations(HTTPStatus.UNPROCESSABLE_ENTITY, violations(body, schema))
        return dict(body)

    def _checked_options(self, key: str, options: Mapping[str, str]) -> Mapping[str, str]:
        """Return the options of the upload under *key*, if they are valid."""
        ignored = self._read_options(key, options).ignored if self._read_options else ()
        found = (Violation(pointer="#/options", detail=detail) for detail in ignored)
        _raise_violations(HTTPStatus.UNPROCESSABLE_ENTITY, found)
        return options

    def _query(self, event: Event) -> dict[str, Any]:
        """Return the query parameters of a list request, checked and with defaults."""
        parameters = self._description["paths"]["/images"]["get"]["parameters"]
        schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
        given = {
            name: _number(text) if schemas[name]["type"] == "integer" else text
            for name, text in (event.get("queryStringParameters") or {}).items()
            if name in schemas
        }
        query = {"type": "object", "properties": schemas}
        _raise_violations(HTTPStatus.BAD_REQUEST, violations(given, query))
        defaults = {name: schema.get("default") for name, schema in schemas.items()}
        return defaults | given


def _no_route(_: Event) -> Response:
    raise Problem(HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def _json(event: Event) -> Any:
    body = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from None


def _number(text: str) -> int | str:
    """Return *text* as a number if it is one. Python refuses to read thousands of digits."""
    try:
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() else text
    except ValueError:
        return text


def _raise_violations(status: HTTPStatus, found: Iterable[Violation]) -> None:
    """Raise a `Problem` that lists the violations *found*, if any."""
    errors = tuple(found)
    if errors:
        sentence = "; ".join(f"{error.pointer} {error.detail}" for error in errors)
        raise Problem(status, f"{sentence}.", errors=errors)


def _token(position: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(" ".join(position[name] for name in POSITION).encode()).decode()


def _position(token: str) -> dict[str, str]:
    """Return the position in *token*, made by `_token`."""
    with suppress(ValueError):
        found = _POSITION.fullmatch(base64.urlsafe_b64decode(token.encode()).decode())
        if found and len(found["source_key"].encode()) <= MAX_KEY_BYTES:
            return found.groupdict()
    raise Problem(HTTPStatus.BAD_REQUEST, "#/next is not from an earlier page.")


def _response(
    body: str,
    content_type: str,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    return {
        "statusCode": status.value,
        "headers": {"Content-Type": content_type, **web.SECURITY_HEADERS, **headers},
        "body": body,
    }


def _json_response(body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return _response(json.dumps(body), "application/json", status)


def _problem_response(problem: Problem) -> Response:
    return _response(json.dumps(problem.body()), "application/problem+json", problem.status)

"""The upload API: HTTP requests in, HTTP answers out. Images never pass through it.

To be imported for HTTP requests only: whatever else the function does starts sooner without it.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final, Protocol

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from pipeline import catalog, events, web
from pipeline.errors import TransientFailure
from pipeline.keys import MAX_KEY_BYTES
from pipeline.model import Format
from pipeline.records import State
from pipeline.schema import Violation, violations
from pipeline.settings import Access
from pipeline.table import POSITION, Page
from pipeline.uploads import NOBODY, Uploads, new_key, owner_of, prefix_of

Item = Mapping[str, Any]

EXPLANATIONS: Final = {
    "empty-file": "The file is empty.",
    "unsupported-format": "The file is none of the kinds of image that can be read here.",
    "corrupt-image": "The image is damaged, or its end is missing.",
    "image-too-large": "The image is too large: it has too many bytes, pixels or frames.",
    "key-too-long": "The name of the file is too long.",
    "key-reserved": "An image cannot have this name.",
    "key-collision": "Another image has the name that this one would get.",
    "refused": "A review did not allow it.",
}

_POSITION: Final = re.compile(r"(?P<source_key>.+) (?P<updated_at>[0-9T:.+-]{29})", re.DOTALL)
"""What is in the token of a page: of the last record on the one before, its key and its time."""


class Table(catalog.Table, Protocol):
    """What the API needs of `pipeline.table.Table`."""

    def recent(
        self, state: State, *, owner: str | None, limit: int, after: Mapping[str, str] | None
    ) -> Page: ...


class Problem(Exception):
    """A request that is not answered as it was meant."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, errors: Sequence[Violation] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """Return the members of RFC 9457, and which part of the request is wrong in what way."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **({"errors": [asdict(error) for error in self.errors]} if self.errors else {}),
        }


class Api:
    """The answers. Every method takes an HTTP event and returns what is sent as JSON.

    Each raises `Problem` or `TransientFailure`.
    """

    def __init__(
        self,
        storage: catalog.Storage,
        table: Table | None,
        uploads: Uploads,
        *,
        source_bucket: str,
        access: Access,
        max_bytes: int,
    ) -> None:
        self._storage = storage
        self._table = table
        self._uploads = uploads
        self._bucket = source_bucket
        self._access = access
        self.description = web.description(max_bytes=max_bytes)

    def page(self) -> tuple[str, str]:
        """Return the page, and the Content-Security-Policy that it needs."""
        return web.PAGE, web.content_security_policy(
            form_origin=self._uploads.form_origin, image_origin=self._uploads.link_origin
        )

    def create_upload(self, event: Item) -> dict[str, Any]:
        """Hand out a form for one new source."""
        wanted = self._wanted(event)
        key = new_key(wanted["filename"], wanted["content_type"], owner=self._owner(event))
        return {
            "key": key,
            "upload": asdict(self._uploads.form(key, wanted["content_type"])),
            "status_url": f"images/{key}",
            "expires_in": self._uploads.form_seconds,
        }

    def image(self, event: Item) -> dict[str, Any]:
        """Tell what has become of one source."""
        key = events.source_key(event)
        # S3 and DynamoDB refuse to look for a longer one.
        if len(key.encode()) <= MAX_KEY_BYTES and self._may_see(event, key):
            record = catalog.look_up(key, self._bucket, self._storage, self._table)
            if record:
                return self._shown(record)
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such image.")

    def images(self, event: Item) -> dict[str, Any]:
        """List the most recent sources, page by page."""
        if self._table is None:
            raise Problem(
                HTTPStatus.NOT_IMPLEMENTED,
                "A list needs the records of the metadata part, which is off.",
            )
        query = self._query(event)
        page = self._table.recent(
            State(query["status"]),
            owner=None if self._access is Access.OPERATOR else self._owner(event),
            limit=query["limit"],
            after=_position(query["next"]) if query["next"] else None,
        )
        answer: dict[str, Any] = {"images": [self._shown(record) for record in page.records]}
        return answer | ({"next": _token(page.next)} if page.next else {})

    def _owner(self, event: Item) -> str:
        if self._access is not Access.SUBJECT:
            return NOBODY
        if subject := events.subject(event):
            return owner_of(subject)
        raise Problem(HTTPStatus.FORBIDDEN, "The token names no subject.")

    def _may_see(self, event: Item, key: str) -> bool:
        return self._access is Access.OPERATOR or key.startswith(prefix_of(self._owner(event)))

    def _shown(self, record: Item) -> dict[str, Any]:
        """Return what callers may know of *record*: neither buckets nor what operators read."""
        told = ("status", "bytes", "format", "width", "height", "dominant_color", "placeholder")
        shown = {
            "key": record["source_key"],
            **{name: record[name] for name in (*told, "updated_at") if name in record},
        }
        if "reason" in record:
            shown["reason"] = record["reason"]
            shown["explanation"] = EXPLANATIONS.get(record["reason"], "The file was refused.")
        if "images" in record:
            shown["variants"] = [self._linked(image) for image in record["images"]]
            shown["expires_in"] = self._uploads.link_seconds
        return shown

    def _linked(self, image: Item) -> dict[str, Any]:
        return {
            "variant": image["variant"],
            "url": self._uploads.link(image["key"]),
            "content_type": Format(image["format"]).content_type,
            **{name: image[name] for name in ("width", "height", "bytes")},
        }

    def _wanted(self, event: Item) -> dict[str, Any]:
        """Return the body of a request for a form, which is what the description demands."""
        body = _json(event)
        schema = self.description["components"]["schemas"]["Upload"]
        _refuse(HTTPStatus.UNPROCESSABLE_ENTITY, violations(body, schema))
        return dict(body)

    def _query(self, event: Item) -> dict[str, Any]:
        """Return the parameters of a request for a list, with the defaults of those left out."""
        parameters = self.description["paths"]["/images"]["get"]["parameters"]
        schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
        given = {
            name: _number(text) if schemas[name]["type"] == "integer" else text
            for name, text in (event.get("queryStringParameters") or {}).items()
            if name in schemas
        }
        query = {"type": "object", "properties": schemas}
        _refuse(HTTPStatus.BAD_REQUEST, violations(given, query))
        defaults = {name: schema.get("default") for name, schema in schemas.items()}
        return defaults | given


def resolver(api: Api, *, report: Callable[[TransientFailure], None]) -> APIGatewayHttpResolver:
    """Return what answers HTTP events with *api*, and tells *report* what failed meanwhile."""
    app = APIGatewayHttpResolver()

    @app.get("/")
    def page() -> Response[str]:
        html, policy = api.page()
        return _response(html, "text/html; charset=utf-8", {"Content-Security-Policy": policy})

    @app.get("/openapi.json")
    def description() -> Response[str]:
        return _json_response(api.description)

    @app.post("/uploads")
    def create_upload() -> Response[str]:
        return _json_response(api.create_upload(_event(app)), HTTPStatus.CREATED)

    @app.get("/images")
    def images() -> Response[str]:
        return _json_response(api.images(_event(app)))

    @app.get("/images/.+")
    def image() -> Response[str]:
        return _json_response(api.image(_event(app)))

    @app.not_found
    def not_found(_: Exception) -> Response[str]:
        return _problem(Problem(HTTPStatus.NOT_FOUND, "There is nothing at this address."))

    @app.exception_handler(Problem)  # type: ignore[untyped-decorator]  # theirs
    def problem(problem: Problem) -> Response[str]:
        return _problem(problem)

    @app.exception_handler(TransientFailure)  # type: ignore[untyped-decorator]  # theirs
    def unavailable(failure: TransientFailure) -> Response[str]:
        report(failure)
        return _problem(Problem(HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a moment."))

    return app


def _event(app: APIGatewayHttpResolver) -> Item:
    return app.current_event.raw_event


def _json(event: Item) -> Any:
    body = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from None


def _number(text: str) -> int | str:
    """Return *text* as a number, if it is one; Python reads none of thousands of digits."""
    try:
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() else text
    except ValueError:
        return text


def _refuse(status: HTTPStatus, found: Iterable[Violation]) -> None:
    """Raise a `Problem` if anything was *found* to be wrong."""
    errors = tuple(found)
    if errors:
        sentence = "; ".join(f"{error.pointer} {error.detail}" for error in errors)
        raise Problem(status, f"{sentence}.", errors=errors)


def _token(position: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(" ".join(position[name] for name in POSITION).encode()).decode()


def _position(token: str) -> dict[str, str]:
    """Read what `_token` wrote."""
    with suppress(ValueError):
        found = _POSITION.fullmatch(base64.urlsafe_b64decode(token.encode()).decode())
        if found and len(found["source_key"].encode()) <= MAX_KEY_BYTES:
            return found.groupdict()
    raise Problem(HTTPStatus.BAD_REQUEST, "#/next is not from an earlier page.")


def _response(
    body: str,
    content_type: str,
    headers: Mapping[str, str],
    status: HTTPStatus = HTTPStatus.OK,
) -> Response[str]:
    return Response(
        status_code=status,
        content_type=content_type,
        body=body,
        headers={**web.SECURITY_HEADERS, **headers},
    )


def _json_response(body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    return _response(json.dumps(body), "application/json", {}, status)


def _problem(problem: Problem) -> Response[str]:
    return _response(json.dumps(problem.body()), "application/problem+json", {}, problem.status)

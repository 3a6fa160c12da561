"""Requests to the upload API, as API Gateway passes them to the handler."""

import json
from typing import Any

import index
import pytest

from tests.factories import Context, request


class Response:
    """The response that API Gateway would send."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.status = response["statusCode"]
        self.headers = response["headers"]
        self.text = response["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(route: str, **details: Any) -> Response:
    return Response(index.handler(request(route, **details), Context()))


def ask_about(key: str, **details: Any) -> Response:
    """Request the status of *key* by path."""
    return ask("GET /images/{key+}", key=key, **details)


def ask_in_query(key: str, **details: Any) -> list[dict[str, Any]]:
    """Request the status of *key* by query."""
    response = ask("GET /images", query={"key": key}, **details)
    assert response.status == 200, response.text
    found: list[dict[str, Any]] = response.json["images"]
    return found


def turn_on(monkeypatch: pytest.MonkeyPatch, access: str, **options: Any) -> None:
    """Switch the API on for callers with this *access*."""
    fields = {"bucket": "source", "access": access, "form_seconds": 300, "link_seconds": 3600}
    monkeypatch.setenv("UPLOAD_API", json.dumps({**fields, **options}))


def forget() -> None:
    """Make the handler read its settings again."""
    for cached in (index._settings, index._table, index._api):
        cached.cache_clear()

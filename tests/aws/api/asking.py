"""Requests to the upload API, as API Gateway hands them to the handler."""

import json
from typing import Any

import index
import pytest

from tests.aws.invoking import Context
from tests.factories import request


class Response:
    """What API Gateway would send."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["statusCode"]
        self.headers = answer["headers"]
        self.text = answer["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(route: str, **details: Any) -> Response:
    return Response(index.handler(request(route, **details), Context()))


def ask_about(key: str, **details: Any) -> Response:
    """Ask what has become of *key*, with its `%` as API Gateway leaves them."""
    return ask("GET /images/{key+}", key=key.replace("%", "%25"), **details)


def turn_on(monkeypatch: pytest.MonkeyPatch, access: str) -> None:
    """Turn the API on for callers with that *access*."""
    fields = {"bucket": "source", "access": access, "form_seconds": 300, "link_seconds": 3600}
    monkeypatch.setenv("UPLOAD_API", json.dumps(fields))


def forget() -> None:
    """Let the handler read its settings again."""
    for cached in (index._settings, index._table, index._api):
        cached.cache_clear()

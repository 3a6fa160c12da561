"""Properties of all responses, and how errors are reported and logged."""

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import index
import pytest
from pipeline.aws.table import Table
from pipeline.errors import ConfigurationError

from tests.aws.api.asking import ask, ask_about, forget

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UPLOAD_API = Path(__file__).parents[3] / "modules" / "upload_api" / "main.tf"


def test_the_page_allows_nothing_but_itself_and_the_buckets() -> None:
    response = ask("GET /")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(
        directive.split(" ", 1)
        for directive in response.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert policy["style-src"].startswith("'sha256-")
    assert policy["connect-src"] == "'self' https://source.s3.eu-west-1.amazonaws.com"
    assert policy["img-src"].endswith("https://processed.s3.eu-west-1.amazonaws.com")
    assert "unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("route", ["GET /", "GET /openapi.json", "GET /images", "GET /none"])
def test_every_response_has_the_security_headers(route: str) -> None:
    headers = ask(route).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_the_description_states_the_configured_limit() -> None:
    schemas = ask("GET /openapi.json").json["components"]["schemas"]
    assert schemas["Upload"]["properties"]["size"]["maximum"] == 20_000_000


def test_an_unknown_route_is_not_found() -> None:
    assert ask("GET /none").json["status"] == 404


def test_every_deployed_route_has_a_response() -> None:
    deployed = set(re.findall(r'"((?:GET|POST) /[^"]*)"', UPLOAD_API.read_text()))
    assert deployed == index._api().routes.keys()


def test_every_route_to_data_is_described() -> None:
    described = {
        f"{method.upper()} {path.replace('{key}', '{key+}')}"
        for path, methods in ask("GET /openapi.json").json["paths"].items()
        for method in methods
    }
    assert described == index._api().routes.keys() - {"GET /", "GET /openapi.json"}


def test_a_failing_service_is_logged_and_not_disclosed(
    table: Table, dynamodb: "DynamoDBClient", log: io.StringIO
) -> None:
    dynamodb.delete_table(TableName="records")
    response = ask_about("a.jpg")
    assert (response.status, response.json["detail"]) == (503, "Try again in a moment.")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert "cannot read a record" in lines[0]["detail"]
    assert lines[1]["http_status"] == 503


def test_an_unexpected_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_storage", lambda: None)
    forget()
    with pytest.raises(AttributeError):
        ask_about("a.jpg")


def test_a_request_fails_while_the_api_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPLOAD_API")
    with pytest.raises(ConfigurationError, match="off"):
        ask("GET /images")


def test_a_request_is_logged_in_one_line_without_its_key(log: io.StringIO) -> None:
    ask_about("secret.jpg")
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["message"], line["route"], line["http_status"]) == (
        "answered",
        "GET /images/{key+}",
        404,
    )
    assert "secret" not in log.getvalue()

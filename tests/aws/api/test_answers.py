"""What all answers have, and what is told and logged when something is wrong."""

import io
import json
from typing import TYPE_CHECKING

import index
import pytest
from pipeline.errors import ConfigurationError
from pipeline.table import Table

from tests.aws.api.asking import ask, ask_about, forget

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_the_page_allows_nothing_but_itself_and_the_buckets() -> None:
    answer = ask("GET /")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(
        directive.split(" ", 1)
        for directive in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert policy["style-src"].startswith("'sha256-")
    assert policy["connect-src"] == "'self' https://source.s3.eu-west-1.amazonaws.com"
    assert policy["img-src"].endswith("https://processed.s3.eu-west-1.amazonaws.com")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("route", ["GET /", "GET /openapi.json", "GET /images", "GET /none"])
def test_every_answer_has_the_security_headers(route: str) -> None:
    headers = ask(route).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_the_description_tells_the_real_limit() -> None:
    schemas = ask("GET /openapi.json").json["components"]["schemas"]
    assert schemas["Upload"]["properties"]["size"]["maximum"] == 20_000_000


def test_another_address_is_not_found() -> None:
    assert ask("GET /none").json["status"] == 404


def test_what_fails_outside_is_logged_but_not_told(
    table: Table, dynamodb: "DynamoDBClient", log: io.StringIO
) -> None:
    dynamodb.delete_table(TableName="records")
    answer = ask_about("a.jpg")
    assert (answer.status, answer.json["detail"]) == (503, "Try again in a moment.")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert "cannot read a record" in lines[0]["detail"]
    assert lines[1]["http_status"] == 503


def test_what_nobody_expected_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_storage", lambda: None)
    forget()
    with pytest.raises(AttributeError):
        ask_about("a.jpg")


def test_a_request_while_the_api_is_off_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPLOAD_API")
    with pytest.raises(ConfigurationError, match="off"):
        ask("GET /images")


def test_one_line_tells_of_a_request(log: io.StringIO) -> None:
    ask_about("secret.jpg")
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["message"], line["route"], line["http_status"]) == (
        "answered",
        "GET /images/{key+}",
        404,
    )
    assert "secret" not in log.getvalue()

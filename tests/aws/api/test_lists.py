"""The most recent images, page by page."""

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest
from pipeline.aws.table import Table

from tests.aws.api.asking import ask
from tests.aws.invoking import handle, upload
from tests.factories import picture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TIME = "2026-01-31T12:00:00.000+00:00"


def forged(position: str) -> str:
    """Return a token that names *position*."""
    return urlsafe_b64encode(position.encode()).decode()


def test_lists_come_in_pages(s3: "S3Client", table: Table) -> None:
    for number in range(3):
        handle(upload(s3, f"{number}.jpg", picture()))
    handle(upload(s3, "text.jpg", b"just text"))
    first = ask("GET /images", query={"limit": "2"}).json
    second = ask("GET /images", query={"limit": "2", "next": first["next"]}).json
    keys = [image["key"] for image in first["images"] + second["images"]]
    assert keys == ["2.jpg", "1.jpg", "0.jpg"]
    assert "next" not in second
    rejected = ask("GET /images", query={"status": "rejected"}).json["images"]
    assert [image["key"] for image in rejected] == ["text.jpg"]


@pytest.mark.parametrize("name", ["a b\n+c%.jpg", "é" * 510 + ".jpg", "\x01" * 1020 + ".jpg"])
def test_a_page_may_begin_after_any_key(s3: "S3Client", table: Table, name: str) -> None:
    handle(upload(s3, "last.jpg", b"just text"))
    handle(upload(s3, name, b"just text"))
    rejected = {"status": "rejected", "limit": "1"}
    first = ask("GET /images", query=rejected).json
    second = ask("GET /images", query={**rejected, "next": first["next"]}).json
    keys = [image["key"] for image in first["images"] + second["images"]]
    assert keys == [name, "last.jpg"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"limit": "-1"},
        {"limit": "²"},
        {"limit": "9" * 5000},
        {"status": "deleted"},
        {"key": ""},
        {"next": ""},
        {"next": "é"},
        {"next": "abc"},
        {"next": "_w=="},
        {"next": "e30="},
        {"next": forged("a.jpg")},
        {"next": forged(f" {TIME}")},
        {"next": forged("a.jpg yesterday")},
        {"next": forged(f"{'a' * 1025} {TIME}")},
        {"next": forged(f"{'é' * 513} {TIME}")},
        {"next": forged(f"a.jpg {'1' * 1025}")},
        {"next": forged(json.dumps({"source_key": "a.jpg", "updated_at": TIME}))},
    ],
)
def test_a_query_that_violates_the_description_is_a_problem(
    table: Table, query: dict[str, str]
) -> None:
    response = ask("GET /images", query=query)
    assert response.status == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json["detail"].startswith(f"#/{next(iter(query))} ")


def test_a_problem_points_to_every_parameter_that_is_wrong(table: Table) -> None:
    problem = ask("GET /images", query={"limit": "-1", "status": "deleted", "other": "?"}).json
    assert problem["errors"] == [
        {"pointer": "#/limit", "detail": "must be at least 1"},
        {"pointer": "#/status", "detail": "must be one of ready, rejected"},
    ]

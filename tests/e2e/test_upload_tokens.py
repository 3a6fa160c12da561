"""An upload API with JWT authorization: subjects see and write their own images only."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tests.e2e.conftest import eventually
from tests.e2e.issuer import AUDIENCE, Issuer, running_issuer
from tests.e2e.upload_api import UploadApi
from tests.factories import picture

PHOTO = picture(300, 200)

ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def issuer(upload_api: UploadApi) -> Iterator[Issuer]:
    with running_issuer(upload_api.pipeline.cloud.home) as issuer:
        jwt = {"issuer": issuer.url, "audience": [AUDIENCE]}
        upload_api.ask_for(jwt=jwt, allowed_origins=[ORIGIN])
        yield issuer


def test_from_form_to_link(upload_api: UploadApi, issuer: Issuer) -> None:
    alice = issuer.token("alice")
    form = upload_api.form(PHOTO, token=alice)
    assert form["key"].startswith("uploads/alice/")
    upload_api.post(form["upload"], PHOTO)
    state = upload_api.outcome(form, token=alice)
    assert upload_api.get(state["variants"][0]["url"]).status == 200
    # A DynamoDB index follows its table with a delay.
    [listed] = eventually(
        lambda: upload_api.call("GET", "images", token=alice).json["images"], what="a list"
    )
    assert listed["key"] == form["key"]


def test_subjects_do_not_see_images_of_others(upload_api: UploadApi, issuer: Issuer) -> None:
    alice, bob = issuer.token("alice"), issuer.token("bob")
    form = upload_api.form(PHOTO, token=alice)
    upload_api.post(form["upload"], PHOTO)
    upload_api.outcome(form, token=alice)
    assert upload_api.call("GET", form["status_url"], token=bob).status == 404
    assert upload_api.call("GET", "images", token=bob).json == {"images": []}


def test_the_page_and_the_description_are_public(upload_api: UploadApi, issuer: Issuer) -> None:
    assert upload_api.call("GET", "").status == 200
    assert upload_api.call("GET", "openapi.json").status == 200


@pytest.mark.parametrize("what", ["API", "bucket"])
def test_only_pages_of_named_origins_may_call(
    upload_api: UploadApi, issuer: Issuer, what: str
) -> None:
    form = upload_api.form(PHOTO, token=issuer.token("alice"))
    url = {"API": f"{upload_api.address}uploads", "bucket": form["upload"]["url"]}[what]
    named = upload_api.preflight(url, origin=ORIGIN)
    assert named.headers["access-control-allow-origin"] == ORIGIN
    other = upload_api.preflight(url, origin="https://other.example.com")
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
        {"aud": "somebody else"},
        {"iss": "https://id.example.com"},
        {"key": generate_private_key(public_exponent=65537, key_size=2048)},
    ],
    ids=["expired", "not yet", "audience", "issuer", "signature"],
)
def test_an_invalid_token_is_refused(
    upload_api: UploadApi, issuer: Issuer, claims: dict[str, Any]
) -> None:
    token = issuer.token("alice", **claims)
    assert upload_api.call("GET", "images", token=token).status == 401


def test_a_request_without_a_token_is_refused(upload_api: UploadApi, issuer: Issuer) -> None:
    for path in ("images", "images/uploads/-/a.jpg"):
        assert upload_api.call("GET", path).status == 401

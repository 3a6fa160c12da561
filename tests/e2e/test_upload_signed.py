"""An upload API that IAM guards, as it is unless something else is said."""

import json
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.upload_api import UploadApi
from tests.factories import picture

PHOTO = picture(300, 200)


def user(pipeline: Pipeline, name: str, *, may_invoke: str) -> Credentials:
    """Make a user who may invoke what matches *may_invoke*."""
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": may_invoke}
    pipeline.iam.create_user(UserName=name)
    pipeline.iam.put_user_policy(
        UserName=name,
        PolicyName="invoke",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = pipeline.iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module", autouse=True)
def signed(upload_api: UploadApi) -> None:
    upload_api.ask_for()


@pytest.fixture(scope="module")
def allowed(upload_api: UploadApi) -> Credentials:
    everything = f"{upload_api.outputs['upload_api_execution_arn']}/*"
    return user(upload_api.pipeline, "operator", may_invoke=everything)


def test_from_form_to_link(upload_api: UploadApi, allowed: Credentials) -> None:
    form = upload_api.form(signed_by=allowed)
    assert form["key"].startswith("uploads/-/")
    upload_api.post(form["upload"], PHOTO)
    state = upload_api.outcome(form, signed_by=allowed)
    assert upload_api.get(state["variants"][0]["url"]).status == 200


def test_an_operator_sees_every_image(
    upload_api: UploadApi, allowed: Credentials, tmp_path: Path
) -> None:
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(PHOTO)
    upload_api.pipeline.upload(photo, "elsewhere/cat.jpg")
    upload_api.pipeline.published("web/elsewhere/cat.webp")
    path = "images/elsewhere/cat.jpg"
    eventually(
        lambda: upload_api.call("GET", path, signed_by=allowed).json["status"] == "ready",
        what=path,
    )


@pytest.mark.parametrize("path", ["", "openapi.json", "images", "images/a.jpg"])
def test_nothing_is_open(upload_api: UploadApi, path: str) -> None:
    assert upload_api.call("GET", path).status == 403


def test_a_made_up_signature_is_refused(upload_api: UploadApi, allowed: Credentials) -> None:
    forged = Credentials(allowed.access_key, "guessed")
    assert upload_api.call("GET", "images", signed_by=forged).status == 403


def test_who_is_not_allowed_is_refused(upload_api: UploadApi) -> None:
    reading = f"{upload_api.outputs['upload_api_execution_arn']}/*/GET/*"
    reader = user(upload_api.pipeline, "reader", may_invoke=reading)
    assert upload_api.call("GET", "images", signed_by=reader).status == 200
    wanted = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 1}
    answer = upload_api.call("POST", "uploads", body=wanted, signed_by=reader)
    assert answer.status == 403

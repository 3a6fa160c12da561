"""An upload API with IAM authorization, the default."""

import json
import re
from pathlib import Path

import boto3
import pytest
from botocore.credentials import Credentials

from tests.documents import page
from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.upload_api import UploadApi
from tests.factories import picture
from tools import subprocesses

PHOTO = picture(300, 200)


def user(pipeline: Pipeline, name: str, *, may_invoke: str) -> Credentials:
    """Create a user who may invoke what matches *may_invoke*."""
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


@pytest.fixture(scope="module")
def session(allowed: Credentials) -> Credentials:
    """Return temporary credentials of the user who is allowed."""
    sts = boto3.client(
        "sts",
        aws_access_key_id=allowed.access_key,
        aws_secret_access_key=allowed.secret_key,
    )
    given = sts.get_session_token()["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


@pytest.mark.parametrize("identity", ["allowed", "session"])
def test_the_commands_in_the_docs_upload_a_photograph(
    upload_api: UploadApi, request: pytest.FixtureRequest, identity: str, tmp_path: Path
) -> None:
    [lines] = re.findall(r"^```sh\n(api=.*?)^```", page("upload-api"), re.MULTILINE | re.DOTALL)
    first, rest = lines.split("\n", 1)
    assert first == "api=$(terraform output -raw upload_api_endpoint)"
    (tmp_path / "tom.jpg").write_bytes(PHOTO)
    credentials: Credentials = request.getfixturevalue(identity)
    shown = subprocesses.run(
        *("bash", "-euo", "pipefail", "-c", rest),
        environment=upload_api.shell(credentials),
        folder=tmp_path,
    )
    assert json.loads(shown)["status"] in ("waiting", "ready")


def test_an_operator_sees_every_image(
    upload_api: UploadApi, allowed: Credentials, tmp_path: Path
) -> None:
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(PHOTO)
    upload_api.pipeline.upload(photo, "elsewhere/50% off.jpg")
    upload_api.pipeline.published("web/elsewhere/50% off.webp")
    path = "images?key=elsewhere%2F50%25%20off.jpg"

    def is_ready() -> bool:
        [image] = upload_api.call("GET", path, signed_by=allowed).json["images"]
        return bool(image["status"] == "ready")

    eventually(is_ready, what=path)


@pytest.mark.parametrize("path", ["", "openapi.json", "images", "images/a.jpg"])
def test_nothing_is_public(upload_api: UploadApi, path: str) -> None:
    assert upload_api.call("GET", path).status == 403


def test_a_made_up_signature_is_refused(upload_api: UploadApi, allowed: Credentials) -> None:
    forged = Credentials(allowed.access_key, "guessed")
    assert upload_api.call("GET", "images", signed_by=forged).status == 403


def test_a_user_without_permission_is_refused(upload_api: UploadApi) -> None:
    reading = f"{upload_api.outputs['upload_api_execution_arn']}/*/GET/*"
    reader = user(upload_api.pipeline, "reader", may_invoke=reading)
    assert upload_api.call("GET", "images", signed_by=reader).status == 200
    wanted = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 1}
    response = upload_api.call("POST", "uploads", body=wanted, signed_by=reader)
    assert response.status == 403

"""The environment of programs that use the local cloud hides the caller's account."""

from pathlib import Path
from typing import Any

import pytest

from tools.environment import Credentials, isolated

MADE_UP = Credentials("LOCAL1", "made-up")
ENDPOINT = "https://127.0.0.1:4566"
CALLER = {
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/real",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/real",
    "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/real",
    "AWS_CONFIG_FILE": "/real",
    "BOTO_CONFIG": "/real",
    "TF_VAR_source_bucket_name": "real",
    "TF_CLI_ARGS_apply": "-state=real",
    "TF_WORKSPACE": "real",
    "TF_CLI_CONFIG_FILE": "/nowhere/real.tfrc",
    "HOME": "/home/me",
}


def local(home: Path) -> dict[str, Any]:
    return {"endpoint": ENDPOINT, "home": home, "credentials": MADE_UP}


def test_the_callers_account_is_removed(tmp_path: Path) -> None:
    environment = isolated(CALLER, **local(tmp_path))

    assert not {name for name, value in environment.items() if "real" in value.lower()}


def test_other_settings_are_passed_on(tmp_path: Path) -> None:
    assert isolated(CALLER, **local(tmp_path))["HOME"] == "/home/me"


def test_the_shared_files_point_at_missing_paths(tmp_path: Path) -> None:
    environment = isolated(CALLER, **local(tmp_path))

    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        assert Path(environment[name]).parent == tmp_path
        assert not Path(environment[name]).exists()


def test_a_terraform_configuration_file_is_passed_on(tmp_path: Path) -> None:
    file = tmp_path / "terraform.tfrc"
    file.touch()

    environment = isolated(
        {"TF_CLI_CONFIG_FILE": str(file)}, endpoint=ENDPOINT, home=tmp_path, credentials=MADE_UP
    )

    assert environment["TF_CLI_CONFIG_FILE"] == str(file)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_the_local_cloud_is_never_reached_through_a_proxy(tmp_path: Path, name: str) -> None:
    environment = isolated(
        {name: "intranet"}, endpoint=ENDPOINT, home=tmp_path, credentials=MADE_UP
    )

    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,127.0.0.1,localhost"

"""Commands act on the deployment that the shell points at, and on no other."""

import json
import os
from pathlib import Path

import pytest

from tools.operations import deployment
from tools.operations.deployment import (
    BackfillError,
    DeploymentError,
    backfill_deployment,
    outputs,
)

LOCAL = "https://127.0.0.1:4566"


def state(folder: Path, name: str) -> None:
    output = {"value": name, "type": "string"}
    content = {"version": 4, "serial": 1, "lineage": "x", "resources": []}
    content["outputs"] = {"function_name": output}
    folder.mkdir(exist_ok=True)
    (folder / "terraform.tfstate").write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "root"
    state(folder, "on-aws")
    monkeypatch.setattr(deployment, "ROOT", folder)
    return folder


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    state(folder, "local")
    return folder


def test_by_default_it_is_the_repositorys_deployment(root: Path) -> None:
    assert outputs({}) == {"function_name": "on-aws"}


def test_a_shell_that_points_at_the_local_cloud_uses_the_local_deployment(
    root: Path, local: Path
) -> None:
    environment = {"LOCAL_DEPLOYMENT": str(local), "AWS_ENDPOINT_URL": LOCAL}

    assert outputs(environment) == {"function_name": "local"}


@pytest.mark.parametrize("endpoint", [{}, {"AWS_ENDPOINT_URL": "https://sqs.amazonaws.com"}])
def test_a_local_deployment_is_never_mixed_with_a_real_account(
    root: Path, local: Path, endpoint: dict[str, str]
) -> None:
    with pytest.raises(DeploymentError, match="not that of a local cloud"):
        outputs({"LOCAL_DEPLOYMENT": str(local), **endpoint})


def test_a_missing_local_deployment_is_not_replaced_by_the_repositorys(
    root: Path, tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone")

    with pytest.raises(DeploymentError, match="run `make up` again"):
        outputs({"LOCAL_DEPLOYMENT": gone, "AWS_ENDPOINT_URL": LOCAL})


def test_a_backend_that_cannot_be_read_does_not_pass_for_no_deployment(root: Path) -> None:
    (root / "terraform.tfstate").unlink()
    (root / "main.tf").write_text('terraform {\n  backend "s3" {}\n}\n')

    with pytest.raises(DeploymentError, match=r"cannot be read: .*terraform init"):
        outputs({"PATH": os.environ["PATH"]})


def test_without_a_deployment_there_are_no_outputs(root: Path) -> None:
    (root / "terraform.tfstate").unlink()

    assert outputs({"PATH": os.environ["PATH"]}) == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is not what `terraform output -json backfill` prints"),
        ("Outputs:", "is not what `terraform output -json backfill` prints"),
        ("[1]", "is not of this version: TypeError"),
        ('{"source_bucket": "photos"}', "is not of this version: KeyError.'state_machine_arn'"),
        ("null", "The backfill is off"),
    ],
    ids=["no file", "no JSON", "a list", "another version", "off"],
)
def test_a_file_that_describes_no_deployment_is_a_sentence(
    tmp_path: Path, content: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF", raising=False)
    file = tmp_path / "backfill.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(BackfillError, match=sentence):
        backfill_deployment(file)

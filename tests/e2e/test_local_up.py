"""Edit settings, run `make up`, and use the deployment in a shell with its environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import eventually
from tests.factories import picture
from tools import ROOT
from tools.local.cloud import ARCHITECTURE, Cloud

QUICK = "metadata = null\nupload_api = null\n"
CARD = """
variants     = { card = { width = 80 } }
key_template = "{variant}/{directory}{stem}{extension}"
"""
THUMB = CARD.replace("card", "thumb")

UP = """
import sys
from pathlib import Path
from tools.local import up

up.HOME = Path(sys.argv.pop(1))
up.main()
"""

OWN = f"""
variable "name" {{}}

variable "architecture" {{}}

module "images" {{
  source       = "{ROOT}"
  name         = var.name
  architecture = var.architecture
}}

resource "aws_s3_bucket" "own" {{
  bucket = var.name
}}

output "bucket" {{
  value = aws_s3_bucket.own.bucket
}}
"""


@dataclass(frozen=True)
class Local:
    """The cloud of `make up`, with its settings file and a shell that points at it."""

    home: Path
    settings: Path

    def up(self, settings: str, *, status: int = 0) -> str:
        """Run `make up`'s command, which must exit with *status*, and return its output."""
        self.settings.write_text(QUICK + settings)
        command = [sys.executable, "-c", UP, str(self.home), f"--settings={self.settings}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def shell(self, command: str, *, folder: Path = ROOT) -> str:
        """Run *command* in *folder*, and return its output."""
        done = subprocess.run(
            ["sh", "-c", f". '{self.home}/up/environment.sh' && {command}"],
            cwd=folder,
            env={**os.environ, "TF_IN_AUTOMATION": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def upload(self, file: Path) -> None:
        self.shell(
            f'aws s3 cp --only-show-errors {file} "s3://$(terraform output -raw source_bucket)"'
        )

    def has(self, key: str) -> bool:
        listed = self.shell(
            'aws s3 ls --recursive "s3://$(terraform output -raw processed_bucket)" || true'
        )
        return key in [line.split(maxsplit=3)[3] for line in listed.splitlines()]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("local")
    local = Local(home=folder / "home", settings=folder / "shop.tfvars")
    local.up(CARD)
    yield local
    Cloud(local.home / "up").forget()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(300, 200))
    return file


def test_an_edited_setting_is_applied_to_the_running_cloud(local: Local, photo: Path) -> None:
    local.upload(photo)
    eventually(lambda: local.has("card/photo.jpg"), what="a card")

    output = local.up(THUMB)
    local.upload(photo)

    eventually(lambda: local.has("thumb/photo.jpg"), what="a thumb")
    assert f"Settings: {local.settings} (metadata, upload_api, variants, key_template)" in output


def test_a_setting_that_is_refused_leaves_the_cloud_as_it_was(local: Local) -> None:
    output = local.up(CARD + 'trigger_prefix = "/photos"\n', status=1)

    assert "trigger_prefix" in output
    assert "The local cloud stays up as it was.\n" in output
    assert Cloud(local.home / "up").is_running()


def test_a_rejected_file_is_found_and_retried(local: Local, tmp_path: Path, photo: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    redrive = f"'{sys.executable}' tools redrive"
    local.upload(bad)
    eventually(lambda: "bad.jpg" in local.shell(f"{redrive} --dry-run"), what="the message")

    status = local.shell(f"'{sys.executable}' tools status --key bad.jpg")
    assert status.startswith("bad.jpg failed: unsupported-format. `make redrive` retries it.\n")
    assert "bad.jpg  UnsupportedFormat: " in local.shell(f"'{sys.executable}' tools logs")

    bad.write_bytes(photo.read_bytes())
    local.upload(bad)

    assert "1 of 1" in local.shell(f"{redrive} --reason unsupported-format --yes")
    assert "0 of 0" in local.shell(f"{redrive} --dry-run")


@pytest.mark.parametrize("command", ["doctor", "deploy", "destroy"])
def test_nothing_on_aws_is_touched_from_its_shell(local: Local, command: str) -> None:
    output = local.shell(f"'{sys.executable}' tools {command} 2>&1 && exit 1 || true")

    assert (
        "points at a local cloud or another endpoint by AWS_ENDPOINT_URL, LOCAL_DEPLOYM" in output
    )


def test_terraform_of_ones_own_deploys_beside_it(local: Local, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(OWN)
    local.shell("terraform init -input=false -no-color", folder=tmp_path)

    planned = local.shell("terraform plan -input=false -no-color", folder=tmp_path)
    local.shell("terraform apply -auto-approve -target=aws_s3_bucket.own", folder=tmp_path)

    assert f'"{ARCHITECTURE}",' in planned
    assert '+ function_name                  = "own-pipeline"' in planned
    assert " 0 to change, 0 to destroy" in planned
    assert local.shell("terraform output -raw bucket", folder=tmp_path) == "own-pipeline"
    assert "image-pipeline" in local.shell("terraform output -raw function_name")

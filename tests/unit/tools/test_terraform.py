"""Where the provider comes from, and what becomes of a configuration that is linked."""

import json
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import ROOT, terraform
from tools.environment import Credentials, isolated
from tools.terraform import REATTACH, Event, Terraform, linked_root, provider_mirror, warnings

LOCK = 'provider "registry.terraform.io/hashicorp/aws" {\n  version     = "5.100.0"\n}\n'
TARGET = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
FOREIGN = (
    *("backend.tf", "override.tf", "shop_override.tf", "provider.tf.json"),
    *("terraform.tfvars", "shop.auto.tfvars", "terraform.tfstate"),
)

Mirror = Callable[..., Path]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Make mirrors in the only place that is searched."""
    monkeypatch.setattr(terraform, "_MIRROR_PLACES", (str(tmp_path),))

    def make(folder: str, version: str = "5.100.0") -> Path:
        root = tmp_path / folder
        provider = root / "registry.terraform.io" / "hashicorp" / "aws"
        (provider / version / f"{sys.platform}_{TARGET}").mkdir(parents=True)
        return root

    return make


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "lock.hcl"
    file.write_text(LOCK)
    return file


@pytest.mark.parametrize("folder", ["", "any name", "two/levels"])
def test_a_mirror_is_found_in_a_folder_of_any_name(mirror: Mirror, lock: Path, folder: str) -> None:
    assert provider_mirror(lock, {}) is None
    assert mirror(folder) == provider_mirror(lock, {})


def test_a_mirror_without_the_locked_version_is_of_no_use(mirror: Mirror, lock: Path) -> None:
    mirror("other", version="6.0.0")

    assert provider_mirror(lock, {}) is None


def test_a_mirror_that_is_named_comes_first(mirror: Mirror, lock: Path, tmp_path: Path) -> None:
    mirror("a")
    named = mirror("b")

    assert provider_mirror(lock, {"TF_PLUGIN_DIR": str(named)}) == named


def test_a_mirror_can_be_named_by_the_caller_of_the_local_cloud(
    mirror: Mirror, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror("a")
    named = mirror("b")
    monkeypatch.chdir(tmp_path)

    environment = isolated(
        {"TF_PLUGIN_DIR": "b"},
        endpoint="https://127.0.0.1:4566",
        home=tmp_path,
        credentials=Credentials.random(),
    )

    assert provider_mirror(lock, environment) == named


def test_a_linked_root_has_the_configuration_and_its_own_variables(tmp_path: Path) -> None:
    linked_root(tmp_path, name="demo")

    assert (tmp_path / "main.tf").read_bytes() == (ROOT / "main.tf").read_bytes()
    [variables] = tmp_path.glob("*.tfvars*")
    assert json.loads(variables.read_text()) == {"name": "demo"}


def test_a_linked_root_has_nothing_of_the_users_own_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "clone"
    root.mkdir()
    for file in [*ROOT.glob("*.tf"), ROOT / ".terraform.lock.hcl"]:
        shutil.copy(file, root)
    for name in FOREIGN:
        (root / name).touch()
    monkeypatch.setattr(terraform, "ROOT", root)

    linked_root(tmp_path / "linked")

    configuration = {file.name for file in (tmp_path / "linked").glob("*.tf*")}
    assert configuration == {"main.tf", "outputs.tf", "variables.tf", "given.auto.tfvars.json"}


def test_the_repositorys_lock_file_is_out_of_terraforms_reach(tmp_path: Path) -> None:
    linked_root(tmp_path)

    assert not (tmp_path / ".terraform.lock.hcl").is_symlink()


def test_init_installs_a_provider_that_runs_already(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text(f'#!/bin/sh\nprintf "%s" "${{{REATTACH}-}}" > told\n')
    program.chmod(0o755)
    terraform = Terraform(tmp_path, {"PATH": f"{tmp_path}:/usr/bin:/bin", REATTACH: "{}"})

    terraform.init()
    during_init = (tmp_path / "told").read_text()
    terraform.run("plan")

    assert (during_init, (tmp_path / "told").read_text()) == ("", "{}")


def test_plain_lines_among_the_messages_do_not_end_a_run(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text("""#!/bin/sh
echo Acquiring state lock. This may take a few moments...
printf '%s' '{"type": "diagnostic", "diagnostic": {"severity": "warning",'
printf '%s\\n' ' "summary": "Check failed", "detail": "The function runs\\nother code."}}'
touch ended
""")
    program.chmod(0o755)
    events: list[Event] = []

    Terraform(tmp_path, {"PATH": f"{tmp_path}:/usr/bin:/bin"}).plan(events.append)

    assert (tmp_path / "ended").exists()
    assert warnings(events) == ["Check failed: The function runs other code."]


def test_a_check_that_waits_for_the_apply_is_no_warning() -> None:
    found = {"severity": "warning", "summary": "Check block assertion known after apply"}
    told = {"severity": "error", "summary": "wrong", "detail": ""}
    events = [
        {"type": "diagnostic", "diagnostic": {**found, "detail": "The condition could not be …"}},
        {"type": "diagnostic", "diagnostic": told},
    ]

    assert warnings(events) == []

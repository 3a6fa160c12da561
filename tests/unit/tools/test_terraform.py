"""Where the provider comes from, and what becomes of a configuration that is linked."""

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import terraform
from terraform import ROOT, linked_root, provider_mirror

LOCK = 'provider "registry.terraform.io/hashicorp/aws" {\n  version     = "5.100.0"\n}\n'
TARGET = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

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


def test_a_linked_root_has_the_files_and_none_of_the_users_own_variables(tmp_path: Path) -> None:
    linked_root(tmp_path, name="demo")

    configuration = {file.name for file in tmp_path.glob("*.tf")}
    assert configuration == {file.name for file in ROOT.glob("*.tf")}
    assert (tmp_path / "main.tf").read_bytes() == (ROOT / "main.tf").read_bytes()
    [variables] = tmp_path.glob("*.tfvars*")
    assert json.loads(variables.read_text()) == {"name": "demo"}


def test_the_repositorys_lock_file_is_out_of_terraforms_reach(tmp_path: Path) -> None:
    linked_root(tmp_path)

    assert not (tmp_path / ".terraform.lock.hcl").is_symlink()

"""OpenTofu runs wherever TF names it. Here, what is called so hands over to Terraform or prints."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import ROOT, subprocesses, terraform
from tools.build.terraform_tests import CannotTest, Configuration
from tools.local.cloud import Cloud
from tools.local.server import LocalCloudError
from tools.local.up import _environment_script
from tools.operations.doctor import programs
from tools.settings import Settings
from tools.terraform import LOCK, Terraform, linked_root, provider_mirror, target_platform

Environment = dict[str, str]


@pytest.fixture
def opentofu(tmp_path: Path) -> Environment:
    """An environment in which TF names a program that prints what it is given."""
    return called_tofu(tmp_path / "programs", 'printf "%s\\n" "$@"')


def called_tofu(folder: Path, script: str) -> Environment:
    folder.mkdir()
    program = folder / "tofu"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"TF": "tofu", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_it_runs_instead_of_terraform(opentofu: Environment, tmp_path: Path) -> None:
    assert Terraform(tmp_path, opentofu).run("apply").splitlines() == ["apply", "-no-color"]


def test_it_may_add_its_registry_to_the_lock_file(opentofu: Environment, tmp_path: Path) -> None:
    linked_root(tmp_path / "root")

    assert "-lockfile=readonly" not in terraform.init_options(tmp_path / "root", opentofu)
    assert "-lockfile=readonly" in terraform.init_options(tmp_path / "root", {})


def test_what_it_added_is_kept_when_the_root_is_linked_again(tmp_path: Path) -> None:
    linked_root(tmp_path)
    (tmp_path / LOCK).write_text("with a registry of its own")

    linked_root(tmp_path)

    assert (tmp_path / LOCK).read_text() == "with a registry of its own"


def test_its_mirror_is_that_of_its_registry(
    opentofu: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "_MIRROR_PLACES", (str(tmp_path),))
    version = terraform.locked_version()
    provider = tmp_path / "mirror" / "registry.opentofu.org" / "hashicorp" / "aws"
    (provider / version / target_platform()).mkdir(parents=True)

    assert provider_mirror(ROOT / LOCK, opentofu) == tmp_path / "mirror"
    assert provider_mirror(ROOT / LOCK, {}) is None


def test_the_version_of_a_lock_file_with_both_registries_is_known(tmp_path: Path) -> None:
    lock = tmp_path / "lock.hcl"
    lock.write_text(
        "".join(
            f'provider "registry.{host}/hashicorp/aws" {{\n  version = "5.100.0"\n}}\n'
            for host in ("opentofu.org", "terraform.io")
        )
    )

    assert terraform.locked_version(lock) == "5.100.0"


def test_it_reads_the_settings(tmp_path: Path) -> None:
    (tmp_path / "a.tfvars").write_text("max_megapixels = 3\n")
    environment = {**called_tofu(tmp_path / "programs", 'exec terraform "$@"')}

    values = Settings([tmp_path / "a.tfvars"]).values(environment)

    assert values == {"max_megapixels": 3}


def test_what_it_refuses_is_said_though_its_warning_comes_first(tmp_path: Path) -> None:
    (tmp_path / "a.tfvars").write_text("max_megapixels = 0\n")
    script = r"""echo "Warning: Due to the problems above, some expressions may be wrong."
echo "Error: max_megapixels must be at least 1."
echo '"{\"max_megapixels\":0}"'"""

    with pytest.raises(subprocesses.CommandFailed) as failure:
        Settings([tmp_path / "a.tfvars"]).values(called_tofu(tmp_path / "programs", script))

    assert failure.value.output == "Error: max_megapixels must be at least 1."
    assert failure.value.command == "tofu console"


@pytest.mark.parametrize(
    ("platform", "fix"),
    [
        ("linux", "curl -LO https://github.com/opentofu/opentofu/releases/download/v"),
        ("darwin", "brew install opentofu"),
    ],
)
def test_one_that_is_too_old_is_a_finding(
    opentofu: Environment, monkeypatch: pytest.MonkeyPatch, platform: str, fix: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    [found] = programs.of_terraform((1, 8, 2), opentofu)

    assert found.problem == "OpenTofu 1.9 or later is needed, not 1.8.2."
    assert found.fix.startswith(fix)


def test_it_cannot_run_the_tests(
    opentofu: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(opentofu, monkeypatch)

    with pytest.raises(CannotTest, match=r"^OpenTofu cannot run these tests"):
        Configuration(tmp_path / "build").prepare()


def test_a_local_cloud_that_terraform_made_is_not_changed_with_it(
    opentofu: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud(tmp_path / "cloud")
    cloud.start()
    try:
        set_environment(opentofu, monkeypatch)
        with pytest.raises(LocalCloudError, match="with terraform, not tofu: `make down` first"):
            cloud.start()
    finally:
        cloud.forget()


def test_the_shell_of_a_local_cloud_goes_on_with_it(
    opentofu: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(opentofu, monkeypatch)
    cloud = Cloud(tmp_path / "cloud")
    cloud.home.mkdir()
    (cloud.home / "server.json").write_text('{"port": 1}')
    script = tmp_path / "environment.sh"
    script.write_text(_environment_script(cloud))

    command = f". '{script}' && cd '{ROOT}' && tofu output && echo $TF"
    done = subprocess.run(
        ["sh", "-c", command], env=opentofu, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-2:] == ["output", "tofu"]


def set_environment(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

"""The Makefile passes on values that a shell would split, in a folder that it would split."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.tools.test_install import INSTALLER
from tools import ROOT

PRINTING = """#!/bin/sh
printf '%s\\n' "$@"
printenv GIVEN_TO_MAKE | sed -n "s/^ *\\\\([A-Z_]*=.\\\\)/\\\\1/p"
"""

Make = Callable[..., list[str]]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the Makefile, and with programs that only print their arguments."""
    folder = tmp_path / "a clone & co"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "terraform", "tofu"):
        (programs / name).write_text(PRINTING)
        (programs / name).chmod(0o755)
    for name in ("Makefile", *INSTALLER):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("requirements.txt", "requirements-local.txt"):
        (folder / "tools" / name).touch()
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return folder


@pytest.fixture
def make(clone: Path) -> Make:
    """Run make in the clone as if everything were installed, and return its output."""

    def run(*arguments: str) -> list[str]:
        done = subprocess.run(
            ["make", "--silent", *arguments], cwd=clone, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    run(".venv/installed")
    return run


def test_the_aws_cli_runs_by_the_python_beside_it(clone: Path, make: Make) -> None:
    done = subprocess.run(
        [clone / ".venv" / "bin" / "aws", "s3", "cp", "my cat.jpg"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["-m", "awscli", "s3", "cp", "my cat.jpg"]


@pytest.mark.parametrize("photo", ["my cat.jpg", "a$b.jpg", "a$(b).jpg", "a\"b'.jpg", "-x.jpg"])
def test_any_name_of_a_photograph_is_passed_on_unchanged(make: Make, photo: str) -> None:
    assert make("demo", f"PHOTO={photo}") == ["tools", "demo", f"PHOTO={photo}"]


def test_a_photograph_may_be_named_by_the_environment(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTO", "a$b.jpg")

    assert make("demo") == ["tools", "demo", "PHOTO=a$b.jpg"]


def test_without_a_photograph_the_samples_are_shown(make: Make) -> None:
    assert make("demo") == ["tools", "demo"]


@pytest.mark.parametrize("target", ["up", "demo"])
def test_any_name_of_settings_is_passed_on_unchanged(make: Make, target: str) -> None:
    assert make(target, "SETTINGS=my $shop.tfvars")[-1] == "SETTINGS=my $shop.tfvars"


def test_a_missing_terraform_is_reported_before_anything_is_installed(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / ".venv" / "bin" / "terraform").unlink()
    monkeypatch.setenv("PATH", f"{clone / '.venv' / 'bin'}:/usr/bin:/bin")

    done = subprocess.run(["make", "demo"], cwd=clone, capture_output=True, text=True, check=False)

    assert done.returncode
    assert done.stderr.startswith("Terraform 1.9 or later is needed")
    assert not (clone / ".venv" / "installed-local").exists()


@pytest.mark.parametrize("given", ["argument", "environment"])
def test_the_tools_run_opentofu_where_tf_says_so(
    clone: Path, make: Make, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (clone / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho "$TF"\n')
    (clone / ".venv" / "bin" / "terraform").unlink()
    if given == "environment":
        monkeypatch.setenv("TF", "tofu")

    assert make("demo", *(["TF=tofu"] if given == "argument" else [])) == ["tofu"]


def test_an_opentofu_that_is_not_there_is_missed(clone: Path) -> None:
    done = subprocess.run(
        ["make", "demo", "TF=tofu-2"], cwd=clone, capture_output=True, text=True, check=False
    )

    assert done.returncode
    assert "there is no program tofu-2" in done.stderr


@pytest.mark.parametrize("prefix", ["-x/", "a b/", "$a/"])
def test_any_prefix_is_passed_on_unchanged(make: Make, prefix: str) -> None:
    assert make("backfill", f"PREFIX={prefix}") == ["tools", "backfill", f"PREFIX={prefix}"]


def test_generated_files_are_cleaned(clone: Path, make: Make) -> None:
    for name in ("build", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"):
        (clone / name).mkdir()

    make("clean")

    assert {file.name for file in clone.iterdir()} == {"Makefile", "tools", ".venv"}

"""The tools are installed once, however many programs ask for them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT

INSTALLER = (
    *("tools/__init__.py", "tools/__main__.py"),
    *(f"tools/build/{module}.py" for module in ("__init__", "install", "interpreters")),
)
PYTHON = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
sleep 0.5
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose .venv has a Python that only logs its arguments."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)
    for name in INSTALLER:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("requirements.txt", "requirements-local.txt"):
        (tmp_path / "tools" / name).touch()
    return tmp_path


def install(clone: Path, requirements: str, stamp: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "tools", "install", requirements, f".venv/{stamp}"]
    return subprocess.Popen(command, cwd=clone, stdout=subprocess.DEVNULL)


def calls(clone: Path) -> int:
    return len((clone / ".venv" / "bin" / "calls").read_text().splitlines())


def test_two_at_once_install_once(clone: Path) -> None:
    programs = [install(clone, "requirements-local.txt", "installed-local") for _ in range(2)]

    assert [program.wait() for program in programs] == [0, 0]
    assert calls(clone) == 1


def test_installing_everything_includes_each_part(clone: Path) -> None:
    assert install(clone, "requirements.txt", "installed").wait() == 0
    assert install(clone, "requirements-local.txt", "installed-local").wait() == 0

    assert calls(clone) == 1
    assert (clone / ".venv" / "installed-local").exists()


def test_changed_requirements_are_installed_again(clone: Path) -> None:
    assert install(clone, "requirements-local.txt", "installed-local").wait() == 0
    stamp = (clone / ".venv" / "installed-local").stat().st_mtime
    os.utime(clone / "tools" / "requirements-local.txt", (stamp + 9, stamp + 9))

    assert install(clone, "requirements-local.txt", "installed-local").wait() == 0
    assert calls(clone) == 2

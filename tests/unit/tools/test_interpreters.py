"""Finding a Python among broken shims and unsuitable versions."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.build import interpreters
from tools.build.interpreters import Interpreter

FakePython = Callable[..., Path]


@pytest.fixture
def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePython:
    """Put fake interpreters on an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("HOME", "PATH", "PYENV_ROOT"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))

    def make(name: str, version: str = "", *, status: int = 0, venv: int = 0) -> Path:
        file = folder / name
        response = "\n".join([str(file), *version.split(".")])
        lines = ["#!/bin/sh", f'case "$3" in *venv*) exit {venv};; esac', f"exit {status}"]
        lines.insert(2, f"printf '%s\\n' '{response}'")
        file.write_text("\n".join(lines))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return file

    return make


def test_the_functions_own_python_is_preferred(fake_python: FakePython) -> None:
    fake_python("python3.14", "3.14")
    own = fake_python("python3.13", "3.13")

    assert interpreters.project_python() == Interpreter(str(own), (3, 13))


def test_without_the_functions_own_the_newest_is_used(fake_python: FakePython) -> None:
    fake_python("python3.11", "3.11")
    newest = fake_python("python3.12", "3.12")

    assert interpreters.project_python().path == str(newest)


def test_a_shim_that_fails_does_not_count(fake_python: FakePython) -> None:
    fake_python("python3.13", status=127)
    fake_python("python3", "3.11")

    assert interpreters.project_python().version == (3, 11)
    assert interpreters.function_python() is None


def test_a_python_with_venv_is_preferred(fake_python: FakePython) -> None:
    fake_python("python3.13", "3.13", venv=1)
    fake_python("python3.12", "3.12")

    assert interpreters.project_python().version == (3, 12)


def test_without_a_suitable_python_it_exits_with_a_sentence(fake_python: FakePython) -> None:
    fake_python("python3", "3.8")

    with pytest.raises(SystemExit, match=r"^None of Python 3\.11 to 3\.14 runs here"):
        interpreters.project_python()


def test_a_python_that_cannot_make_an_environment_is_named(fake_python: FakePython) -> None:
    lame = fake_python("python3.13", "3.13", venv=1)

    with pytest.raises(SystemExit, match=f"{lame} cannot make a virtual environment"):
        interpreters.project_python()


def test_the_versions_of_pyenv_are_found_behind_its_shims(
    fake_python: FakePython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_python("python3", "3.13")
    home = tmp_path / "pyenv" / "versions" / "3.13.7" / "bin"
    home.mkdir(parents=True)
    python.rename(home / "python3")
    monkeypatch.setenv("PATH", str(tmp_path / "pyenv" / "shims"))

    assert interpreters.function_python() is not None

"""Find a working Python. Standard library only, in syntax that any Python 3 can read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FUNCTION = (3, 13)  # the Python of the Lambda runtime
OLDEST = (3, 11)
NEWEST = (3, 14)

_PROBE = "import sys; print(sys.executable, *sys.version_info[:2], sep='\\n')"


class Interpreter(NamedTuple):
    """A working interpreter, by the path that it reports."""

    path: str
    version: tuple[int, int]

    def can(self, *modules: str) -> bool:
        """Whether this interpreter can import all of *modules*."""
        return _output(self.path, f"import {', '.join(modules)}") is not None


def this_python() -> Interpreter:
    """The running interpreter."""
    return Interpreter(sys.executable, sys.version_info[:2])


def function_python() -> Interpreter | None:
    """The Python version that the function runs on, if this machine has it."""
    return next((found for found in interpreters() if found.version == FUNCTION), None)


def project_python() -> Interpreter:
    """The Python for the project's environment: the function's version, else the newest suitable.

    Exits with a sentence when there is none.
    """
    suitable = [found for found in interpreters() if OLDEST <= found.version <= NEWEST]
    suitable.sort(key=lambda found: (found.version == FUNCTION, found.version), reverse=True)
    for interpreter in suitable:
        if interpreter.can("ensurepip", "venv"):
            return interpreter
    if suitable:
        sys.exit(f"{suitable[0].path} cannot make a virtual environment: install its venv package.")
    sys.exit(
        f"None of Python {text(OLDEST)} to {text(NEWEST)} runs here; {text(FUNCTION)} is the best."
    )


def interpreters() -> Iterator[Interpreter]:
    """Every working interpreter on this machine, each once, the running one first.

    A version manager's shim without an interpreter behind it fails to run and is left out.
    """
    seen = set()
    for path in _candidates():
        response = _output(path, _PROBE)
        if response is None or len(response) != 3 or response[0] in seen:
            continue
        seen.add(response[0])
        yield Interpreter(response[0], (int(response[1]), int(response[2])))


def _candidates() -> Iterator[str]:
    yield sys.executable
    versions = [f"3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    for name in ["python3", *(f"python{version}" for version in versions), "python"]:
        found = shutil.which(name)
        if found:
            yield found
    for folder in _version_folders():
        for version in versions:
            for home in sorted(folder.glob(f"*{version}[.-]*"), reverse=True):
                yield str(home / "bin" / "python3")


def _version_folders() -> Iterator[Path]:
    """Where pyenv and uv keep their interpreters, whatever HOME is."""
    home = Path("~").expanduser()
    yield home / ".pyenv" / "versions"
    yield home / ".local" / "share" / "uv" / "python"
    if "PYENV_ROOT" in os.environ:
        yield Path(os.environ["PYENV_ROOT"]) / "versions"
    for entry in os.get_exec_path():
        if entry.endswith("shims"):
            yield Path(entry).parent / "versions"


def _output(path: str, code: str) -> list[str] | None:
    """The lines that *code* prints when *path* runs it; None if it does not run."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines() if done.returncode == 0 else None


def text(version: tuple[int, int]) -> str:
    """*version* in dotted notation."""
    return ".".join(map(str, version))

"""Install pinned packages into .venv, one program at a time. Standard library only."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from tools import ROOT
from tools.build import interpreters

VENV = ROOT / ".venv"
EVERYTHING = "requirements.txt"

# pip's script for awscli does not find its Python if the path of this folder contains a space.
AWS = '#!/bin/sh\nexec "${0%/*}/python" -m awscli "$@"\n'


def install(requirements: str, stamp: Path) -> None:
    """Bring .venv up to date with a file in tools, creating it if necessary, and touch *stamp*.

    Two at once would delete each other's files, so the second waits and then has nothing to do.
    """
    with (ROOT / "tools" / EVERYTHING).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        everything = VENV / "installed"
        if _is_current(stamp, requirements):
            return
        if not _is_current(everything, EVERYTHING):
            _install(requirements)
        stamp.touch()


def _is_current(stamp: Path, requirements: str) -> bool:
    pinned = ROOT / "tools" / requirements
    python = VENV / "bin" / "python"
    return python.exists() and stamp.exists() and stamp.stat().st_mtime >= pinned.stat().st_mtime


def _install(requirements: str) -> None:
    python = VENV / "bin" / "python"
    if not python.exists():
        found = interpreters.project_python().path
        _run(found, "-m", "venv", "--clear", str(VENV))
    print("Installing the tools into .venv", flush=True)
    # Python compiles a module when it is imported; most modules in these packages never are.
    _run(
        *(str(python), "-m", "pip", "install", "--quiet", "--quiet", "--no-compile"),
        *("--disable-pip-version-check", "--no-deps", "--require-hashes"),
        *("--requirement", str(ROOT / "tools" / requirements)),
    )
    aws = VENV / "bin" / "aws"
    aws.write_text(AWS)
    aws.chmod(0o755)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed with status {done.returncode}.")


def main() -> None:
    """Install a requirements file, and touch the file that marks it as installed."""
    install(sys.argv[1], ROOT / sys.argv[2])

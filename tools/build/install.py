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

# pip's script for awscli does not find its Python if there is a space in the path of this folder.
AWS = '#!/bin/sh\nexec "${0%/*}/python" -m awscli "$@"\n'


def install(requirements: str, stamp: Path) -> None:
    """Bring .venv up to date with a file in tools, make it first if need be, and touch *stamp*.

    Two of these at once would take each other's files away, so the second waits, and then finds
    everything done.
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
    # What is imported gets its bytecode then; most of these packages never is.
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
    """Install a file of requirements, and touch the file that says so."""
    install(sys.argv[1], ROOT / sys.argv[2])

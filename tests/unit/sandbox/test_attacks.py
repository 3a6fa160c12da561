"""The reach of code injected into a decoder, as a user other than root."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.unit.sandbox.break_out import AS_ON_LAMBDA, FILTER, LIMITS_ONLY

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")

CLOSED_BY_LIMITS = {
    "read a file",
    "read /proc",
    "read the environment",
    "read the handler's environment",
    "read the handler's memory file",
    "write a file",
    "connect to the runtime",
    "make a socket",
    "make a pipe",
    "make a file in memory",
    "open more files",
    "use more memory",
    "use more time",
    "run a program",
    "use io_uring",
}

# Other kernel settings decide about these.
UP_TO_THE_SYSTEM = {"use bpf", "handle page faults", "watch performance", "trace the handler"}

OPEN_WITH_LIMITS_ONLY = {
    "fork",
    "signal the handler",
    "signal the worker",
    "limit the handler",
    "read the handler's memory",
    "write the handler's memory",
    "make a folder",
    "delete a file",
    "see a file",
    "share memory",
    "use keys",
}


@cache
def attacked(walls: str) -> dict[str, Any]:
    """Return the outcome of the attacks behind *walls*."""
    # Other users cannot enter the folders that pytest makes.
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.unit.sandbox.break_out", walls, folder],
            cwd=ROOT,
            env={"PYTHONPATH": "lambda:."},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["attempts"].keys() == CLOSED_BY_LIMITS | UP_TO_THE_SYSTEM | OPEN_WITH_LIMITS_ONLY
    return result


def reached(result: dict[str, Any]) -> set[str]:
    return {name for name, outcome in result["attempts"].items() if outcome == "open"}


def test_behind_all_walls_nothing_is_reached() -> None:
    result = attacked(FILTER)
    assert result["walls"] == ["limits", "undumpable", "filter"]
    assert not reached(result)


@pytest.mark.parametrize("walls", [LIMITS_ONLY, AS_ON_LAMBDA])
def test_with_limits_only_no_file_socket_program_or_credential_is_reached(walls: str) -> None:
    result = attacked(walls)
    assert result["walls"] == ["limits"]
    assert not reached(result) & CLOSED_BY_LIMITS


@pytest.mark.parametrize("walls", [FILTER, LIMITS_ONLY, AS_ON_LAMBDA])
def test_every_format_can_be_written_behind_any_walls(walls: str) -> None:
    assert attacked(walls)["rendered"] == ["avif", "gif", "jpeg", "png", "webp"]


def test_attacks_that_the_docs_list_as_open_are_open() -> None:
    assert reached(attacked(LIMITS_ONLY)) - UP_TO_THE_SYSTEM == OPEN_WITH_LIMITS_ONLY

"""Commands end, and what they started ends with them."""

import os
import time
from pathlib import Path

import pytest
from processes import CommandFailed, run

SLEEPER = "sleep 60 & echo $!; wait"


def test_lines_are_told_as_they_come_and_returned() -> None:
    lines: list[str] = []

    output = run("sh", "-c", "echo one; echo two", environment=os.environ, on_line=lines.append)

    assert lines == ["one\n", "two\n"]
    assert output == "one\ntwo\n"


def test_a_failure_says_what_the_command_said() -> None:
    with pytest.raises(CommandFailed, match="wrong") as caught:
        run("sh", "-c", "echo wrong >&2; exit 3", environment=os.environ)

    assert caught.value.status == 3


def test_an_interrupted_command_leaves_no_process_behind() -> None:
    started: list[int] = []

    def interrupt(line: str) -> None:
        started.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("sh", "-c", SLEEPER, environment=os.environ, on_line=interrupt)

    assert _has_ended(started[0])


def _has_ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status")
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if status.exists() and "State:\tZ" in status.read_text():
            return True
        time.sleep(0.05)
    return False

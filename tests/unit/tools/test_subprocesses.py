"""Commands end, and what they started ends with them."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import ROOT, subprocesses
from tools.subprocesses import CommandFailed, run, uninterrupted

SLEEPER = "sleep 60 & echo $!; wait"
PATIENT = """
import time
from tools.subprocesses import interruptible

with interruptible():
    print("waiting", flush=True)
    time.sleep(8)
"""


def test_lines_are_told_as_they_come_and_returned() -> None:
    lines: list[str] = []

    output = run("sh", "-c", "echo one; echo two", environment=os.environ, on_line=lines.append)

    assert lines == ["one\n", "two\n"]
    assert output == "one\ntwo\n"


def test_a_failure_says_what_the_command_said() -> None:
    with pytest.raises(CommandFailed, match="wrong") as caught:
        run("sh", "-c", "echo wrong >&2; exit 3", environment=os.environ)

    assert caught.value.status == 3


def test_a_command_that_is_not_there_is_a_failure_like_others() -> None:
    with pytest.raises(CommandFailed, match="no-such-command") as caught:
        run("no-such-command", "--version", environment=os.environ)

    assert caught.value.status == 127


def test_an_interrupted_command_leaves_no_process_behind() -> None:
    started: list[int] = []

    def interrupt(line: str) -> None:
        started.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("sh", "-c", SLEEPER, environment=os.environ, on_line=interrupt)

    assert _has_ended(started[0])


FINISHER = """
trap 'i=0; while [ $i -lt 5000 ]; do echo ending; i=$((i + 1)); done; touch "$1"; exit 1' INT
echo begun; while :; do sleep 0.05; done
"""


class ClosedTerminal(io.StringIO):
    """Fails as a terminal that was closed."""

    def write(self, _: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("has_terminal", [True, False])
def test_an_interrupted_command_that_may_finish_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_terminal: bool
) -> None:
    saved = tmp_path / "saved"
    if not has_terminal:
        monkeypatch.setattr(sys, "stderr", ClosedTerminal())

    with pytest.raises(KeyboardInterrupt):
        run(
            *("sh", "-c", FINISHER, "sh", str(saved)),
            environment=os.environ,
            on_line=_interrupt,
            may_finish=True,
        )

    assert saved.exists()


def test_a_second_interruption_kills_what_may_finish() -> None:
    started: list[int] = []

    def interrupt(line: str) -> None:
        started.append(int(line))
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            *("sh", "-c", f"trap '' INT; {SLEEPER}"),
            environment=os.environ,
            on_line=interrupt,
            may_finish=True,
        )

    assert _has_ended(started[0])


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_may_not_be_cut_off_comes_to_its_end(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with uninterrupted():
        signal.raise_signal(number)

    assert signal.getsignal(number) == before


def test_ctrl_c_ends_even_what_a_shell_has_ignore_it() -> None:
    with subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", PATIENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as program:
        assert program.stdout
        assert program.stdout.readline() == "waiting\n"

        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=30)

    assert (program.returncode, told) == (1, "\nInterrupted.\n")


def _has_ended(pid: int) -> bool:
    deadline = time.monotonic() + 30
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


def test_a_session_ends_with_all_of_its_groups() -> None:
    fork = "import os, time; os.fork() or os.setpgid(0, 0)"
    # In one write each: both processes have the same pipe.
    script = f"{fork}; os.write(1, b'%d\\n' % os.getpid()); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as leader:
        assert leader.stdout
        pids = {int(leader.stdout.readline()) for _ in range(2)}
        assert leader.pid in pids

        subprocesses.kill_session(leader.pid)

        leader.wait()
    assert not [pid for pid in pids if subprocesses._session(pid)]

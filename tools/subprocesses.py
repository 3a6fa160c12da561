"""Run commands so that no process is left when they end or are interrupted."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

_NOT_RUN = 127  # a shell's status for it

_ROUNDS = 50
_REQUESTS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandFailed(Exception):
    """A command exited with a non-zero status, or could not be run."""

    def __init__(self, command: str, status: int, output: str) -> None:
        super().__init__(f"{command} failed with status {status}:\n{output.strip()}")
        self.command = command
        self.status = status
        self.output = output

    def but_saying(self, output: str) -> "CommandFailed":
        """Return the same failure with a more readable *output*."""
        return CommandFailed(self.command, self.status, output)


def run(
    *command: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    on_line: Callable[[str], object] = lambda _: None,
    given: str = "",
    may_finish: bool = False,
) -> str:
    """Run *command* in *folder* with *given* as its input, and return its output.

    *on_line* gets each line as it arrives. An interruption kills the command with everything that
    it started; if it *may_finish*, it is asked to end first, and killed by the next interruption.
    Raises CommandFailed with its output and its errors.
    """
    lines: list[str] = []
    with (
        tempfile.TemporaryFile("w+") as errors,
        _readable(given) as reading,
        _started(command, environment, folder, (reading, errors)) as process,
    ):
        try:
            for line in process.stdout or ():
                lines.append(line)
                on_line(line)
            status = process.wait()
        except BaseException:
            try:
                if may_finish:
                    _ask_to_end(process)
            finally:
                kill_group(process.pid)
            raise
        if status:
            errors.seek(0)
            raise CommandFailed(" ".join(command), status, "".join(lines) + errors.read())
    return "".join(lines)


def _ask_to_end(process: subprocess.Popen[str]) -> None:
    """Interrupt *process* and wait until it has ended, reading on so that it can print."""
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # of a terminal that is gone
        print("\nEnding what has begun. Interrupt again to kill it.", file=sys.stderr)
    for _ in process.stdout or ():
        pass
    process.wait()


@contextmanager
def _readable(text: str) -> Iterator[IO[str]]:
    """Open an unnamed temporary file with *text*."""
    with tempfile.TemporaryFile("w+") as file:
        file.write(text)
        file.seek(0)
        yield file


def _started(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    streams: tuple[IO[str], IO[str]],
) -> subprocess.Popen[str]:
    reading, errors = streams
    try:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            process_group=0,
        )
    except OSError as error:
        raise CommandFailed(" ".join(command), _NOT_RUN, str(error)) from error


def kill_group(pid: int) -> None:
    """Kill the process *pid*, a group leader, and its whole group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Kill the process *leader*, a session leader, and all groups of its session."""
    for _ in range(_ROUNDS):
        members = [pid for pid in _all_pids() if _session(pid) == leader]
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)  # the next round finds processes started meanwhile


def _session(pid: int) -> int | None:
    """The session of a running process; None for one that has ended, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        state = ""  # it has ended, or the system has no /proc
    with suppress(OSError):
        return None if state == "Z" else os.getsid(pid)
    return None


def _all_pids() -> Iterator[int]:
    if Path("/proc/self").exists():
        names = [entry.name for entry in Path("/proc").iterdir()]
    else:
        listed = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, check=True)
        names = listed.stdout.split()
    yield from (int(name) for name in names if name.isdigit())


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the program as Ctrl-C does."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    # A shell's background jobs ignore Ctrl-C, and their children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore requests to end inside the block, which must be short and not be cut off."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _REQUESTS_TO_END}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

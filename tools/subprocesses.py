"""Run commands so that nothing of them is left when they end or are interrupted."""

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

_NOT_RUN = 127  # the status by which a shell says so

_ROUNDS = 50
_REQUESTS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandFailed(Exception):
    """A command ended with a status that says failure, or could not be run at all."""

    def __init__(self, command: str, status: int, output: str) -> None:
        super().__init__(f"{command} failed with status {status}:\n{output.strip()}")
        self.command = command
        self.status = status
        self.output = output

    def but_saying(self, output: str) -> "CommandFailed":
        """The same failure with an *output* that is easier to read."""
        return CommandFailed(self.command, self.status, output)


def run(
    *command: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    on_line: Callable[[str], object] = lambda _: None,
    given: str = "",
) -> str:
    """Run *command* to its end, in *folder*, with *given* to read, and return what it printed.

    *on_line* gets each line as it comes. If this is interrupted meanwhile, the command is killed
    with everything that it started. Raises CommandFailed with its output and its errors.
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
            kill_group(process.pid)
            raise
        if status:
            errors.seek(0)
            raise CommandFailed(" ".join(command), status, "".join(lines) + errors.read())
    return "".join(lines)


@contextmanager
def _readable(text: str) -> Iterator[IO[str]]:
    """Open a file of *text* that has no name and goes when it is closed."""
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
    """Kill the process *pid*, which leads a group, with all of the group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Kill the process *leader*, which leads a session, with all groups of that session."""
    for _ in range(_ROUNDS):
        members = [pid for pid in _all_pids() if _session(pid) == leader]
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)  # what was being started meanwhile is seen in the next round


def _session(pid: int) -> int | None:
    """The session of a process that runs; None for one that has ended, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        state = ""  # gone, or a system without /proc
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
    """Let a request to end, or the terminal's end, unwind the program as Ctrl-C does."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    # A shell has its background jobs ignore Ctrl-C, and they inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore every request to end meanwhile: what is within is short, and must not be cut off."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _REQUESTS_TO_END}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

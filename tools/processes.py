"""Run commands so that nothing of them is left when they end or are interrupted."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

_NOT_RUN = 127  # the status by which a shell says so

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
) -> str:
    """Run *command* to its end, in *folder*, and return what it printed.

    *on_line* gets each line as it comes. If this is interrupted meanwhile, the command is killed
    with everything that it started. Raises CommandFailed with its output and its errors.
    """
    lines: list[str] = []
    with (
        tempfile.TemporaryFile("w+") as errors,
        _started(command, environment, folder, errors) as process,
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


def _started(
    command: Sequence[str], environment: Mapping[str, str], folder: Path | None, errors: IO[str]
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
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

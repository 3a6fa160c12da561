"""Start the worker, have it fork children, and learn how they end."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pipeline.errors import ConfigurationError
from pipeline.model import Style
from pipeline.sandbox.frames import FORK, Frame, receive, send
from pipeline.sandbox.values import dumped, loaded

# The garbage collector is off in the worker and on in its children, as the documentation of
# gc.freeze recommends: then no child copies what the worker has loaded.
START: Final = (
    "import gc, sys; gc.disable(); sys.path[:] = sys.argv[2:]; "
    "from pipeline.sandbox.worker import main; main(int(sys.argv[1]))"
)
"""The worker's program. It imports from the same places as this process."""

_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1"}  # more arenas would take address space
_INHERITED: Final = ("LD_LIBRARY_PATH",)

_SECONDS_TO_REPLY: Final = 10.0
_SECONDS_TO_END: Final = 1.0


class WorkerLost(Exception):
    """The worker has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended and what it used. A negative *exit_code* is the number of a signal."""

    exit_code: int
    cpu_seconds: float
    memory_bytes: int


@dataclass(slots=True, kw_only=True)
class Child:
    """A process for one upload, and this end of its pipes; only *replies* blocks."""

    source: int
    requests: int
    replies: int
    process: int = 0

    def close_source(self) -> None:
        """Signal the end of the upload."""
        if self.source >= 0:
            os.close(self.source)
            self.source = -1

    def close(self) -> None:
        """Close the pipes."""
        self.close_source()
        os.close(self.requests)
        os.close(self.replies)


class Worker:
    """A process with the engine loaded that forks a child for each upload, one at a time."""

    def __init__(self, style: Style, program: str = START) -> None:
        """Start it without waiting until it has loaded the engine. Raises `WorkerLost`."""
        self.style = style
        self._running: Child | None = None
        self._spare: Child | None = None
        self._is_ending = False  # the child before, whose end is not reported yet
        self._fingerprints: dict[str, str] = {}
        self._problem = ""  # of the style
        self._is_lost = False
        self._control, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", program, str(theirs.fileno()), *sys.path],
                    env=_ENVIRONMENT | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
                send(self._control.fileno(), Frame(kind="style", fields=dumped(style)))
            except (OSError, ValueError) as error:
                self._control.close()
                raise WorkerLost(f"it does not start: {error}") from error

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """What `imaging.engine` returns in the worker, by format."""
        self.await_ready()
        return self._fingerprints

    def await_ready(self) -> None:
        """Wait until it can fork. Raises `WorkerLost`."""
        if self._is_lost or self._process.poll() is not None:
            raise self._lost("it has ended")
        if not self._fingerprints:
            ready = self._message("ready").fields
            self._problem = ready["problem"]
            self._fingerprints = ready["fingerprints"]

    def child(self) -> Child:
        """Return a new child. Raises `WorkerLost`, `ConfigurationError`."""
        self.await_ready()
        if self._problem:
            raise ConfigurationError(self._problem)
        child = self._spare or self._ask_for_child()
        if self._is_ending:
            self._message("ended")
            self._is_ending = False
        child.process = self._message("forked").fields["process"]
        self._spare, self._running = None, child
        return child

    def ended(self) -> Ended:
        """Wait until the child has ended; kill it if it hangs. Raises `WorkerLost`."""
        if not self._has_message(_SECONDS_TO_END):
            self._kill_child()
        ended = loaded(Ended, self._message("ended").fields)
        self._forget_child()
        return ended

    def release(self) -> None:
        """End the child if it is running, and have the next one forked ahead of its upload."""
        if self._running is not None:
            self._kill_child()
            self._forget_child()
            self._is_ending = True
        if self._spare is None:
            with suppress(WorkerLost):  # the next upload will notice
                self._spare = self._ask_for_child()

    def close(self) -> None:
        """End the worker and its child."""
        self._kill_child()
        self._forget_child()
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _ask_for_child(self) -> Child:
        """Ask the worker to fork. It reports the child's process id later."""
        theirs, ours = [], []
        for reads in (False, False, True):
            reading, writing = os.pipe()
            ours.append(reading if reads else writing)
            theirs.append(writing if reads else reading)
        child = Child(source=ours[0], requests=ours[1], replies=ours[2])
        os.set_blocking(child.source, False)
        os.set_blocking(child.requests, False)
        try:
            socket.send_fds(self._control, [FORK], theirs)
        except OSError as error:
            child.close()
            raise self._lost(str(error)) from error
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return child

    def _has_message(self, seconds: float) -> bool:
        return bool(select.select([self._control], [], [], seconds)[0])

    def _message(self, kind: str) -> Frame:
        """Return the worker's next message, which is trusted. Raises `WorkerLost`."""
        if not self._has_message(_SECONDS_TO_REPLY):
            raise self._lost(f"no {kind!r} within {_SECONDS_TO_REPLY} s")
        try:
            frame = receive(self._control.fileno())
        except OSError as error:
            raise self._lost(str(error)) from error
        if frame is None or frame.kind != kind:
            raise self._lost("it has ended" if frame is None else frame.kind)
        return frame

    def _lost(self, why: str) -> WorkerLost:
        self._is_lost = True
        return WorkerLost(f"{why}, exit code {self._process.poll()}")

    def _kill_child(self) -> None:
        if self._running is not None:
            with suppress(ProcessLookupError):
                os.kill(self._running.process, signal.SIGKILL)

    def _forget_child(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

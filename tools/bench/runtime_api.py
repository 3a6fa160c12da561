"""Imitate Lambda: serve its runtime API on 127.0.0.1 and run the function in a fresh process.

The process starts as on Lambda: Python without site packages, `awslambdaric` and the unpacked
package. The paths are from https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

import json
import os
import queue
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tools.bench.loopback import Handler, serving

_PATIENCE_SECONDS = 120
_LOOK_SECONDS = 1
_TIMEOUT_SECONDS = 60
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# What Lambda adds to the function: the runtime interface client.
_RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


class FunctionFailed(Exception):
    """The function did not start, or responded with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Milliseconds of processor time: of the function's own process, and of its children."""

    own: float
    others: float

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(own=self.own - before.own, others=self.others - before.others)


class RuntimeApi:
    """Hands out events and receives responses, one at a time."""

    def __init__(self) -> None:
        self._events: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._responses: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._asked: queue.Queue[None] = queue.Queue()

    def await_question(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until *process* asks for an event. Raises `FunctionFailed`."""
        while process.poll() is None:
            with suppress(queue.Empty):
                self._asked.get(timeout=_LOOK_SECONDS)
                return
        raise FunctionFailed(f"The function has ended, with status {process.returncode}.")

    def invoke(self, event: Mapping[str, Any]) -> bytes:
        """Invoke the function with *event*. Raises `FunctionFailed`."""
        self._events.put(event)
        try:
            kind, body = self._responses.get(timeout=_PATIENCE_SECONDS)
        except queue.Empty:
            raise FunctionFailed("The function does not answer.") from None
        if kind != "response":
            raise FunctionFailed(body.decode())
        return body

    def next_event(self) -> Mapping[str, Any]:
        """Wait for the next event and return it."""
        self._asked.put(None)
        return self._events.get()

    def respond(self, kind: str, body: bytes) -> None:
        """Receive the function's response or error."""
        self._responses.put((kind, body))


class Function:
    """A running process of the function, ready for its first event."""

    def __init__(self, api: RuntimeApi, process: "subprocess.Popen[bytes]") -> None:
        self._api = api
        self._process = process

    def invoke(self, event: Mapping[str, Any]) -> bytes:
        """Invoke it with *event* and wait until it asks for the next. Raises `FunctionFailed`."""
        body = self._api.invoke(event)
        self._api.await_question(self._process)
        return body

    def cpu(self) -> Cpu:
        """Return the processor time it has used so far, its children's included."""
        user, system, *ended = _ticks(self._process.pid)
        running = [sum(_ticks(pid)) for pid in _descendants(self._process.pid)]
        return Cpu(own=_milliseconds(user + system), others=_milliseconds(sum(ended + running)))


@contextmanager
def function(
    task: Path,
    environment: Mapping[str, str],
    *,
    options: Sequence[str] = (),
    errors: IO[str] | int = subprocess.DEVNULL,
) -> Iterator[Function]:
    """Run the function unpacked in *task* for the duration of the block.

    *options* are for Python.

    Raises `FunctionFailed`.
    """
    api = RuntimeApi()
    with serving(_handler(api)) as address:
        process = subprocess.Popen(
            [_python(), "-S", *options, "-m", "awslambdaric", "index.handler"],
            cwd=task,
            env={**_environment(task, address), **environment},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            api.await_question(process)
            yield Function(api, process)
        finally:
            process.kill()
            process.wait()


def _handler(api: RuntimeApi) -> type[Handler]:
    class RuntimeHandler(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            body = json.dumps(api.next_event()).encode()
            deadline = int((time.time() + _TIMEOUT_SECONDS) * 1000)
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
            self.send_header(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:eu-west-1:123456789012:function:processor",
            )
            self.send_header("Content-Type", "application/json")
            self._finish(body)

        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            api.respond(self.path.rpartition("/")[2], self.body())
            self.send_response(202)
            self._finish(b"")

        def _finish(self, body: bytes) -> None:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the function was ended while it waited
                self.wfile.write(body)

    return RuntimeHandler


def _environment(task: Path, address: str) -> dict[str, str]:
    return {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "processor",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LAMBDA_TASK_ROOT": str(task),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{task}:{_runtime(task.parent / 'runtime')}",
        "TZ": ":UTC",
    }


def _runtime(folder: Path) -> Path:
    """Return *folder* containing the runtime interface client and no other installed package."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _RUNTIME:
        for path in Path(sysconfig.get_path("platlib")).glob(f"{name}*"):
            if path.suffix != ".dist-info" and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


def _python() -> str:
    """Return the Python that the virtual environment is based on: it has no site packages."""
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


def _ticks(pid: int) -> list[int]:
    """Return user and system time of *pid*, and of its children that have ended."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(field) for field in stat[11:15]]


def _descendants(pid: int) -> Iterator[int]:
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            yield child
            yield from _descendants(child)


def _milliseconds(ticks: int) -> float:
    return ticks * 1000 / _TICKS_PER_SECOND

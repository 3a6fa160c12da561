"""The process that children are forked from, with the engine loaded and warmed up.

`launch` starts it and controls it over a socket.
"""

import ctypes
import gc
import os
import socket
import sys
from typing import Final

from pipeline import imaging
from pipeline.errors import ConfigurationError
from pipeline.model import Format, Style
from pipeline.sandbox import child
from pipeline.sandbox.child import Pipes
from pipeline.sandbox.frames import FORK, Frame, receive, send
from pipeline.sandbox.values import loaded

# From malloc.h; on 64-bit systems glibc takes no larger threshold than this.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD: Final = 32 << 20
_NEVER: Final = (1 << 31) - 1


def main(control: int) -> None:
    """Prepare for the style that is sent first, then fork a child for each upload, one at a time.

    Ends when the other end of *control* closes. Errors are sent there, as the worker has no other
    output.
    """
    try:
        _work(control)
    except Exception as error:  # the only way to report an error to the handler
        send(control, Frame(kind=f"{type(error).__name__}: {error}"))
        raise


def _work(control: int) -> None:
    request = receive(control)
    if request is None:
        return
    style = loaded(Style, request.fields)
    _keep_memory()
    problem = _prepare(style)
    gc.freeze()
    fingerprints = {format_: imaging.engine(format_) for format_ in Format}
    send(control, Frame(kind="ready", fields={"fingerprints": fingerprints, "problem": problem}))
    with socket.socket(fileno=control) as line:
        while pipes := _next(line):
            send(control, _ended(_fork(pipes, line)))


def _keep_memory() -> None:
    """Let the C library reuse children's buffers instead of returning them to the kernel."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def _prepare(style: Style) -> str:
    """Load all that rendering may need, as children open no files; return what is wrong."""
    try:
        imaging.warm_up(style)
    except ConfigurationError as error:
        return str(error)
    return ""


def _next(line: socket.socket) -> Pipes | None:
    """Wait for the pipes of the next child; return None when the handler has closed the socket."""
    message, descriptors, _, _ = socket.recv_fds(line, len(FORK), 3)
    if message != FORK or len(descriptors) != 3:
        return None
    source, requests, replies = descriptors
    return Pipes(source=source, requests=requests, replies=replies)


def _fork(pipes: Pipes, line: socket.socket) -> int:
    process = os.fork()
    if process == 0:
        line.close()
        child.run(pipes)
    for descriptor in (pipes.source, pipes.requests, pipes.replies):
        os.close(descriptor)
    send(line.fileno(), Frame(kind="forked", fields={"process": process}))
    return process


def _ended(process: int) -> Frame:
    """Wait until the child *process* has ended, and return how, and what it used."""
    _, status, usage = os.wait4(process, 0)
    fields = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "memory_bytes": usage.ru_maxrss * 1024,
    }
    return Frame(kind="ended", fields=fields)

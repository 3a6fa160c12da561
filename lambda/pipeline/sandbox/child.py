"""Decode and render one upload in a process that ends with it."""

import ctypes
import gc
import io
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from pipeline import imaging
from pipeline.download import Download
from pipeline.errors import ConfigurationError, Rejected, TransientFailure
from pipeline.imaging.memory import header_seconds, rendering_seconds
from pipeline.model import Format, Limits, Style, Variant
from pipeline.sandbox import walls
from pipeline.sandbox.frames import Frame, receive, send
from pipeline.sandbox.values import dumped, loaded
from pipeline.timing import measured

OUT_OF_MEMORY: Final = 70
"""The exit status of a child that runs out of memory."""

_LEAST_BYTES: Final = 64 << 20
_USUAL_BYTES: Final = 24 << 20
_HUGE_PAGE: Final = 2 << 20
_MADV_HUGEPAGE: Final = 14  # from asm-generic/mman-common.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipes:
    """The pipes between a child and the handler: the source's bytes, requests, and replies."""

    source: int
    requests: int
    replies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One upload of *length* bytes, with the limits of the memory and CPU time that it may use."""

    length: int
    limits: Limits
    memory_bytes: int
    cpu_seconds: int


def run(pipes: Pipes) -> NoReturn:
    """Prepare, wait for one upload, serve it, and end the process."""
    status = 1
    try:
        gc.enable()
        _touch_heap()
        reserved, resident = _memory()
        walls.forbid_files()
        up = [walls.LIMITS, *walls.seal()]
        # Rendering then changes memory that is this process's own already.
        imaging.rehearse(Format.JPEG)
        if request := receive(pipes.requests):
            job = loaded(Job, request.fields)
            walls.limit(
                address_space=reserved + max(job.memory_bytes - resident, _LEAST_BYTES),
                cpu_seconds=min(header_seconds(), job.cpu_seconds),
                most_cpu_seconds=job.cpu_seconds + 1,
            )
            send(pipes.replies, Frame(kind="walls", fields={"up": up}))
            _serve(pipes, job)
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except OSError:
        pass  # the handler has closed the pipes
    finally:
        os._exit(status)


def _touch_heap() -> None:
    """Fault in the memory that most images need, before an upload waits for it.

    In huge pages, where the system has them, this takes a third of the time.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        heap = libc.malloc(ctypes.c_size_t(_USUAL_BYTES))
        if heap is None:
            raise MemoryError
        start = -(-heap // _HUGE_PAGE) * _HUGE_PAGE
        length = heap + _USUAL_BYTES - start
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_HUGEPAGE)
        libc.free(ctypes.c_void_p(heap))
    touched = bytearray(b"x") * _USUAL_BYTES
    del touched


def _memory() -> tuple[int, int]:
    """Return the bytes that this process has reserved, and those that it uses.

    Both are 0 where there is no /proc.
    """
    with suppress(OSError):
        words = Path("/proc/self/statm").read_bytes().split()
        reserved, resident = (int(word) * resource.getpagesize() for word in words[:2])
        return reserved, resident
    return 0, 0


def _serve(pipes: Pipes, job: Job) -> None:
    try:
        _render(pipes, job)
    except Rejected as error:
        fields = {"reason": error.reason, "message": str(error), "details": error.details}
        send(pipes.replies, Frame(kind="rejected", fields=fields))
    except MemoryError:
        raise
    except (ConfigurationError, TransientFailure) as error:
        fields = {"message": str(error)}
        send(pipes.replies, Frame(kind=_KINDS[type(error)], fields=fields))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the handler raises it
        fields = {"message": f"{type(error).__name__}: {error}"}
        send(pipes.replies, Frame(kind="failed", fields=fields))


_KINDS: Final = {ConfigurationError: "misconfigured", TransientFailure: "failed"}


def _render(pipes: Pipes, job: Job) -> None:
    arriving = Download(
        read=lambda size: os.read(pipes.source, size),
        close=lambda: os.close(pipes.source),
        length=job.length,
    )
    file = io.BufferedReader(arriving)
    with file, imaging.open_image(file, job.limits) as source:
        send(pipes.replies, Frame(kind="opened", fields=dumped(source.picture)))
        request = receive(pipes.requests)
        if request is None:
            return
        variants = [loaded(Variant, each) for each in request.fields["variants"]]
        style = loaded(Style, request.fields["style"])
        walls.limit_cpu(rendering_seconds(source.picture, variants))
        with measured() as milliseconds:
            rendering = imaging.render(source, variants, style)
            send(pipes.replies, Frame(kind="rendering", fields=dumped(rendering.info)))
            for rendition in rendering:
                fields = {
                    "variant": rendition.variant,
                    "format": rendition.format,
                    "size": dumped(rendition.size),
                    "warnings": dict(rendition.warnings),
                }
                send(pipes.replies, Frame(kind="rendition", fields=fields, body=rendition.body))
        send(pipes.replies, Frame(kind="done", fields={"milliseconds": milliseconds}))

"""Open and render sources in a child of the worker."""

import io
import os
import resource
import select
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Final, Protocol

from pipeline import timing
from pipeline.errors import ConfigurationError, CorruptImage, ImageTooLarge, TransientFailure
from pipeline.model import ImageInfo, Limits, Rendering, Rendition, Style, Variant
from pipeline.sandbox import checks
from pipeline.sandbox.frames import Frame, Frames, ProtocolError
from pipeline.sandbox.in_process import OUT_OF_TIME
from pipeline.sandbox.launch import Child, Ended, Worker, WorkerLost
from pipeline.sandbox.values import dumped

_BLOCK: Final = 128 << 10
_PIECE: Final = 1 << 20
_MOST_CPU_SECONDS: Final = 900  # the longest that a function may run
_OUT_OF_MEMORY: Final = 70  # the exit status of `child`
_MUCH: Final = 0.5
_NEARLY_ALL: Final = 0.8


class _EndedEarly(Exception):
    """A child has ended before it was done."""


class _Crashed(_EndedEarly):
    """A child has crashed, perhaps because of the file."""


class _Lost(_EndedEarly):
    """The file is not the cause: a child was killed, had not begun to read, or lost its worker."""


class Report(Protocol):
    """Receives the events of the sandbox that operators should see."""

    def __call__(self, event: str, facts: Mapping[str, object]) -> None: ...


class Exchange:
    """The exchange with a child about one source and, if that ends early, with a second one.

    A child that violates the protocol is under the file's control, so this is `CorruptImage`, too.
    """

    def __init__(
        self,
        workers: Callable[[], Worker | None],
        file: BinaryIO,
        limits: Limits,
        *,
        deadline: float | None,
        reopen: Callable[[], BinaryIO] | None,
        report: Report,
    ) -> None:
        self.walls: tuple[str, ...] = ()
        self._workers = workers
        self._report = report
        self._file = file
        self._reopen = reopen
        self._limits = limits
        self._deadline = deadline
        self._length = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._memory_bytes = max(0, limits.memory_bytes - _resident_bytes() - self._length)
        self._ends: list[_EndedEarly] = []
        self._worker: Worker | None = None
        self._info: ImageInfo | None = None

    @property
    def info(self) -> ImageInfo:
        """What the header says."""
        if self._info is None:
            raise RuntimeError("the source is not open")
        return self._info

    def open(self) -> None:
        """Have a child read the header.

        Raises `Rejected`, `TransientFailure` or `ConfigurationError`.
        """
        while self._info is None:
            try:
                self._begin()
                self.walls = _texts(self._receive("walls").fields.get("up"))
                opened = self._receive("opened")
            except _EndedEarly as end:
                self._start_over(end)
            else:
                self._info = self._checked_info(opened)

    def render(self, variants: Sequence[Variant], style: Style) -> Rendering:
        """Render *variants* in the style that the worker was started with.

        Raises `Rejected`, `TransientFailure` or `ConfigurationError`, also during iteration.
        """
        if style != self._running().style:
            raise ValueError("the worker was started with another style")
        replies = self._replies(variants, style)
        info = self._checked_info(next(replies))
        return Rendering(info=info, renditions=_renditions(replies, variants, info))

    def _running(self) -> Worker:
        if self._worker is None:
            raise RuntimeError("the source is not open")
        return self._worker

    def close(self) -> None:
        """End the child, and close the file if it was reopened."""
        self._end_child()
        if self._ends and self._reopen is not None:
            self._file.close()

    def _end_child(self) -> None:
        if self._worker is not None:
            self._worker.release()

    def _begin(self) -> None:
        """Give the job to a new child."""
        self._worker = self._workers()
        if self._worker is None:
            raise TransientFailure("the sandbox was lost and does not start again")
        try:
            self._child: Child = self._worker.child()
        except WorkerLost as error:
            raise _Lost(f"the worker was lost: {error}") from error
        self.walls = ()
        self._frames = Frames()
        self._block = memoryview(b"")
        self._requests = memoryview(b"")
        memory_bytes = max(0, self._limits.memory_bytes - self._length)
        fields = {
            "length": self._length,
            # This process holds the file as well.
            "limits": dumped(replace(self._limits, memory_bytes=memory_bytes)),
            "memory_bytes": self._memory_bytes,
            "cpu_seconds": _MOST_CPU_SECONDS,
        }
        self._ask(Frame(kind="job", fields=fields))

    def _replies(self, variants: Sequence[Variant], style: Style) -> Iterator[Frame]:
        """Yield the frame about the image, then one for each of *variants*.

        If the first child ends early, the second starts over; what was yielded is not repeated.
        """
        fields = {"variants": [dumped(variant) for variant in variants], "style": dumped(style)}
        room = max((checks.most_bytes(variant, self.info) for variant in variants), default=0)
        kinds = ["rendering", *["rendition"] * len(variants)]
        yielded = 0
        while True:
            try:
                self._ask(Frame(kind="render", fields=fields))
                for number, kind in enumerate(kinds):
                    frame = self._receive(kind, most_body_bytes=room)
                    if number == yielded:
                        yielded += 1
                        yield frame
                self._add_times(self._receive("done"))
            except _EndedEarly as end:
                self._start_over(end)
                self._info = None
                self.open()
            else:
                return

    def _start_over(self, end: _EndedEarly) -> None:
        """Prepare a second attempt after a first *end*; after a second, raise what it means."""
        self._ends.append(end)
        self._report("child crashed", {"detail": str(end)})
        if len(self._ends) > 1:
            if any(isinstance(each, _Lost) for each in self._ends):
                raise TransientFailure(f"decoding was interrupted twice: {end}") from end
            raise CorruptImage(f"decoding crashed twice: {end}", details=self._known()) from end
        self._end_child()
        if self._reopen is None:
            self._file.seek(0)
        else:
            self._file.close()
            self._file = self._reopen()

    def _checked_info(self, frame: Frame) -> ImageInfo:
        try:
            return checks.image_info(frame, self._limits)
        except ProtocolError as error:
            raise _protocol_error(error, self._known()) from error

    def _receive(self, kind: str, *, most_body_bytes: int = 0) -> Frame:
        """Return the next frame, which must be of that *kind*; raise the error in any other.

        Meanwhile, send the source to the child as it arrives.
        """
        self._frames.most_body_bytes = most_body_bytes
        try:
            while (frame := self._frames.next()) is None:
                self._frames.feed(self._read())
            if frame.kind != kind:
                raise _reported_error(frame)
        except ProtocolError as error:
            raise _protocol_error(error, self._known()) from error
        return frame

    def _read(self) -> bytes:
        """Return a piece of the child's replies, and write what it waits for until there is one."""
        while True:
            writing = [self._child.requests] if self._requests else []
            if self._child.source >= 0:
                writing.append(self._child.source)
            timeout = None if self._deadline is None else max(0.0, self._deadline - monotonic())
            readable, writable, _ = select.select([self._child.replies], writing, [], timeout)
            if readable:
                if piece := os.read(self._child.replies, _PIECE):
                    return piece
                raise self._early_end()
            if self._child.requests in writable:
                with suppress(BrokenPipeError):  # reading finds that the child has ended
                    self._requests = _write(self._child.requests, self._requests)
            elif writable:
                self._send_source()
            else:
                raise TransientFailure(OUT_OF_TIME)

    def _send_source(self) -> None:
        if not self._block:
            self._block = memoryview(self._file.read(_BLOCK))
        if not self._block:
            self._child.close_source()
            return
        try:
            self._block = _write(self._child.source, self._block)
        except BrokenPipeError:  # the child needs no more
            self._child.close_source()

    def _ask(self, frame: Frame) -> None:
        header, _ = frame.packed()
        self._requests = memoryview(bytes(self._requests) + header)

    def _early_end(self) -> Exception:
        """Return what to raise for a child that has ended before it was done."""
        try:
            ended = self._running().ended()
        except WorkerLost as error:
            return _Lost(f"the worker was lost: {error}")
        used = f"ended after {ended.cpu_seconds} s of CPU, with {ended.memory_bytes >> 20} MB"
        if not self.walls:
            # Its worker, from which it has everything, may be at fault: the next one gets another.
            self._running().close()
            return _Lost(f"exit code {ended.exit_code} before the walls were up, {used}")
        details = self._known() | {
            "cpu_seconds": ended.cpu_seconds,
            "memory_used": ended.memory_bytes,
        }
        if ended.exit_code == -signal.SIGXCPU:
            return ImageTooLarge(f"decoding takes too long: {used}", details=details)
        if self._ran_out_of_memory(ended):
            return ImageTooLarge(f"decoding takes too much memory: {used}", details=details)
        kind = _Lost if ended.exit_code == -signal.SIGKILL else _Crashed
        return kind(f"exit code {ended.exit_code}, {used}")

    def _ran_out_of_memory(self, ended: Ended) -> bool:
        if ended.exit_code == _OUT_OF_MEMORY:
            return True
        # The kernel kills a process that takes the machine's last memory, which others share.
        # Nearer to the limit, C++ libraries abort.
        killed = ended.exit_code == -signal.SIGKILL
        return ended.memory_bytes > (_MUCH if killed else _NEARLY_ALL) * self._memory_bytes

    def _known(self) -> dict[str, object]:
        return self._info.details() if self._info else {"bytes": self._length}

    def _add_times(self, frame: Frame) -> None:
        times = frame.fields.get("milliseconds")
        if isinstance(times, dict) and all(isinstance(took, float) for took in times.values()):
            timing.add({str(name)[:20]: took for name, took in list(times.items())[:20]})


def _renditions(
    replies: Iterator[Frame], variants: Sequence[Variant], info: ImageInfo
) -> Iterator[Rendition]:
    # With *replies* first, zip advances it once more at the end, which receives "done".
    for frame, variant in zip(replies, variants, strict=True):
        try:
            yield checks.rendition(frame, variant, info)
        except ProtocolError as error:
            raise _protocol_error(error, info.details()) from error


def _protocol_error(error: ProtocolError, known: dict[str, object]) -> CorruptImage:
    return CorruptImage(f"the decoder sent {error}", details=known)


def _reported_error(frame: Frame) -> Exception:
    """Return the error that *frame* reports instead of the expected frame."""
    message = str(frame.fields.get("message"))[:1000]
    match frame.kind:
        case "rejected":
            return checks.rejected(frame)
        case "misconfigured":
            return ConfigurationError(message)
        case "failed":
            return TransientFailure(f"rendering has failed: {message}")
        case other:
            raise ProtocolError(f"an unexpected message {other[:20]!r}")


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each)[:20] for each in value[:5]) if isinstance(value, list) else ()


def _write(pipe: int, data: memoryview) -> memoryview:
    """Write as much of *data* as *pipe* takes, and return the rest."""
    with suppress(BlockingIOError):
        return data[os.write(pipe, data) :]
    return data


def _resident_bytes() -> int:
    """Return the resident size of this process, or 0 where there is no /proc."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * resource.getpagesize()
    return 0

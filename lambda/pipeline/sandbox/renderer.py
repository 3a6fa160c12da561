"""The function's renderer: the sandbox or, if it does not start, this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from pipeline.errors import TransientFailure
from pipeline.model import Format, Limits, Style
from pipeline.sandbox.client import Exchange, Report
from pipeline.sandbox.in_process import InProcess, OpenedInProcess
from pipeline.sandbox.launch import START, Worker, WorkerLost

_MOST_STARTS_IN_A_ROW: Final = 2


class Sandbox:
    """Opens sources in a child of a worker or, if no worker starts, in this process.

    The worker starts in the background. If it is *required*, its absence is a `TransientFailure`
    instead. Only one source can be open at a time.
    """

    def __init__(
        self, style: Style, *, required: bool, report: Report, program: str = START
    ) -> None:
        self._program = program
        self._style = style
        self._required = required
        self._report = report
        self._starts_in_a_row = 0
        self._walls: tuple[str, ...] = ()
        self._worker: Worker | None = None
        self._start()

    def fingerprint(self, source_format: Format) -> str:
        """Return the identity of the engine for *source_format*; see `imaging.engine`.

        Raises `TransientFailure` if there is no worker and one is required.
        """
        if worker := self._working():
            return worker.fingerprints[source_format]
        return self._in_process().fingerprint(source_format)

    @contextmanager
    def open(
        self,
        file: BinaryIO,
        limits: Limits,
        *,
        deadline: float | None = None,
        reopen: Callable[[], BinaryIO] | None = None,
    ) -> Iterator[Exchange | OpenedInProcess]:
        """Open *file*, which may still be downloading, and check its header; see `Renderer.open`.

        Raises `TransientFailure` too if there is no worker and one is required, and
        `ConfigurationError` if the style cannot be drawn.
        """
        if self._working() is None:
            with self._in_process().open(file, limits, deadline=deadline) as opened:
                yield opened
            return
        exchange = Exchange(
            self._working,
            file,
            limits,
            deadline=deadline,
            reopen=reopen,
            report=self._report,
        )
        try:
            exchange.open()
            self._report_walls(exchange.walls)
            yield exchange
        finally:
            exchange.close()

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _working(self) -> Worker | None:
        """Return the worker, restarted if it was lost, or None if it does not start."""
        while self._worker is not None or self._starts_in_a_row < _MOST_STARTS_IN_A_ROW:
            if self._worker is None:
                self._start()
                continue
            try:
                self._worker.await_ready()
            except WorkerLost as error:
                self.close()
                self._report("worker lost", {"detail": str(error)})
            else:
                self._starts_in_a_row = 0
                return self._worker
        return None

    def _start(self) -> None:
        self._starts_in_a_row += 1
        try:
            self._worker = Worker(self._style, self._program)
        except WorkerLost as error:
            self._report("worker lost", {"detail": str(error)})

    def _in_process(self) -> InProcess:
        if self._required:
            raise TransientFailure("the sandbox does not start, and it is required")
        self._report("rendered in process", {})
        return InProcess()

    def _report_walls(self, walls: tuple[str, ...]) -> None:
        if walls != self._walls:
            self._walls = walls
            self._report("walls", {"walls": walls})

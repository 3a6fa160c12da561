"""Invocations that advance one call of AWS at a time, and may break down at any."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import Any, Final

from pipeline import events
from pipeline.backfill import backfill
from pipeline.completion import complete
from pipeline.errors import Rejected, Superseded, TransientFailure
from pipeline.model import Outcome, Removal, Source, Status
from pipeline.process import inspect, process, record, reject, remove, render
from pipeline.records import Record
from pipeline.settings import Settings
from pipeline.storage import Storage
from pipeline.table import Table

from tests.aws import state_machine
from tests.aws.state_machine import TaskFailed
from tests.factories import announced, environment, picture, variants

REFUSED: Final = picture(6, 4, color=(0, 200, 0), kind="PNG")
"""What the review does not allow, where there is one."""

REFUSED_ETAG: Final = hashlib.md5(REFUSED).hexdigest()  # noqa: S324 - S3's choice

SETTINGS: Final = Settings.from_environment(
    environment(
        VARIANTS=variants(same={"width": 3}, web={"width": 2, "format": "webp"}),
        KEY_TEMPLATE="{directory}{stem}{extension}",
    )
)

MACHINE: Final = state_machine.definition(reviewed=True)


class Fate(Enum):
    """How a call goes."""

    DONE = auto()
    FAILED = auto()
    DONE_BUT_FAILED = auto()
    KILLED = auto()


class Killed(BaseException):
    """The process of a handler ends here."""


class Handler:
    """One invocation for one event, in a thread that stops before every call of AWS."""

    def __init__(self, request: Source | Removal, storage: Storage, table: Table) -> None:
        self.request = request
        self.ending: Outcome | BaseException | None = None
        self._storage = storage
        self._table = table
        self._fate = Fate.DONE
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()
        self._stopped.acquire()

    def step(self, fate: Fate) -> None:
        """Let the next call happen so, and everything up to the one after."""
        self._fate = fate
        self._go.release()
        self._stopped.acquire()

    def answer(self) -> Outcome:
        """Do all that there is to be done."""
        work: Callable[..., Outcome] = remove if isinstance(self.request, Removal) else process
        return self._do(work, self.request)

    def put_record(self, record: Record) -> bool:
        written: bool = self._in_steps(self._table.put)(record)
        return written

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # What is done takes this for its storage.
        return self._in_steps(getattr(self._storage, name))

    def _in_steps(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            self._stopped.release()
            self._go.acquire()
            if self._fate is Fate.KILLED:
                raise Killed
            if self._fate is Fate.FAILED:
                raise TransientFailure("injected before the call")
            result = method(*args, **kwargs)
            if self._fate is Fate.DONE_BUT_FAILED:
                raise TransientFailure("injected after the call")
            return result

        return stepped

    def _run(self) -> None:
        try:
            self.ending = self.answer()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.ending = error
        self._stopped.release()

    def _do(self, work: Callable[..., Outcome], request: Source | Removal) -> Outcome:
        return work(request, SETTINGS, self, stage=lambda _: nullcontext(), complete=self._complete)

    def _complete(self, outcome: Outcome) -> None:
        complete(outcome, Recorder(self), None, started_at=datetime.now(UTC))


class Backfiller(Handler):
    """One object of a backfill."""

    reviewed_only = False

    def answer(self) -> Outcome:
        work = partial(backfill, reviewed_only=self.reviewed_only)
        return self._do(work, self.request)


class ReviewedBackfiller(Backfiller):
    """The same where a review has to allow what is published."""

    reviewed_only = True


class WorkflowHandler(Handler):
    """One execution of the workflow for one event; a task that breaks down is tried once more."""

    def answer(self) -> Outcome:
        """Go through the state machine, and return or raise how it ended."""
        self._ending: Outcome | Exception | None = None
        with suppress(TaskFailed):
            state_machine.run(
                MACHINE, announced(self.request), invoke=self._invoke, send=self._send
            )
        assert self._ending, "neither done nor reported"
        if isinstance(self._ending, Exception):
            raise self._ending
        return self._ending

    def _send(self, _: Mapping[str, Any]) -> None:
        self._ending = TransientFailure("reported on the failure queue")

    def _invoke(self, task: Mapping[str, Any]) -> Any:
        if task["FunctionName"] == "review":
            is_refused = task["Payload"]["source"]["etag"] == REFUSED_ETAG
            return {"allow": not is_refused, "reason": "it is green"}
        try:
            return events.answer(self._take(task["Payload"]))
        except TransientFailure as failure:
            raise TaskFailed("TransientFailure", str(failure)) from None
        except Killed:
            raise TaskFailed("Lambda.Unknown", "killed") from None

    def _take(self, event: Mapping[str, Any]) -> Outcome:
        """Take one step; remember how it ended if nothing follows it."""
        try:
            outcome = self._work(event)
        except Superseded as newer:
            if event["step"] != "render":
                self._ending = newer
            return Outcome(status=Status.SUPERSEDED)
        except Rejected as rejection:
            return Outcome(status=Status.REJECTED, rejection=rejection)
        if event["step"] != "render" and outcome.status not in (Status.INSPECTED, Status.REJECTED):
            self._ending = outcome
        return outcome

    def _work(self, event: Mapping[str, Any]) -> Outcome:
        if event["step"] == "inspect":
            return self._do(inspect, events.announced(event))
        source = events.source(event)
        assert source
        if event["step"] == "render":
            return self._do(partial(render, name=event["variant"]), source)
        if event["step"] == "record":
            return self._do(partial(record, ahead=events.ahead(event)), source)
        assert event["step"] == "reject"
        rejection = events.rejected(event)
        reject(source, rejection, self, complete=self._complete)
        assert self._ending is None, "rejected after it has ended"
        self._ending = rejection
        return Outcome(status=Status.REJECTED, source=source, rejection=rejection)


@dataclass
class Recorder:
    """The table of records, as a handler sees it."""

    handler: Handler

    def put(self, record: Record) -> bool:
        return self.handler.put_record(record)

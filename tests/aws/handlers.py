"""Invocations that advance one AWS call at a time, and may crash at any of them."""

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import partial
from itertools import count
from typing import Any, Final, cast

from pipeline import events
from pipeline.aws.storage import Storage
from pipeline.aws.table import Table
from pipeline.errors import TransientFailure
from pipeline.model import Outcome, Request
from pipeline.processed.reconcile import VERSIONING_SETTLES, Pipeline, inspect, reconcile
from pipeline.recipe import Recipes
from pipeline.sandbox import InProcess
from pipeline.settings import Settings

from tests.aws import state_machine
from tests.aws.state_machine import TaskFailed
from tests.factories import environment, eventbridge_event, picture, variants

REFUSED: Final = [picture(6, 4, color=(0, green, 0), kind="PNG") for green in (200, 100)]
"""The files that the review refuses."""

REFUSED_ETAGS: Final = [hashlib.md5(body).hexdigest() for body in REFUSED]  # noqa: S324 - S3's choice

FOREVER: Final = float("inf")

_STARTED: Final = datetime.now(UTC)
_TICKS: Final = count()


def tick() -> datetime:
    """Return a time that nothing before had: a history goes the same way however fast it runs.

    The table tells records apart by the millisecond.
    """
    return _STARTED + timedelta(milliseconds=next(_TICKS))


class Fate(Enum):
    """How a call goes."""

    DONE = auto()
    FAILED = auto()
    DONE_BUT_FAILED = auto()
    KILLED = auto()


class Killed(BaseException):
    """The handler's process is killed."""


def settings(**changes: str) -> Settings:
    """Return settings with two variants: one's key depends on the content, the other's is fixed."""
    fields = {
        "VARIANTS": variants(same={"width": 3}, web={"width": 2, "format": "webp"}),
        "KEY_TEMPLATE": "{directory}{stem}{extension}",
        "REMOVE_DELETED": "true",
    }
    return Settings.from_environment(environment(**{**fields, **changes}))


SETTINGS: Final = settings()
REVIEWED_SETTINGS: Final = settings(MUST_BE_REVIEWED="true")
REVIEWED_RECIPES: Final = Recipes(REVIEWED_SETTINGS, InProcess().fingerprint)
VERSIONED_SETTINGS: Final = settings(
    KEY_TEMPLATE="{directory}{stem}-{variant}-{version}{extension}", MANIFEST="{}"
)
MACHINE: Final = state_machine.definition(reviewed=True)


class Handler:
    """One invocation for one request, in a thread that stops before every AWS call.

    Concurrent calls are made at once or, if *reads_late*, when their results are needed: the two
    extremes of possible timing.
    """

    settings = SETTINGS
    recipes = Recipes(SETTINGS, InProcess().fingerprint)

    def __init__(
        self, request: Request, storage: Storage, table: Table, *, reads_late: bool = False
    ) -> None:
        self.request = request
        self.ending: Outcome | BaseException | None = None
        self.reads: set[Callable[..., Any]] = set()
        self._fate = Fate.DONE
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._pipeline = Pipeline(
            settings=self.settings,
            recipes=self.recipes,
            storage=cast(Storage, _Stepped(storage, self)),
            renderer=InProcess(),
            executor=_SameThread(self.reads if reads_late else ()),
            table=cast(Table, _Stepped(table, self)),
            completion_bus=None,
            # Past the window in which S3 may not show a new object: moto reports no delete marker.
            now=lambda: tick() + 2 * VERSIONING_SETTLES,
        )
        threading.Thread(target=self._run, daemon=True).start()
        self._stopped.acquire()

    def step(self, fate: Fate) -> None:
        """Make the next call with this fate, and run up to the call after it."""
        self._fate = fate
        self._go.release()
        self._stopped.acquire()

    def work(self) -> Outcome:
        """Run the handler; a subclass runs it several times."""
        return reconcile(self.request, self._pipeline, deadline=FOREVER)

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Wait for `step`, then make the call with its fate."""
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

    def _run(self) -> None:
        try:
            self.ending = self.work()
        except BaseException as error:  # noqa: BLE001 - the test checks it
            self.ending = error
        self._stopped.release()


class WorkflowHandler(Handler):
    """One execution of the workflow for one event; a task that fails is retried once."""

    settings = REVIEWED_SETTINGS
    recipes = REVIEWED_RECIPES

    def work(self) -> Outcome:
        """Run the state machine, and return its outcome."""
        self._last: Outcome | None = None
        self._has_reported = False
        event = eventbridge_event(self.request)
        with suppress(TaskFailed):
            state_machine.run(MACHINE, event, invoke=self._invoke, send=self._send)
        if self._has_reported:
            raise TransientFailure("reported on the failure queue")
        assert self._last, "neither done nor reported"
        return self._last

    def _send(self, _: Mapping[str, Any]) -> None:
        self._has_reported = True

    def _invoke(self, task: Mapping[str, Any]) -> Any:
        if task["FunctionName"] == "review":
            is_refused = task["Payload"]["source"]["etag"] in REFUSED_ETAGS
            return {"allow": not is_refused, "reason": "it is green"}
        step = {"inspect": inspect, "publish": reconcile}[task["Payload"]["step"]]
        request = events.from_step(task["Payload"])
        assert isinstance(request, Request)
        try:
            self._last = step(request, self._pipeline, deadline=FOREVER)
        except TransientFailure as failure:
            raise TaskFailed("TransientFailure", str(failure)) from None
        except Killed:
            raise TaskFailed("Lambda.Unknown", "killed") from None
        return json.loads(json.dumps(events.step_response(self._last), default=str))


class UnreviewedHandler(Handler):
    """A redrive or a backfill of a pipeline with a review."""

    settings = REVIEWED_SETTINGS
    recipes = REVIEWED_RECIPES


class VersionedHandler(Handler):
    """One invocation of a pipeline with versioned keys and a manifest."""

    settings = VERSIONED_SETTINGS
    recipes = Recipes(VERSIONED_SETTINGS, InProcess().fingerprint)


class _Stepped:
    """A proxy that makes every call of its object's methods a step of the handler."""

    def __init__(self, target: object, handler: Handler) -> None:
        self._target = target
        self._handler = handler

    def __getattr__(self, name: str) -> Callable[..., Any]:
        stepped = partial(self._handler.call, getattr(self._target, name))
        self._handler.reads |= {stepped} if name in ("head", "get", "get_manifest") else set()
        return stepped


class _SameThread(Executor):
    """An executor that makes calls in the submitting thread or, if *late*, in the waiting one."""

    def __init__(self, late: Collection[Callable[..., Any]]) -> None:
        self._late = late

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        call = _Call(partial(fn, *args, **kwargs))
        if fn not in self._late:
            call.make()
        return call


class _Call(Future[Any]):
    """A call that is made at the latest when its result is needed."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__()
        self._call = call

    def make(self) -> None:
        try:
            self.set_result(self._call())
        except Exception as error:  # noqa: BLE001 - raised by `result`
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            self.make()
        return super().result(timeout)

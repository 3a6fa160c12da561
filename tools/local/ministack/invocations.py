"""Complete MiniStack's Lambda: a bounded queue of asynchronous invocations.

Nothing here runs on AWS. MiniStack starts every asynchronous invocation at once, each in its own
Python process, and fails a throttled one after three seconds; AWS keeps it for hours.
"""

import contextvars
import heapq
import itertools
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from ministack.services import lambda_svc, sqs

CORES: Final = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
"""How many invocations the machine can run at a time."""

cores: Final = threading.BoundedSemaphore(CORES or 1)
"""Held by each invocation without a direct caller: those of events and of workflows."""

_THROTTLED_SECONDS: Final = 0.1
_LONGEST_AGE_SECONDS: Final = 6 * 60 * 60  # AWS's default
_RETRIES: Final = 2  # AWS's default

Outcome = Enum("Outcome", "DONE THROTTLED RETRY")


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One event on its way to a function."""

    function: str
    event: Any
    attempts: int = 0
    accepted: float = field(default_factory=time.time)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class EventQueue:
    """One first-in, first-out queue of events per function.

    A function at its concurrency limit delays only its own events. `attempt` returns the outcome of
    an invocation and, for a retry, the delay in seconds.
    """

    def __init__(self, attempt: Callable[[Invocation], tuple[Outcome, float]]) -> None:
        self._attempt = attempt
        self._waiting: dict[str, deque[Invocation]] = {}
        self._later: list[tuple[float, int, Invocation]] = []
        self._blocked: dict[str, float] = {}
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def put(self, invocation: Invocation) -> None:
        """Accept *invocation*; it runs when its turn comes."""
        with self._changed:
            self._waiting.setdefault(invocation.function, deque()).append(invocation)
            self._changed.notify()
            if len(self._threads) < (CORES or 1):
                thread = threading.Thread(target=self._serve, daemon=True, name="event-queue")
                self._threads.append(thread)
                thread.start()

    def _serve(self) -> None:
        while True:
            invocation = self._next()
            with cores:
                outcome, seconds = self._attempt(invocation)
            with self._changed:
                due = time.monotonic() + seconds
                if outcome is Outcome.THROTTLED:
                    self._waiting[invocation.function].appendleft(invocation)
                    self._blocked[invocation.function] = due
                elif outcome is Outcome.RETRY:
                    heapq.heappush(self._later, (due, next(self._numbers), invocation))
                self._changed.notify_all()

    def _next(self) -> Invocation:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    _, _, invocation = heapq.heappop(self._later)
                    self._waiting[invocation.function].append(invocation)
                for function, waiting in list(self._waiting.items()):
                    if waiting and self._blocked.get(function, 0) <= now:
                        # The next turn goes to another function if one has events waiting.
                        self._waiting[function] = self._waiting.pop(function)
                        return waiting.popleft()
                dues = [self._later[0][0]] if self._later else []
                dues += [due for due in self._blocked.values() if due > now]
                self._changed.wait(min(dues) - now if dues else None)


def install() -> None:
    """Complete MiniStack."""
    queue = EventQueue(_logged)

    def accept(function: Mapping[str, Any], event: Any) -> None:
        config = function.get("config") or function
        queue.put(Invocation(function=config["FunctionArn"], event=event))

    lambda_svc.invoke_async_with_retry = accept


def _logged(invocation: Invocation) -> tuple[Outcome, float]:
    try:
        return invocation.context.run(_attempt, invocation)
    except Exception:  # noqa: BLE001 - the thread serves the next event, whatever becomes of this
        # Such as a deleted destination. AWS drops the event and counts it in a metric.
        lambda_svc.logger.exception("An event for %s is lost", invocation.function)
        return Outcome.DONE, 0


def _attempt(invocation: Invocation) -> tuple[Outcome, float]:
    """Run *invocation* once with the function's current code, or give up.

    Only errors of the function count as attempts, not throttles.
    """
    account, region = lambda_svc._account_region_from_function_config(
        {"FunctionArn": invocation.function}
    )
    lambda_svc._request_account_id.set(account)
    lambda_svc._request_region.set(region)
    function, config, _ = lambda_svc._get_func_record_for_ref(invocation.function)
    if not function or not config:
        return Outcome.DONE, 0  # deleted meanwhile
    settings = lambda_svc._event_invoke_config(function, None) or {}
    if lambda_svc._reserved_concurrency(function, config) == 0:
        return _give_up(invocation, settings, "ZeroReservedConcurrency", None)
    age = settings.get("MaximumEventAgeInSeconds") or _LONGEST_AGE_SECONDS
    if time.time() - invocation.accepted > age:
        return _give_up(invocation, settings, "EventAgeExceeded", None)
    record = lambda_svc._execution_record_for_config(function, config)
    result = lambda_svc._execute_function(record, invocation.event)
    if result.get("throttle"):
        return Outcome.THROTTLED, _THROTTLED_SECONDS
    invocation.attempts += 1
    if not result.get("error"):
        return Outcome.DONE, 0
    retries = settings.get("MaximumRetryAttempts")
    if invocation.attempts > (_RETRIES if retries is None else retries):
        return _give_up(invocation, settings, "RetriesExhausted", result)
    wait = lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2 ** (invocation.attempts - 1)
    return Outcome.RETRY, min(wait, lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS)


def _give_up(
    invocation: Invocation,
    settings: Mapping[str, Any],
    condition: str,
    result: Mapping[str, Any] | None,
) -> tuple[Outcome, float]:
    """Send a failure record to the queue that is the function's on-failure destination."""
    destination = settings.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if not destination:
        return Outcome.DONE, 0
    _, _, service, region, account, name = destination.split(":", 5)
    if service != "sqs":
        lambda_svc.logger.error("The local cloud sends no failures to %s", destination)
        return Outcome.DONE, 0
    body: dict[str, Any] = {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "requestContext": {
            "requestId": lambda_svc.new_uuid(),
            "functionArn": invocation.function,
            "condition": condition,
            "approximateInvokeCount": invocation.attempts,
        },
        "requestPayload": invocation.event,
    }
    if result is not None:
        body["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result.get("function_error") or "Unhandled",
        }
        body["responsePayload"] = result.get("body")
    url = sqs._queue_name_to_url.get_scoped(account, region, name)
    sqs._act_send_message({"MessageBody": json.dumps(body)}, url)
    return Outcome.DONE, 0

"""The event queue loses no event, runs none early, and limits concurrency."""

import threading
import time
from collections import Counter
from collections.abc import Callable

from tools.local.ministack.invocations import CORES, EventQueue, Invocation, Outcome

DONE = (Outcome.DONE, 0.0)


class Log:
    """Records the attempts, their concurrency, and their end."""

    def __init__(self, expected: int) -> None:
        self.events: list[str] = []
        self.most = 0
        self._running = 0
        self._expected = expected
        self._lock = threading.Lock()
        self._over = threading.Event()

    def attempt(self, invocation: Invocation, seconds: float = 0) -> None:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(seconds)
        with self._lock:
            self._running -= 1
            self.events.append(invocation.event)
            if len(self.events) == self._expected:
                self._over.set()

    def wait(self) -> None:
        assert self._over.wait(10), self.events


def queue_of(
    log: Log, decide: Callable[[Invocation], tuple[Outcome, float]] = lambda _: DONE
) -> EventQueue:
    def attempt(invocation: Invocation) -> tuple[Outcome, float]:
        log.attempt(invocation, 0.01)
        return decide(invocation)

    return EventQueue(attempt)


def test_as_many_run_at_once_as_there_are_cores() -> None:
    log = Log(30)
    queue = queue_of(log)

    for number in range(30):
        queue.put(Invocation(function="f", event=str(number)))

    log.wait()
    assert Counter(log.events) == Counter(map(str, range(30)))
    assert log.most == CORES


def test_a_throttled_event_keeps_its_position_and_is_retried_until_it_runs() -> None:
    log = Log(8)
    throttles = iter([True] * 5)

    def decide(_: Invocation) -> tuple[Outcome, float]:
        return (Outcome.THROTTLED, 0.01) if next(throttles, False) else DONE

    queue = queue_of(log, decide)
    for event in "abc":
        queue.put(Invocation(function="f", event=event))

    log.wait()
    assert sorted(log.events[5:]) == ["a", "b", "c"]


def test_a_function_at_its_limit_holds_up_no_other() -> None:
    log = Log(2)

    def decide(invocation: Invocation) -> tuple[Outcome, float]:
        return (Outcome.THROTTLED, 60) if invocation.function == "full" else DONE

    queue = queue_of(log, decide)
    queue.put(Invocation(function="full", event="a"))
    queue.put(Invocation(function="free", event="b"))

    log.wait()
    assert sorted(log.events) == ["a", "b"]


def test_a_retry_waits_without_holding_a_core() -> None:
    log = Log(12)
    failed = threading.Event()

    def decide(invocation: Invocation) -> tuple[Outcome, float]:
        if invocation.event == "late" and not failed.is_set():
            failed.set()
            return Outcome.RETRY, 0.5
        return DONE

    queue = queue_of(log, decide)
    queue.put(Invocation(function="f", event="late"))
    for _ in range(10):
        queue.put(Invocation(function="f", event="other"))

    log.wait()
    assert log.events[-1] == "late"
    assert log.events.count("late") == 2

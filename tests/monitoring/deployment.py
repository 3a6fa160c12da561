"""A model of what AWS and the function emit while uploads are processed.

- Lambda stamps the metrics of an invocation with its start, and sends them after its end.
- CloudWatch Logs makes metrics of a line within a minute, stamped as the line says.
- Lambda retries an event after one minute and after two. Then it sends it to the failure queue and
  drops it, which `AsyncEventsDropped` counts.
- SQS reports the length of a queue every minute while the queue is active: while it holds messages
  and for six hours after anything happened to it. Only a queue with messages has an oldest one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.monitoring.emit import REASONS, Line, emitted
from tests.monitoring.metrics import HOUR, MINUTE, Metric, Metrics

RETRIES: Final = (MINUTE, 2 * MINUTE)
QUEUE_IS_ACTIVE: Final = 6 * HOUR
DELAY: Final = 50
"""Seconds until a value has arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One run of the function."""

    outcome: str = "published"
    seconds: float = 0.4
    memory_mb: int = 350
    error: bool = False
    is_logged: bool = True


FAILED: Final = Invocation(outcome="failed", error=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFilter:
    """A planned `aws_cloudwatch_log_metric_filter`, with a pattern of the form `{ $.a = "b" }`."""

    pattern: str
    metric: Metric
    value: str

    @classmethod
    def of(cls, planned: Mapping[str, Any]) -> "MetricFilter":
        [transformation] = planned["metric_transformation"]
        return cls(
            pattern=planned["pattern"],
            metric=Metric.of(transformation["namespace"], transformation["name"]),
            value=transformation["value"],
        )

    def matches(self, line: Line) -> float | None:
        """Return the value that it finds in *line*, if the pattern matches."""
        selector, wanted = self.pattern.strip("{} ").split(" = ")
        found = _selected(line, self.value)
        return float(found) if _selected(line, selector) == wanted.strip('"') and found else None


@dataclass(slots=True, kw_only=True)
class Deployment:
    """Collects the metrics of a deployment. Times are in seconds."""

    name: str
    metric_filters: Sequence[MetricFilter]
    metrics: Metrics = field(default_factory=Metrics)
    lines: list[tuple[float, Line]] = field(default_factory=list)
    queue: list[tuple[float, float]] = field(default_factory=list)
    """When each message was sent to the failure queue, and when it was deleted."""

    def upload(
        self,
        at: float,
        *invocations: Invocation,
        waits: float = 0,
        reaches_queue: bool = True,
        taken_away: float = float("inf"),
    ) -> None:
        """Upload a file, which waits and is then processed by *invocations*, one after the other.

        If they all fail, Lambda drops the event. *taken_away* is when the failure queue is emptied.
        """
        self._count("AsyncEventsReceived", 1, at=at)
        start = at + waits
        for number, invocation in enumerate(invocations or [Invocation()]):
            start += RETRIES[number - 1] if number else 0
            self._count("AsyncEventAge", (start - at) * 1000, at=start)
            start = self.invoke(start, invocation)
            if invocation.outcome in REASONS:
                self.queue.append((start, taken_away))
        if len(invocations) > len(RETRIES) and invocations[-1].error:
            self._count("AsyncEventsDropped", 1, at=start)
            if reaches_queue:
                self.queue.append((start, taken_away))
            else:
                self._count("DestinationDeliveryFailures", 1, at=start)

    def receive(self, at: float) -> None:
        """Upload a file that no invocation processes."""
        self._count("AsyncEventsReceived", 1, at=at)

    def invoke(self, start: float, invocation: Invocation, *, times: int = 1) -> float:
        """Invoke the function, and return when that ends."""
        end = start + invocation.seconds
        self._count("Invocations", times, at=start, ends=end)
        self._count("Duration", invocation.seconds * 1000, at=start, ends=end)
        self._count("Errors", int(invocation.error), at=start, ends=end)
        if invocation.is_logged:
            self._log(end, emitted(self.name).get(invocation.outcome, ()))
            self._log(end, [report(invocation)])
        return end

    def count(
        self, namespace: str, name: str, value: float, *, at: float, **dimensions: str
    ) -> None:
        """Add a value that AWS counts."""
        self.metrics.add(Metric.of(namespace, name, **dimensions), value, at=at, arrives=at + DELAY)

    def finish(self, until: int) -> Metrics:
        """Add the metrics of the failure queue, and return all."""
        for at in range(0, until, MINUTE):
            waiting = [sent for sent, taken in self.queue if sent <= at < taken]
            last = max((t for times in self.queue for t in times if t <= at), default=None)
            if last is None or (not waiting and at - last > QUEUE_IS_ACTIVE):
                continue
            name = f"{self.name}-failures"
            visible = "ApproximateNumberOfMessagesVisible"
            self.count("AWS/SQS", visible, len(waiting), at=at, QueueName=name)
            if waiting:
                age = "ApproximateAgeOfOldestMessage"
                self.count("AWS/SQS", age, at - min(waiting), at=at, QueueName=name)
        return self.metrics

    def _count(self, name: str, value: float, *, at: float, ends: float | None = None) -> None:
        metric = Metric.of("AWS/Lambda", name, FunctionName=self.name)
        self.metrics.add(metric, value, at=at, arrives=(ends or at) + DELAY)

    def _log(self, at: float, lines: Iterable[Line]) -> None:
        for line in lines:
            self.lines.append((at, line))
            group = f"/aws/lambda/{self.name}"
            self.count(
                "AWS/Logs", "IncomingBytes", len(json.dumps(line)), at=at, LogGroupName=group
            )
            for metric, value in _metrics_of(line):
                self.metrics.add(metric, value, at=at, arrives=at + DELAY)
            for metric_filter in self.metric_filters:
                if (found := metric_filter.matches(line)) is not None:
                    self.metrics.add(metric_filter.metric, found, at=at, arrives=at + DELAY)


def _metrics_of(line: Line) -> Iterable[tuple[Metric, float]]:
    """Yield the metrics in a line of the embedded metric format."""
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
        for names in directive["Dimensions"]:
            dimensions = {name: str(line[name]) for name in names}
            for metric in directive["Metrics"]:
                values = line[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield Metric.of(directive["Namespace"], metric["Name"], **dimensions), value


def report(invocation: Invocation) -> Line:
    """Return the line that Lambda writes after an invocation, with the log format JSON."""
    return {
        "type": "platform.report",
        "record": {
            "requestId": "52fdfc07-2182-454f-963f-5f0f9a621d72",
            "status": "error" if invocation.error else "success",
            "metrics": {
                "durationMs": invocation.seconds * 1000,
                "billedDurationMs": invocation.seconds * 1000,
                "memorySizeMB": 1769,
                "maxMemoryUsedMB": invocation.memory_mb,
                "initDurationMs": 900,
            },
        },
    }


def _selected(line: Line, selector: str) -> Any:
    value: Any = line
    for name in selector.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value

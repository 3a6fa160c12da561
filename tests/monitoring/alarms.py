"""The planned alarms, and a model of how CloudWatch evaluates them.

By "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data" in the CloudWatch
user guide. CloudWatch fetches more periods than an alarm names, and does not document how many.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.monitoring.metric_math import evaluate
from tests.monitoring.metrics import MINUTE, Metric, Metrics, Series


class State(StrEnum):
    """The state of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """How an alarm treats missing data: the values that the alarms here use."""

    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudWatch:
    """The undocumented details of evaluation."""

    more_periods: int
    fills_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alarm:
    """A metric alarm, which values above its threshold breach."""

    name: str
    metrics: Mapping[str, tuple[Metric, str]]
    """Metric and statistic by id."""
    expression: str
    period: int
    datapoints: int
    periods: int
    threshold: float
    missing: Missing

    @classmethod
    def of(cls, name: str, planned: Mapping[str, Any]) -> "Alarm":
        """Read a planned `aws_cloudwatch_metric_alarm`. Raises for unsupported features."""
        if planned["comparison_operator"] != "GreaterThanThreshold":
            raise ValueError(f"{name} has another operator: {planned['comparison_operator']}")
        queries = {query["id"]: query for query in planned["metric_query"]}
        [result] = [query for query in queries.values() if query["return_data"]]
        metrics = {id_: query["metric"][0] for id_, query in queries.items() if query["metric"]}
        [period] = {metric["period"] for metric in metrics.values()}
        return cls(
            name=name,
            metrics={
                id_: (
                    Metric.of(
                        metric["namespace"], metric["metric_name"], **(metric["dimensions"] or {})
                    ),
                    metric["stat"],
                )
                for id_, metric in metrics.items()
            },
            expression=result["expression"] or result["id"],
            period=period,
            datapoints=planned["datapoints_to_alarm"],
            periods=planned["evaluation_periods"],
            threshold=planned["threshold"],
            missing=Missing(planned["treat_missing_data"]),
        )

    def state(self, values: Series, current: State) -> State:
        """Return the state after *current* with *values* in the evaluation range.

        If there are enough real values, only the latest count. If not, all count, and the others
        are treated as missing.
        """
        real = [value > self.threshold for value in values if value is not None][-self.periods :]
        if sum(real) >= self.datapoints:
            return State.ALARM
        is_undecided = all(real) and len(real) < self.periods
        return current if self.missing is Missing.IGNORE and is_undecided else State.OK

    def values(self, metrics: Metrics, *, now: int, cloudwatch: CloudWatch) -> Series:
        """Return the values in the evaluation range at *now*."""
        series = {
            id_: metrics.series(
                metric,
                statistic,
                period=self.period,
                periods=self.periods + cloudwatch.more_periods,
                now=now,
            )
            for id_, (metric, statistic) in self.metrics.items()
        }
        values = evaluate(self.expression, series, fills_empty=cloudwatch.fills_empty)
        if not isinstance(values, tuple):
            raise TypeError(f"{self.name} is no time series")
        return values


def replay(
    alarms: Iterable[Alarm], metrics: Metrics, *, until: int, cloudwatch: CloudWatch, since: int = 0
) -> Iterator[tuple[int, str, State]]:
    """Evaluate *alarms* every minute; yield the time, the name and the state of every change."""
    states = dict.fromkeys(alarms, State.INSUFFICIENT_DATA)
    for now in range(since + MINUTE, until + 1, MINUTE):
        for alarm, before in states.items():
            after = alarm.state(alarm.values(metrics, now=now, cloudwatch=cloudwatch), before)
            if after != before:
                states[alarm] = after
                yield now, alarm.name, after

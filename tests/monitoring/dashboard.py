"""A model of the planned dashboard: what each widget shows for a deployment."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final

from tests.monitoring.deployment import Deployment
from tests.monitoring.metric_math import evaluate
from tests.monitoring.metrics import DAY, Metric, Metrics, Series

STAGES: Final = ("fetch", "decode", "resize", "encode", "publish", "confirm")
_BIN: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over time, or with *is_stacked* layers; *limits* are horizontal lines by label."""

    title: str
    lines: Mapping[str, Series]
    limits: Mapping[str, float]
    seconds: int
    is_stacked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A count for each name."""

    title: str
    counts: Mapping[str, int]


def chart(properties: Mapping[str, Any], metrics: Metrics, now: int) -> Chart:
    """Return the chart of a metric widget at *now*. Raises for unsupported features."""
    seconds = int(properties.get("start", "-P1D")[2:-1]) * DAY
    period = properties["period"]
    series: dict[str, Series] = {}
    shown: dict[str, str] = {}
    for number, (*names, options) in enumerate(properties["metrics"]):
        id_ = options.get("id", f"m{number}")
        if options.get("visible", True):
            shown[id_] = options["label"]
        if names:
            namespace, name, *dimensions = names
            metric = Metric.of(
                namespace, name, **dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            )
            statistic = options.get("stat") or properties["stat"]
            series[id_] = metrics.series(
                metric, statistic, period=period, periods=seconds // period, now=now
            )
    for _, options in ((names, last) for *names, last in properties["metrics"] if not names):
        values = evaluate(options["expression"], series)
        assert isinstance(values, tuple)
        series[options["id"]] = values
    limits = properties.get("annotations", {}).get("horizontal", [])
    return Chart(
        title=properties["title"],
        lines={label: series[id_] for id_, label in shown.items()},
        limits={limit["label"]: limit["value"] for limit in limits},
        seconds=seconds,
        is_stacked=properties.get("stacked", False),
    )


def rejections(title: str, deployment: Deployment, since: int) -> Bars:
    """Return the results of the query of rejections by reason."""
    reasons = [
        line["reason"]
        for at, line in deployment.lines
        if at >= since and line.get("message") == "rejected"
    ]
    return Bars(title=title, counts=dict(Counter(reasons).most_common()))


def stages(title: str, deployment: Deployment, now: int) -> Chart:
    """Return the results of the query of the stages for one day."""
    bins = range(now - DAY, now, _BIN)
    lines = {stage: [*_means(deployment, stage, bins)] for stage in STAGES}
    return Chart(
        title=title,
        lines={stage: tuple(values) for stage, values in lines.items()},
        limits={},
        seconds=DAY,
        is_stacked=True,
    )


def links(markdown: str) -> Sequence[str]:
    """Return the parts of a text widget, without addresses and emphasis."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)|\*\*", r"\1", markdown).split(" · ")


def _means(deployment: Deployment, stage: str, bins: range) -> Iterator[float | None]:
    for start in bins:
        values = [
            line["milliseconds"][stage]
            for at, line in deployment.lines
            if start <= at < start + bins.step and stage in line.get("milliseconds", {})
        ]
        yield mean(values) if values else None

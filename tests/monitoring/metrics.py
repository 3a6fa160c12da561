"""Metrics as CloudWatch stores them: values with their timestamp and their time of arrival."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Series: TypeAlias = tuple[float | None, ...]
"""One value per period, the oldest first; None where there is none."""

_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Sum": sum,
    "Maximum": max,
    "SampleCount": len,
    "p50": lambda values: sorted(values)[len(values) // 2],
}


@dataclass(frozen=True, slots=True)
class Metric:
    """The identity of a metric. CloudWatch has one for each combination of dimensions."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, **dimensions: str) -> "Metric":
        return cls(namespace, name, frozenset(dimensions.items()))


class Metrics:
    """All values of all metrics, by minute. Times are seconds since the replay began."""

    def __init__(self) -> None:
        self._minutes: dict[Metric, dict[int, list[tuple[float, float]]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def add(self, metric: Metric, value: float, *, at: float, arrives: float) -> None:
        """Add a value with the timestamp *at* that is invisible until it *arrives*."""
        self._minutes[metric][int(at // MINUTE)].append((value, arrives))

    def series(
        self, metric: Metric, statistic: str, *, period: int, periods: int, now: int
    ) -> Series:
        """Return a statistic of the *periods* that end at *now*, as visible then."""
        if metric not in self._minutes:
            return (None,) * periods
        minutes, length, end = self._minutes[metric], period // MINUTE, now // MINUTE
        start = end - periods * length
        found: dict[int, list[float]] = defaultdict(list)
        for minute in minutes.keys() & range(start, end):
            values = [value for value, arrives in minutes[minute] if arrives <= now]
            if values:
                found[(minute - start) // length] += values
        return tuple(
            _STATISTICS[statistic](found[position]) if position in found else None
            for position in range(periods)
        )

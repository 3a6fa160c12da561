"""Alarms are evaluated like the tables in CloudWatch's user guide."""

import pytest

from tests.monitoring.alarms import Alarm, Missing, State
from tests.monitoring.metric_math import evaluate
from tests.monitoring.metrics import Metric, Metrics, Series

RETAINED = State.INSUFFICIENT_DATA
OK, ALARM = State.OK, State.ALARM


def alarm(datapoints: int, periods: int, missing: Missing) -> Alarm:
    return Alarm(
        name="alarm",
        metrics={},
        expression="",
        period=60,
        datapoints=datapoints,
        periods=periods,
        threshold=0.5,
        missing=missing,
    )


def series(drawn: str) -> Series:
    """Return the values of a row in the user guide's notation."""
    return tuple({"0": 0.0, "X": 1.0, "-": None}[point] for point in drawn.split())


@pytest.mark.parametrize(
    ("datapoints", "drawn", "ignore", "not_breaching"),
    [
        (3, "0 - X - X", OK, OK),
        (3, "0 - - - -", OK, OK),
        (3, "- - - - -", RETAINED, OK),
        (3, "0 X X - X", ALARM, ALARM),
        (3, "- - - - X", RETAINED, OK),
        (3, "X - - - -", RETAINED, OK),
        (2, "0 - X - X", ALARM, ALARM),
        (2, "0 0 X 0 X", ALARM, ALARM),
        (2, "0 - X - -", OK, OK),
        (2, "- - - - 0", OK, OK),
        (2, "- - - - X", RETAINED, OK),
    ],
)
def test_missing_data_is_treated_as_in_the_user_guide(
    datapoints: int, drawn: str, ignore: State, not_breaching: State
) -> None:
    values = series(drawn)
    assert alarm(datapoints, 3, Missing.IGNORE).state(values, RETAINED) is ignore
    assert alarm(datapoints, 3, Missing.NOT_BREACHING).state(values, RETAINED) is not_breaching


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(m1 < m2)", "0 0 1 0"),
        ("(m1 >= 30)", "1 0 0 0"),
        ("(m1 > 15 AND m2 > 15)", "1 0 0 0"),
    ],
)
def test_comparisons_are_those_of_the_user_guide(expression: str, expected: str) -> None:
    metrics = {"m1": (30.0, 20.0, 0.0, 0.0), "m2": (20.0, None, 20.0, None)}
    assert evaluate(expression, metrics) == tuple(float(value) for value in expected.split())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(m1, m2, m3)", (30, 0, 20, None, None)),
        ("IF(m1, 5, m3)", (5, 5, 20, None, None)),
        ("IF(m1, m2, 5)", (30, 0, 5, 5, None)),
    ],
)
def test_conditions_are_those_of_the_user_guide(expression: str, expected: Series) -> None:
    metrics: dict[str, Series] = {
        "m1": (1, 1, 0, 0, None),
        "m2": (30, None, 0, 0, 30),
        "m3": (0, 0, 20, None, 20),
    }
    assert evaluate(expression, metrics) == expected


def test_a_gap_counts_as_zero_beside_a_value_and_stays_a_gap_by_itself() -> None:
    assert evaluate("a + b / 2", {"a": (1, None, None), "b": (None, 4, None)}) == (1, 2, None)
    assert evaluate("2 * a", {"a": (1, None)}) == (2, None)


def test_a_running_sum_begins_with_the_range() -> None:
    assert evaluate("RUNNING_SUM(FILL(a, 0))", {"a": (1, None, 2)}) == (1, 1, 3)


def test_a_metric_without_values_may_be_filled_or_not() -> None:
    empty = {"a": (None, None)}
    assert evaluate("FILL(a, 0)", empty, fills_empty=True) == (0, 0)
    assert evaluate("FILL(a, 0)", empty, fills_empty=False) == (None, None)


def test_unsupported_expressions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^not supported: SEARCH of 1 arguments"):
        evaluate("SEARCH(a)", {"a": (1,)})


def test_a_value_counts_for_its_own_minute_but_not_before_it_arrives() -> None:
    metric, metrics = Metric.of("AWS/Lambda", "Errors", FunctionName="f"), Metrics()
    metrics.add(metric, 1, at=30, arrives=130)
    assert metrics.series(metric, "Sum", period=60, periods=2, now=120) == (None, None)
    assert metrics.series(metric, "Sum", period=60, periods=3, now=180) == (1, None, None)


def test_a_period_moves_on_by_the_minute() -> None:
    metric, metrics = Metric.of("AWS/SQS", "Sent"), Metrics()
    for at, value in ((0, 1), (60, 2), (600, 4)):
        metrics.add(metric, value, at=at, arrives=at)
    read = [
        metrics.series(metric, "Sum", period=300, periods=1, now=now) for now in (300, 360, 420)
    ]
    assert read == [(3,), (2,), (None,)]

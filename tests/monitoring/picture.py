"""Draw the planned dashboard with a simulated day, for the documentation: run as a program."""

import json
import random
from collections.abc import Mapping, Sequence
from functools import cache
from math import pi, sin
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from tests.monitoring.alarms import Alarm, CloudWatch, State, replay
from tests.monitoring.dashboard import Bars, Chart, chart, links, rejections, stages
from tests.monitoring.deployment import FAILED, Deployment, Invocation, MetricFilter
from tests.monitoring.metrics import DAY, HOUR, MINUTE, Metrics, Series
from tools import ROOT
from tools.build.terraform_tests import Configuration
from tools.local.contact_sheet import font as lettering

PICTURE: Final = ROOT / "tools" / "pictures" / "dashboard.png"
NAME: Final = "pets"
NOW: Final = 14 * DAY

_COLUMN, _ROW, _GAP = 66, 46, 8
_PAPER, _CARD, _INK, _FAINT, _GRID = "#f2f3f3", "#ffffff", "#16191d", "#687078", "#e3e6e8"
_LINES: Final = ("#1f77b4", "#ff7f0e", "#d62728", "#2ca02c", "#9467bd", "#8c564b")
_STATES: Final = {State.OK: "#2ca02c", State.ALARM: "#d62728", State.INSUFFICIENT_DATA: "#8d99a5"}

Box = tuple[int, int, int, int]


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    return lettering(weight=400).font_variant(size=size)


def simulated(metric_filters: Sequence[MetricFilter]) -> Deployment:
    """Return two weeks of uploads: today with a folder of documents, a timeout and a failure."""
    dice = random.Random(7)
    deployment = Deployment(name=NAME, metric_filters=metric_filters)
    at = 0.0
    while at < NOW:
        by_day = 1.1 + sin(2 * pi * (at / DAY - 0.3))
        at += dice.expovariate(by_day / (12 * MINUTE))
        invocation = Invocation(
            seconds=dice.lognormvariate(-1, 0.9), memory_mb=dice.randint(300, 900)
        )
        deployment.upload(at, invocation)
    emptied = NOW - 5 * HOUR
    for number in range(12):
        outcome = "unsupported-format" if number % 4 else "corrupt-image"
        folder = NOW - 9 * HOUR + 20 * number
        deployment.upload(folder, Invocation(outcome=outcome), taken_away=emptied)
    too_large = Invocation(outcome="image-too-large")
    deployment.upload(NOW - 12 * HOUR, too_large, taken_away=emptied)
    timed_out = Invocation(outcome="", seconds=60, memory_mb=1400, error=True)
    deployment.upload(NOW - 3 * HOUR, timed_out, Invocation(seconds=31, memory_mb=1500))
    deployment.upload(NOW - 7 * MINUTE, FAILED, FAILED, FAILED)
    deployment.finish(NOW)
    return deployment


def draw(body: Mapping[str, Any], alarms: Sequence[Alarm], deployment: Deployment) -> Image.Image:
    """Draw a dashboard at the end of the *deployment*'s activity."""
    widgets = body["widgets"]
    rows = max(widget["y"] + widget["height"] for widget in widgets)
    image = Image.new("RGB", (24 * _COLUMN + _GAP, rows * _ROW + _GAP), _PAPER)
    pen = ImageDraw.Draw(image)
    for widget in widgets:
        left, top = widget["x"] * _COLUMN + _GAP, widget["y"] * _ROW + _GAP
        right = left + widget["width"] * _COLUMN - _GAP
        bottom = top + widget["height"] * _ROW - _GAP
        pen.rounded_rectangle((left, top, right, bottom), 6, fill=_CARD)
        _draw_widget(pen, (left + 12, top + 8, right - 12, bottom - 8), widget, alarms, deployment)
    return image


def _draw_widget(
    pen: ImageDraw.ImageDraw,
    box: Box,
    widget: Mapping[str, Any],
    alarms: Sequence[Alarm],
    deployment: Deployment,
) -> None:
    properties = widget["properties"]
    if widget["type"] == "text":
        pen.text(box[:2], "     ".join(links(properties["markdown"])), _INK, font(15))
        return
    pen.text(box[:2], properties["title"], _INK, font(15))
    inner = (box[0], box[1] + 24, box[2], box[3])
    if widget["type"] == "alarm":
        _draw_states(pen, inner, _states(alarms, deployment.metrics))
    elif widget["type"] == "metric":
        _draw_chart(pen, inner, chart(properties, deployment.metrics, NOW))
    elif properties["view"] == "bar":
        _draw_bars(pen, inner, rejections(properties["title"], deployment, NOW - DAY))
    else:
        _draw_chart(pen, inner, stages(properties["title"], deployment, NOW))


def _states(alarms: Sequence[Alarm], metrics: Metrics) -> Mapping[str, State]:
    cloudwatch = CloudWatch(more_periods=2, fills_empty=True)
    changes = replay(alarms, metrics, since=NOW - 3 * HOUR, until=NOW, cloudwatch=cloudwatch)
    return {name: state for _, name, state in changes}


def _draw_states(pen: ImageDraw.ImageDraw, box: Box, states: Mapping[str, State]) -> None:
    worst_first = sorted(states, key=lambda name: (states[name] is not State.ALARM, name))
    columns = -(-len(states) // 3)
    width = (box[2] - box[0]) // columns
    for number, name in enumerate(worst_first):
        left, top = box[0] + number % columns * width, box[1] + number // columns * 28
        pen.rounded_rectangle((left, top + 3, left + 12, top + 15), 3, fill=_STATES[states[name]])
        pen.text((left + 18, top), name.replace("_", " "), _INK, font(13))


def _draw_chart(pen: ImageDraw.ImageDraw, box: Box, shown: Chart) -> None:
    plot = _axes(pen, box, shown)
    _draw_legend(pen, box, list(shown.lines))
    most = _most(shown)
    below: Series = ()
    for color, values in zip(_LINES, shown.lines.values(), strict=False):
        if shown.is_stacked:
            below = below or (0.0,) * len(values)
            above = tuple(a + (b or 0) for a, b in zip(below, values, strict=True) if a is not None)
            _draw_layer(pen, plot, (below, above), most, color)
            below = above
        else:
            _draw_line(pen, plot, values, most, color)
    for label, limit in shown.limits.items():
        y = _height(plot, limit, most)
        for x in range(plot[0], plot[2], 10):
            pen.line((x, y, x + 5, y), _LINES[2])
        pen.text((plot[0] + 4, y + 2), label, _LINES[2], font(12))


def _axes(pen: ImageDraw.ImageDraw, box: Box, shown: Chart) -> Box:
    plot = (box[0] + 46, box[1] + 22, box[2], box[3] - 18)
    for share in (0, 0.5, 1):
        value = share * _most(shown)
        y = _height(plot, value, _most(shown))
        pen.line((plot[0], y, plot[2], y), _GRID)
        pen.text(
            (plot[0] - 6, y),
            f"{value:.3g}" if value < 1000 else f"{value:,.0f}",
            _FAINT,
            font(11),
            anchor="rm",
        )
    if shown.seconds == DAY:
        for hour in range(0, 24, 6):
            x = plot[0] + (plot[2] - plot[0]) * hour // 24
            pen.text((x, plot[3] + 3), f"{hour:02}:00", _FAINT, font(11))
    else:
        pen.text((plot[0], plot[3] + 3), f"{shown.seconds // DAY} days", _FAINT, font(11))
    return plot


def _draw_legend(pen: ImageDraw.ImageDraw, box: Box, labels: Sequence[str]) -> None:
    left = float(box[0])
    for color, label in zip(_LINES, labels, strict=False):
        pen.rectangle((left, box[1] + 5, left + 9, box[1] + 14), fill=color)
        pen.text((left + 13, box[1] + 1), label, _FAINT, font(12))
        left += 26 + font(12).getlength(label)


def _draw_line(
    pen: ImageDraw.ImageDraw, plot: Box, values: Series, most: float, color: str
) -> None:
    """Draw dots, and lines between adjacent values."""
    step = (plot[2] - plot[0]) / len(values)
    before: tuple[float, float] | None = None
    for number, value in enumerate(values):
        if value is None:
            before = None
            continue
        dot = (plot[0] + (number + 0.5) * step, _height(plot, value, most))
        if before:
            pen.line((*before, *dot), color, 2)
        pen.ellipse((dot[0] - 1.5, dot[1] - 1.5, dot[0] + 1.5, dot[1] + 1.5), fill=color)
        before = dot


def _draw_layer(
    pen: ImageDraw.ImageDraw, plot: Box, layer: tuple[Series, Series], most: float, color: str
) -> None:
    step = (plot[2] - plot[0]) / len(layer[0])
    for number, (low, high) in enumerate(zip(*layer, strict=True)):
        if high and high > (low or 0):
            left = plot[0] + number * step
            bottom, top = _height(plot, low or 0, most), _height(plot, high, most)
            pen.rectangle((left, top, left + step - 2, bottom), fill=color)


def _draw_bars(pen: ImageDraw.ImageDraw, box: Box, bars: Bars) -> None:
    most = max(bars.counts.values(), default=1)
    for number, (name, count) in enumerate(bars.counts.items()):
        top = box[1] + 14 + number * 40
        pen.text((box[0], top), f"{name}  {count}", _FAINT, font(12))
        width = (box[2] - box[0]) * count // most
        pen.rectangle((box[0], top + 18, box[0] + width, top + 30), fill=_LINES[0])


def _most(shown: Chart) -> float:
    values = [
        sum(value or 0 for value in values) if shown.is_stacked else max(v or 0 for v in values)
        for values in zip(*shown.lines.values(), strict=True)
    ]
    return max([*values, *shown.limits.values()]) or 1


def _height(plot: Box, value: float, most: float) -> int:
    return round(plot[3] - (plot[3] - plot[1]) * value / most)


def main() -> None:
    """Plan the dashboard, and draw it."""
    configuration = Configuration(ROOT / "build" / "terraform")
    configuration.prepare()
    with configuration.provider():
        changes = dict(configuration.plans("module_monitoring_alarms"))["every_part_is_watched"]
    planned = [
        (change["type"], change.get("index", ""), change["change"]["after"]) for change in changes
    ]
    alarms = [
        Alarm.of(key, after)
        for kind, key, after in planned
        if kind == "aws_cloudwatch_metric_alarm"
    ]
    filters = [
        MetricFilter.of(after)
        for kind, _, after in planned
        if kind == "aws_cloudwatch_log_metric_filter"
    ]
    [body] = [
        after["dashboard_body"] for kind, _, after in planned if kind == "aws_cloudwatch_dashboard"
    ]
    image = draw(json.loads(body), alarms, simulated(filters))
    image.quantize(64).save(PICTURE, optimize=True)
    print(f"The dashboard is in {PICTURE.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()

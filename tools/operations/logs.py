"""Show the function's log: one line for each upload, and every error."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.command_line import parse
from tools.operations.deployment import DeploymentError, deployment
from tools.operations.regions import session
from tools.operations.terminal import printable
from tools.operations.upload import LogLine, key_of, log_lines

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3653)  # the longest retention of CloudWatch Logs, ten years
_LOOK_SECONDS = 2
_LATE = timedelta(minutes=2)
"""How long CloudWatch may delay a line."""


def shown(line: LogLine) -> str | None:
    """Return *line* for a terminal, or None for Lambda's own lines about every invocation.

    Only Lambda can tell of an invocation that timed out or was killed.
    """
    fields, key = line.fields, key_of(line)
    if report := _of_killed(fields):
        took = report.get("metrics", {}).get("durationMs", 0)
        what = report.get("errorType", "the function was stopped")
        told = printable(f"{what}, request {report.get('requestId')}")
        return (
            f"{line.at:%Y-%m-%d %H:%M:%S}  {printable(report['status']):10}{took:7,.0f} ms  {told}"
        )
    if key is None and fields.get("level") not in ("ERROR", "WARN", "WARNING", "CRITICAL"):
        return None
    took = fields.get("milliseconds")
    parts = [f"{line.at:%Y-%m-%d %H:%M:%S}", f"{printable(line.status):10}"]
    parts.append(f"{took['total']:7,.0f} ms" if isinstance(took, dict) else " " * 10)
    if key is not None:
        parts.append(printable(key))
    parts += [printable(fields[name]) for name in ("detail", "errorMessage") if fields.get(name)]
    parts += [f"→ {printable(image['key'])}" for image in fields.get("published", ())]
    return "  ".join(parts)


def _of_killed(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return Lambda's report of an invocation that could not log its own end, or None."""
    report = fields.get("record")
    if fields.get("type") != "platform.report" or not isinstance(report, Mapping):
        return None
    is_killed = str(report.get("errorType")).startswith("Runtime.")
    return report if is_killed or report.get("status") in ("timeout", "failure") else None


def ago(text: str) -> timedelta:
    """Read a time span such as 10m, 2h or 3d. Raises `ArgumentTypeError`."""
    if not (found := re.fullmatch(r"([0-9]{1,7})([mhd])", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time span such as 10m, 2h or 3d")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if span > _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {_LONGEST.days} days")
    return span


def tail(read: Callable[[datetime], Iterable[LogLine]], since: datetime, *, forever: bool) -> None:
    """Print the lines that *read* finds since then and, if *forever*, new ones."""
    printed: set[tuple[datetime, str]] = set()
    while True:
        for line in read(since):
            text = shown(line)
            if text and (line.at, text) not in printed:
                print(text, flush=True)
                printed.add((line.at, text))
        if not forever:
            return
        since = max(since, datetime.now(UTC) - _LATE)
        time.sleep(_LOOK_SECONDS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", type=ago, default="1h", help="such as 10m, 2h or 3d; 1h")
    parser.add_argument("--follow", action="store_true", help="follow new lines")
    return parse(parser)


def main() -> None:
    """Run from the command line."""
    arguments = _arguments()
    try:
        deployed = deployment()
        logs = session(deployed["function_arn"]).client("logs")
        tail(
            lambda since: log_lines(logs, deployed["log_group"], since),
            datetime.now(UTC) - arguments.since,
            forever=bool(arguments.follow),
        )
    except (DeploymentError, ClientError, BotoCoreError) as error:
        sys.exit(printable(error))
    except KeyboardInterrupt:
        sys.exit(0)

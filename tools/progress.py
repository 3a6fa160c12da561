"""Show progress: one line, rewritten on a terminal; plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from tools.terraform import Event, is_change


class Progress:
    """Shows the latest message with the seconds since the first one."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._rewrites = self._stream.isatty()
        self._start = time.monotonic()
        self._latest = ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Clear the line before other output."""
        if self._rewrites:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def say(self, message: str) -> None:
        """Replace the line by *message*, or add it where lines cannot be replaced."""
        if message == self._latest and not self._rewrites:
            return
        self._latest = message
        seconds = f"{time.monotonic() - self._start:3.0f} s"
        start, end = ("\r\x1b[K", "") if self._rewrites else ("", "\n")
        self._stream.write(f"{start}{seconds}  {message}{end}")
        self._stream.flush()


def applying(progress: Progress) -> Callable[[Event], None]:
    """Show Terraform's messages on *progress* while it applies."""
    done: set[str] = set()
    total = 0

    def on_event(event: Event) -> None:
        nonlocal total
        if event["type"] == "change_summary" and event["changes"]["operation"] == "plan":
            changes = event["changes"]
            total = changes["add"] + changes["change"] + changes["remove"]
        if is_change(event):
            done.add(event["hook"]["resource"]["addr"])
            progress.say(f"Terraform: {len(done)} of {total} resources")

    progress.say("Terraform: planning")
    return on_event

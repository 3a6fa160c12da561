"""The server of the local cloud: MiniStack with the additions, behind the guard.

It replaces MiniStack's own server, so that a test on the local cloud is valid for AWS.
"""

from importlib.metadata import version

from tools.local.ministack import MINISTACK

if version("ministack") != MINISTACK:
    raise ImportError(
        f"The local cloud completes MiniStack {MINISTACK} from the inside, and"
        f" {version('ministack')} is installed: check {__package__} against that version first."
    )

from ministack.app import app as ministack

from tools.local.ministack import (
    conditions,
    edge,
    events,
    filters,
    functions,
    guard,
    invocations,
    states,
    tags,
)

__all__ = ["app"]

states.install()
events.install()
functions.install()
filters.install()
conditions.install()
tags.install()
invocations.install()
guard.install()
edge.install()

app = edge.served(guard.guarded(ministack))

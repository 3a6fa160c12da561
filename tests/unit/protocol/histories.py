"""Histories to explore: every kind of change, and what users do to a key in quick succession."""

from typing import Final, TypeAlias

from tests.unit.protocol.scenario import NOTHING
from tests.unit.protocol.search import Fault

Histories: TypeAlias = tuple[tuple[str, ...], ...]

KILL: Final = (Fault.KILLED,)
LOST_RESPONSE: Final = (Fault.LOST_RESPONSE,)

ONE_CHANGE: Final[Histories] = (
    (NOTHING, "png 1"),
    (NOTHING, "broken png"),
    (NOTHING, "not an image"),
    ("png 1", "png 1"),
    ("png 1", "png 2"),
    ("png 1", "jpg"),
    ("png 1", "broken png"),
    ("jpg", "broken png"),
    ("png 1", "not an image"),
    ("png 1", NOTHING),
    ("broken png", "png 1"),
    ("broken png", NOTHING),
)

TWO_CHANGES: Final[Histories] = (
    (NOTHING, "png 1", "png 1"),
    (NOTHING, "png 1", "png 2"),
    (NOTHING, "png 1", "jpg"),
    (NOTHING, "png 1", NOTHING),
    (NOTHING, "png 1", "broken png"),
    (NOTHING, "broken png", "png 1"),
    (NOTHING, "broken png", NOTHING),
    ("png 1", "png 2", "jpg"),
    ("png 1", "png 2", "png 1"),
    ("png 1", "jpg", "png 1"),
    ("png 1", "png 2", "broken png"),
    ("png 1", "jpg", "not an image"),
    ("png 1", NOTHING, "png 1"),
    ("png 1", NOTHING, "jpg"),
    ("png 1", "not an image", "jpg"),
)

THREE_CHANGES: Final[Histories] = (
    (NOTHING, "png 1", "jpg", "png 2"),
    (NOTHING, "png 1", NOTHING, "jpg"),
    (NOTHING, "png 1", "broken png", "png 2"),
    ("png 1", "jpg", "png 1", NOTHING),
    ("png 1", "png 2", "png 1", "png 2"),
    ("png 1", "png 2", "png 3", "broken png"),
)

MANIFEST_ONE_CHANGE: Final[Histories] = (
    (NOTHING, "one"),
    (NOTHING, "broken"),
    ("one", "one"),
    ("one", "two"),
    ("one", "broken"),
    ("one", "not an image"),
    ("one", NOTHING),
    ("broken", "one"),
    ("broken", NOTHING),
)

MANIFEST_TWO_CHANGES: Final[Histories] = (
    (NOTHING, "one", "one"),
    (NOTHING, "one", "two"),
    (NOTHING, "one", NOTHING),
    (NOTHING, "one", "broken"),
    (NOTHING, "broken", "one"),
    (NOTHING, "broken", NOTHING),
    ("one", "two", "three"),
    ("one", "two", "one"),
    ("one", "two", NOTHING),
    ("one", NOTHING, "one"),
    ("one", NOTHING, "two"),
    ("one", "broken", "two"),
    ("one", "not an image", "two"),
    ("one", "two", "broken"),
    ("one", "two", "not an image"),
    ("one", NOTHING, "broken"),
    ("one", NOTHING, "not an image"),
)

MANIFEST_THREE_CHANGES: Final[Histories] = (
    (NOTHING, "one", "two", "three"),
    (NOTHING, "one", "two", NOTHING),
    ("one", "two", "one", "two"),
    ("one", "two", "one", NOTHING),
    ("one", "two", NOTHING, "one"),
    ("one", "two", "one", "broken"),
    ("one", "two", "three", "broken"),
)

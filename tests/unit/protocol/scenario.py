"""Contents, users and faults of the model, the parts of the protocol, and the states in between."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple, TypeAlias

from tests.unit.protocol import search
from tests.unit.protocol.search import Fault

NOTHING: Final = ""
"""No object under a key; the identity of a source that is missing."""

UNKNOWN: Final = "?"
"""What this round of a run has not read yet."""

NO_VERSION: Final = -1
"""The version of a source or a record that this round has not read yet."""

KEYS: Final = ("photo.jpg", "photo.png", "thumbnail.webp")
"""The candidate keys: one variant follows the source's format, one is fixed."""

Images: TypeAlias = tuple[str, ...]
"""By key, the content that the image under it was made from, `NOTHING` or `UNKNOWN`."""

IMAGES: Final[Mapping[str, Images]] = {
    NOTHING: (NOTHING, NOTHING, NOTHING),
    "png 1": (NOTHING, "png 1", "png 1"),
    "png 2": (NOTHING, "png 2", "png 2"),
    "png 3": (NOTHING, "png 3", "png 3"),
    "jpg": ("jpg", NOTHING, "jpg"),
    "not an image": (NOTHING, NOTHING, NOTHING),
    "broken png": (NOTHING, NOTHING, NOTHING),
}
"""What a source of each content should have at rest, apart from the last good images."""

REJECTED: Final = frozenset({"not an image", "broken png"})

FIRST_IMAGE: Final = {"broken png": KEYS.index("photo.png")}
"""Contents whose fault shows only after an image of them may have been written, and where."""


class Part(Enum):
    """A part of the protocol, for a model that does without it."""

    FINAL_CHECK = "compare the source again before ending"
    STARTING_OVER = "start over if the source has changed and this run wrote something"
    OTHER_CANDIDATES = "delete images under the other keys that the source may have used"
    CONDITIONAL_WRITES = "write and delete only what was seen"
    CONFIRMING_FIRST = "compare the source between seeing another image and replacing it"
    NEW_ROUND = "after a refused write read the source again as well, not only the image"
    CONDITIONAL_RECORD = "write the record only over the one that was read"
    CONFIRMING_RECORD = "compare the source between seeing another record and replacing it"
    RECORD_BEFORE_CHECK = "write the record before the final check, not after it"
    RECORD_WHEN_CURRENT = "write the record also when every image was current"
    EVENT_WHEN_CURRENT = "send the event also when nothing had to be written"
    WITHDRAWING = "delete what was made from a content that is then rejected"
    CONFIRMING_REJECTIONS = "compare the source again before ending as rejected"
    UPLOADS_DELETE = "delete images for a missing source also on behalf of a recent upload"
    TAKING_BACK = "delete what a backfill may have written if its source is missing afterwards"
    COUNTING_ATTEMPTS = "count a write when it is sent, because its response may be lost"
    INSPECTING_AGAIN = "inspect again if the source is not the version that was reviewed"


class Event(StrEnum):
    """The event of a run: its key, and whether a missing source counts as deleted."""

    UPLOAD = "upload"
    REMOVAL = "removal"
    BACKFILL = "backfill"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The changes by users in their order, and the faults meanwhile."""

    history: tuple[str, ...]
    """The contents of the source; the first one is published before the start."""

    faults: tuple[Fault, ...] = ()
    """The faults that may happen, each at any time."""

    copies: int = 1
    """How often the event of the last change is delivered."""

    backfill: bool = False
    """Whether a backfill reaches the source at some time."""

    heads_at_once: bool = False
    """Whether all images and the record are read at the same moment, which saves most states."""

    reviewed: bool = False
    """Whether runs are pinned to the version that they have inspected, as in the workflow.

    A backfill is not: it continues if the content already has an image, and ends otherwise.
    """

    def __str__(self) -> str:
        history = " > ".join(content or "nothing" for content in self.history)
        faults = [fault.name.lower().replace("_", " ") for fault in self.faults]
        options = [
            name for name in ("backfill", "heads_at_once", "reviewed") if getattr(self, name)
        ]
        copies = [f"{self.copies} copies"] if self.copies > 1 else []
        return ", ".join([history, *copies, *faults, *options])

    @property
    def comes_back(self) -> bool:
        """Whether a content returns after another one; see `Promise.NEVER_WORSE`."""
        contents = [content for content in self.history if content != NOTHING]
        return len(set(contents)) < len(contents)


class Run(NamedTuple):
    """One run of `reconcile`, by what it knows in this round."""

    event: Event
    pinned: int = NO_VERSION
    source: str = UNKNOWN
    version: int = NO_VERSION
    seen: Images = (UNKNOWN, UNKNOWN, UNKNOWN)
    record: int = NO_VERSION
    failed: bool = False
    confirmed: bool = False
    checked: bool = False
    wrote: bool = False
    wrote_before: bool = False


class World(NamedTuple):
    """What every run can read: the source and its record, by their positions in the history."""

    position: int
    images: Images
    record: int
    event_sent: bool


State: TypeAlias = search.State[World, Run]

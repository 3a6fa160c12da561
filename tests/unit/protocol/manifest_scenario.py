"""Contents, users and faults of the model of the manifest, its parts, and the states in between."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple, TypeAlias

from tests.unit.protocol.search import Fault

NOTHING: Final = ""
"""No object under a key; the identity of a source that is missing."""

UNKNOWN: Final = "?"
"""What this round of a run has not read yet."""

VARIANTS: Final = (0, 1)

REJECTED: Final = frozenset({"not an image", "broken"})

LATE: Final = "broken"
"""A content whose fault shows only after its first image was written."""

Key: TypeAlias = tuple[str, int]
"""The key of an image: the content that it was made from, and the variant."""


class Image(StrEnum):
    """What is under the key of an image."""

    GONE = "gone"
    KEPT = "kept"
    RETIRED = "retired"  # there until the lifecycle rule deletes it


class Part(Enum):
    """A part of the protocol, for a model that does without it."""

    FINAL_CHECK = "compare the source again before ending"
    STARTING_OVER = "start over if the source has changed and this run wrote something"
    MIDDLE_CHECK = "compare the source between reading a manifest and replacing or deleting it"
    COMPARE_AND_SWAP = "write and delete the manifest only over the one that was read"
    RETIRED_CHECK = "write an image again that is there and was retired"
    IMAGES_FIRST = "write the manifest when all its images are there"
    RETIRING_FIRST = "retire what the manifest will not list any more before it is replaced"
    DELETING_IMAGES_FIRST = "delete the images of a deleted source before the manifest"
    DELISTING = "on a rejection delete a manifest that lists what is not there"
    RESTORING = "on a rejection take back what is listed and retired"
    WITHDRAWING = "delete what was made from a content that is then rejected"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The changes by users in their order, and the faults meanwhile."""

    history: tuple[str, ...]
    """The contents of the source; the first one is published before the start."""

    faults: tuple[Fault, ...] = ()
    """The faults that may happen, each at any time."""

    copies: int = 1
    """How often the event of the last change is delivered."""

    def __str__(self) -> str:
        history = " > ".join(content or "nothing" for content in self.history)
        faults = [fault.name.lower().replace("_", " ") for fault in self.faults]
        copies = [f"{self.copies} copies"] if self.copies > 1 else []
        return ", ".join([history, *copies, *faults])

    @property
    def comes_back(self) -> bool:
        """Whether a content returns after another one."""
        contents = [content for content in self.history if content != NOTHING]
        return len(set(contents)) < len(contents)


class Run(NamedTuple):
    """One run, by what it knows in this round.

    *images* is what was seen under the keys of the source's content, *listed* under those of the
    content that the manifest was of when it was read, which is *old*.
    """

    event: str
    source: str = UNKNOWN
    manifest: str = UNKNOWN
    old: str = NOTHING
    images: tuple[str, ...] = (UNKNOWN,) * len(VARIANTS)
    listed: tuple[str, ...] = (UNKNOWN,) * len(VARIANTS)
    confirmed: bool = False
    failed: bool = False
    wrote: bool = False


class World(NamedTuple):
    """What every run can read: the source, by its position in the history, and what was made."""

    position: int
    kept: frozenset[Key]
    retired: frozenset[Key]
    manifest: str

    def image(self, key: Key) -> Image:
        """Return what is under *key*."""
        if key in self.kept:
            return Image.KEPT
        return Image.RETIRED if key in self.retired else Image.GONE

    def with_image(self, key: Key, image: Image) -> "World":
        """Return the world with *image* under *key*."""
        kept, retired = self.kept - {key}, self.retired - {key}
        if image is Image.KEPT:
            kept |= {key}
        if image is Image.RETIRED:
            retired |= {key}
        return self._replace(kept=kept, retired=retired)


def images_of(content: str) -> tuple[Key, ...]:
    """Return the keys of all images that *content* should have."""
    if content == NOTHING or content in REJECTED:
        return ()
    return tuple((content, variant) for variant in VARIANTS)

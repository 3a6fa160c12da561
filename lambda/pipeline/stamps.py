"""What every processed object says about where it came from, and which of two is newer."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256
from urllib.parse import quote

from pipeline.errors import KeyCollision, Superseded
from pipeline.model import Source

MAX_ENCODED_KEY = 1024
"""User-defined metadata may have 2 KB in all: Amazon S3 user guide, "Working with metadata"."""


class Verdict(Enum):
    """What to do about an object that is already there."""

    REPLACE = auto()
    KEEP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The source of a processed object, and the *recipe*: a hash of all that decided its bytes."""

    source_key: str  # as `encoded`
    source_etag: str
    source_version: str
    source_sequencer: str
    recipe: str

    @classmethod
    def of(cls, source: Source, recipe: str) -> "Stamp":
        return cls(
            source_key=encoded(source.key),
            source_etag=source.etag,
            source_version=source.version,
            source_sequencer=source.sequencer,
            recipe=recipe,
        )

    def is_of(self, source: Source) -> bool:
        """Tell whether this is the stamp of the very upload *source*."""
        return (self.source_key, self.source_etag, self.source_sequencer) == (
            encoded(source.key),
            source.etag,
            source.sequencer,
        )

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Stamp":
        """Read a stamp from S3 user metadata; what is missing is empty."""
        return cls(
            source_key=metadata.get("source-key", ""),
            source_etag=metadata.get("source-etag", ""),
            source_version=metadata.get("source-version", ""),
            source_sequencer=metadata.get("source-sequencer", ""),
            recipe=metadata.get("recipe", ""),
        )

    def metadata(self) -> dict[str, str]:
        """Return the S3 user metadata that `from_metadata` reads."""
        return {
            "source-key": self.source_key,
            "source-etag": self.source_etag,
            "source-version": self.source_version,
            "source-sequencer": self.source_sequencer,
            "recipe": self.recipe,
        }


def encoded(key: str) -> str:
    """Return *key* as ASCII that metadata can hold: percent-encoded, or a hash where that is long.

    The two cannot be mistaken for each other: a percent-encoded key has no colon.
    """
    quoted = quote(key)
    if len(quoted) <= MAX_ENCODED_KEY:
        return quoted
    return f"sha256:{sha256(key.encode()).hexdigest()}"


def compare(ours: Stamp, theirs: Stamp) -> Verdict:
    """Decide whether an object stamped *theirs* gives way to one stamped *ours*.

    Raises `KeyCollision` where it belongs to another source or to nobody we know, and
    `Superseded` where it comes from a newer upload.
    """
    if theirs.source_key != ours.source_key:
        owner = theirs.source_key or "something that this pipeline did not write"
        raise KeyCollision(f"the processed key already belongs to {owner}")
    if is_newer(theirs.source_sequencer, ours.source_sequencer):
        raise Superseded(f"published already from the newer upload {theirs.source_sequencer}")
    if ours == theirs:
        return Verdict.KEEP
    return Verdict.REPLACE


def is_newer(one: str, other: str) -> bool:
    """Tell whether sequencer *one* comes after *other*, both of the same key.

    They compare as hexadecimal strings, the shorter padded on the right with zeros. Source:
    "Event message structure" in the Amazon S3 user guide. An empty one is the oldest.
    """
    width = max(len(one), len(other))
    return one.upper().ljust(width, "0") > other.upper().ljust(width, "0")

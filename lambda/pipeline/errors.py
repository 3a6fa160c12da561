"""Everything that can go wrong, sorted by what the caller should do about it.

PipelineError
├── ConfigurationError      an operator must change a setting
├── Superseded              nothing: a newer upload or a deletion has taken this one's place
├── DeadlineExceeded        nothing more for now: who set the deadline reports it
├── TransientFailure        try again later
└── Rejected                report once, never retry: the file's fault
    ├── UnreadableEvent         unreadable-event
    ├── EmptyFile               empty-file
    ├── UnsupportedFormat       unsupported-format
    ├── CorruptImage            corrupt-image
    ├── ImageTooLarge           image-too-large
    ├── KeyTooLong              key-too-long
    ├── KeyReserved             key-reserved
    ├── KeyCollision            key-collision
    └── Refused                 refused
"""

from collections.abc import Mapping
from typing import ClassVar


class PipelineError(Exception):
    """The root of every error that this package raises on purpose."""


class ConfigurationError(PipelineError):
    """A setting is missing or wrong: an operator must change it."""


class Superseded(PipelineError):
    """A newer upload or a deletion has taken this upload's place: there is nothing left to do."""


class TransientFailure(PipelineError):
    """Something outside failed and may work later: fail the invocation, so that it is retried."""


class DeadlineExceeded(PipelineError):
    """The time is up that the caller had for all of its tries: do not try again, report it."""


class Rejected(PipelineError):
    """The file cannot be processed, now or later: report it once with its reason code.

    *found* holds what was learnt about the file before it was refused, such as its format and
    its size in pixels.
    """

    reason: ClassVar[str]

    def __init__(self, message: str, *, found: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.found: dict[str, object] = dict(found or {})


class UnreadableEvent(Rejected):
    """A record that does not name an object the way its event source promises."""

    reason = "unreadable-event"


class EmptyFile(Rejected):
    """An object of zero bytes."""

    reason = "empty-file"


class UnsupportedFormat(Rejected):
    """The content is none of the image formats that the pipeline reads, whatever its name says."""

    reason = "unsupported-format"


class CorruptImage(Rejected):
    """An image of a known format that is damaged or ends too soon."""

    reason = "corrupt-image"


class ImageTooLarge(Rejected):
    """More bytes, pixels, frames or memory than the limits allow."""

    reason = "image-too-large"


class KeyTooLong(Rejected):
    """The processed key would be longer than the 1,024 bytes that S3 allows."""

    reason = "key-too-long"


class KeyReserved(Rejected):
    """The processed key would lie where the pipeline keeps its own records."""

    reason = "key-reserved"


class KeyCollision(Rejected):
    """The processed key already belongs to another source, or to an object that is not ours."""

    reason = "key-collision"


class Refused(Rejected):
    """A review did not allow it."""

    reason = "refused"


def rejection(reason: str, message: str, found: Mapping[str, object]) -> Rejected:
    """Return the rejection with that *reason* code; raise ValueError if there is none."""
    for kind in Rejected.__subclasses__():
        if kind.reason == reason:
            return kind(message, found=found)
    raise ValueError(f"no rejection has the reason {reason!r}")

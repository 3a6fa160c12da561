"""Every error of the package, sorted by what the caller should do.

PipelineError
├── ConfigurationError      an operator must change a setting
├── TransientFailure        try again later
├── DeadlineExceeded        not now: the caller's time for all tries is over, and it reports that
└── Rejected                report once, never retry: the file's fault
    ├── UnreadableEvent         unreadable-event
    ├── ArchivedObject          archived-object
    ├── CustomerKey             customer-key
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


class TransientFailure(PipelineError):
    """Something outside failed and may work later: fail the invocation, so that it is retried."""


class DeadlineExceeded(PipelineError):
    """The caller's time for all attempts is over: the caller reports the failure."""


class Rejected(PipelineError):
    """The file cannot be processed, now or later: report it once with its reason code.

    *details* are the facts known about the file when it was rejected, such as its format and its
    size in pixels.
    """

    reason: ClassVar[str]

    def __init__(self, message: str, *, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.details: dict[str, object] = dict(details or {})


class UnreadableEvent(Rejected):
    """A record that does not name an object in the documented form."""

    reason = "unreadable-event"


class ArchivedObject(Rejected):
    """An object in an archive (S3 Glacier), which cannot be read before it is restored."""

    reason = "archived-object"


class CustomerKey(Rejected):
    """An object encrypted with a key that only its owner has (SSE-C)."""

    reason = "customer-key"


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
    """The processed key is reserved for the pipeline's own objects or the manifest."""

    reason = "key-reserved"


class KeyCollision(Rejected):
    """The processed key already belongs to another source, or to an object that is not ours."""

    reason = "key-collision"


class Refused(Rejected):
    """A review refused it."""

    reason = "refused"


def rejection(reason: str, message: str, details: Mapping[str, object]) -> Rejected:
    """Return the rejection with that *reason* code; raise ValueError if there is none."""
    for kind in Rejected.__subclasses__():
        if kind.reason == reason:
            return kind(message, details=details)
    raise ValueError(f"no rejection has the reason {reason!r}")

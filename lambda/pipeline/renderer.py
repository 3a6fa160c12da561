"""The interface between the pipeline and whatever renders: a sandbox, or this process."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from pipeline.model import Format, ImageInfo, Limits, Rendering, Style, Variant


class OpenedSource(Protocol):
    """A source whose header is read and checked."""

    @property
    def info(self) -> ImageInfo:
        """What the header says."""

    def render(self, variants: Sequence[Variant], style: Style) -> Rendering:
        """Render *variants*, in order. Raises `Rejected` or `TransientFailure`."""


class Renderer(Protocol):
    """Opens and renders sources, in this process or in another."""

    def open(
        self,
        file: BinaryIO,
        limits: Limits,
        *,
        deadline: float | None = None,
        reopen: Callable[[], BinaryIO] | None = None,
    ) -> AbstractContextManager[OpenedSource]:
        """Open *file*, which may still be downloading, and check its header.

        A second attempt, after a crash, reads the result of *reopen* or, without it, *file* again.
        Raises `Rejected`; what reading the file raises passes through. Raises `TransientFailure`
        after the *deadline*, a value of `time.monotonic`.
        """

    def fingerprint(self, source_format: Format) -> str:
        """Return the identity of the code that decides the pixels of results of *source_format*."""

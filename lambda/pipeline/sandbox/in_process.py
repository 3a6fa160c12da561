"""Render in this process: for tests, and where no other process can be started."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, BinaryIO, Final

from pipeline import imaging
from pipeline.errors import TransientFailure
from pipeline.model import Format, ImageInfo, Limits, Rendering, Rendition, Style, Variant

if TYPE_CHECKING:
    from pipeline.imaging import SourceImage

OUT_OF_TIME: Final = "out of time: a longer timeout or more memory may help"


class OpenedInProcess:
    """A source whose header is read and checked."""

    def __init__(self, source: "SourceImage", deadline: float | None) -> None:
        self._source = source
        self._deadline = deadline

    @property
    def info(self) -> ImageInfo:
        """What the header says."""
        return self._source.picture

    def render(self, variants: Sequence[Variant], style: Style) -> Rendering:
        """Render *variants*; see `imaging.render`. Raises `Rejected` or `TransientFailure`."""
        self._check_time()
        rendering = imaging.render(self._source, variants, style)
        return Rendering(info=rendering.info, renditions=self._in_time(rendering))

    def _in_time(self, renditions: Rendering) -> Iterator[Rendition]:
        for rendition in renditions:
            yield rendition
            self._check_time()

    def _check_time(self) -> None:
        if self._deadline is not None and monotonic() > self._deadline:
            raise TransientFailure(OUT_OF_TIME)


class InProcess:
    """Opens and renders sources in this process."""

    def fingerprint(self, source_format: Format) -> str:
        """Return the identity of what renders images of *source_format*; see `imaging.engine`."""
        return imaging.engine(source_format)

    @contextmanager
    def open(
        self,
        file: BinaryIO,
        limits: Limits,
        *,
        deadline: float | None = None,
        reopen: Callable[[], BinaryIO] | None = None,  # noqa: ARG002 - a crash ends this process
    ) -> Iterator[OpenedInProcess]:
        """Open *file*, which may still be downloading, and check its header; see `Renderer.open`.

        The deadline is checked between two renditions only.
        """
        with imaging.open_image(file, limits) as source:
            yield OpenedInProcess(source, deadline)

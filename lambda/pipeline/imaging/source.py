"""An uploaded file, opened: its header is read and checked, its pixels wait."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO, Self

from PIL import Image

from pipeline.errors import (
    CorruptImage,
    EmptyFile,
    ImageTooLarge,
    Rejected,
    TransientFailure,
    UnsupportedFormat,
)
from pipeline.imaging import formats
from pipeline.imaging.opening import open_as
from pipeline.imaging.orientation import orientation_of, turned
from pipeline.imaging.transparency import has_alpha
from pipeline.model import Format, Limits, Picture, Size

LEAST_FRAME_PIXELS = 4096
"""What a frame counts for at least: handling one takes its time, however small it is."""


class SourceImage:
    """One file, its header known. A context manager: leaving it closes the file as well.

    *picture* is what the header says. *length* is in bytes. Leaving it raises what reading the file
    to its end raises, unless the work was given up for another reason than damage. A `Rejected` on
    its way out learns what is known of the picture.
    """

    def __init__(
        self, file: BinaryIO, image: Image.Image, picture: Picture, length: int, limits: Limits
    ) -> None:
        self.image = image
        self.picture = picture
        self.length = length
        self.limits = limits
        self._file = file

    def content(self) -> bytes:
        """Return the whole file."""
        self._file.seek(0)
        return self._file.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Rejected):
            error.found = found_in(self.picture) | error.found
        try:
            if kind is None or issubclass(kind, CorruptImage):
                _finish(self._file)
        finally:
            self.image.close()
            self._file.close()


def open_image(file: BinaryIO, limits: Limits) -> SourceImage:
    """Read and check the header of *file*; decode nothing.

    Raises `EmptyFile`, `UnsupportedFormat`, `CorruptImage` or `ImageTooLarge`. A `TransientFailure`
    that reading *file* raises passes through.
    """
    head = file.read(formats.SNIFF_BYTES)
    if not head:
        raise EmptyFile("the file has no bytes", found={"bytes": 0})
    length = file.seek(0, io.SEEK_END)
    if length > limits.source_bytes:
        raise ImageTooLarge(
            f"{length} bytes are more than the {limits.source_bytes} allowed",
            found={"bytes": length},
        )
    found: dict[str, object] = {"bytes": length}
    try:
        with rejecting_damage(found):
            format_ = formats.recognise(head)
            found["format"] = format_.value
            opened = open_as(file, format_)
            found["width"], found["height"] = opened.image.size
            picture = describe(opened.image, format_, opened.note)
    except (CorruptImage, UnsupportedFormat):
        _finish(file)
        raise
    if opened.file is not file:
        file.close()
    _check_pixels(picture, limits)
    return SourceImage(opened.file, opened.image, picture, length, limits)


def describe(image: Image.Image, format_: Format, note: str) -> Picture:
    """Say what is known of *image* so far, with a *note* on its metadata if there is any."""
    stored = Size(width=image.width, height=image.height)
    return Picture(
        format=format_,
        size=turned(stored, orientation_of(image, format_)),
        frames=_frames(image, format_),
        has_alpha=has_alpha(image),
        notes={"metadata": note} if note else {},
    )


@contextmanager
def rejecting_damage(found: dict[str, object]) -> Iterator[None]:
    """Turn what a reader raises on a damaged file into a `Rejected` that carries *found*."""
    try:
        # Pillow warns of sizes, for which there are limits here, and of odd metadata.
        with warnings.catch_warnings(action="ignore"):
            yield
    except Rejected as rejection:
        rejection.found = found | rejection.found
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageTooLarge(str(error) or "not enough memory", found=found) from error
    except Exception as error:  # on damaged data codecs raise almost anything, even SystemError
        for cause in _causes(error):
            if isinstance(cause, TransientFailure):
                raise cause from None
        raise CorruptImage(f"{type(error).__name__}: {error}", found=found) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def found_in(picture: Picture) -> dict[str, object]:
    """Return what a rejection tells of *picture*."""
    return {
        "format": picture.format.value,
        "width": picture.size.width,
        "height": picture.size.height,
        "frames": picture.frames,
    }


def _finish(file: BinaryIO) -> None:
    """Read the end of *file*: by then a file from the network knows if it was damaged on its way.

    Nothing may be made of it before that, nor the damage be taken for the file's own.
    """
    file.seek(-1, io.SEEK_END)
    file.read(1)


def _frames(image: Image.Image, format_: Format) -> int:
    if format_ not in formats.ANIMATED_FORMATS:
        return 1
    # Pillow counts an APNG's picture for viewers that know no animation.
    return getattr(image, "n_frames", 1) - bool(image.info.get("default_image"))


def _check_pixels(picture: Picture, limits: Limits) -> None:
    frame = max(picture.size.width * picture.size.height, LEAST_FRAME_PIXELS)
    pixels = frame * picture.frames
    if pixels > limits.pixels:
        raise ImageTooLarge(
            f"{pixels} pixels are more than the {limits.pixels} allowed",
            found=found_in(picture),
        )

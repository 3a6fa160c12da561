"""An uploaded file, opened: its header is read and checked, its pixels are not decoded yet."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NoReturn, Self, cast

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from pipeline.errors import (
    CorruptImage,
    EmptyFile,
    ImageTooLarge,
    Rejected,
    TransientFailure,
    UnsupportedFormat,
)
from pipeline.imaging import formats
from pipeline.imaging.channels import has_alpha, normalise_transparent_color
from pipeline.imaging.containers import jpeg, png
from pipeline.imaging.geometry import UPRIGHT, swap_sides
from pipeline.model import Format, ImageInfo, Limits, Size

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngImageFile

    from pipeline.imaging.containers.heif import Aperture

MIN_FRAME_PIXELS = 4096
"""What a frame counts for at least: handling one takes time, however small it is."""

_MAX_LIBAVIF_PIXELS = 1 << 28
_DECLARATIONS = ("gamma", "chromaticity", "srgb", "icc_profile")
_C2PA_BOX = b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481")

# Their readers rotate the pixels themselves: TIFF by its own tag, HEIC by `irot` and `imir`.
_ROTATED_BY_READER = frozenset({Format.TIFF, Format.HEIC})

# What Pillow's messages begin with for valid files that it does not read.
_UNREAD = (
    "unknown pixel mode",
    "cannot handle",
    "Unsupported BMP",
    "unable to determine J2K image mode",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An *image* and the *file* that it reads, which may be a rewritten copy.

    *note* says what was ignored. *coded_pixels* is how many are decoded for a frame if that is more
    than *image* shows.
    """

    file: BinaryIO
    image: ImageFile.ImageFile
    note: str = ""
    coded_pixels: int = 0


class SourceImage:
    """One file, its header known. A context manager: leaving it closes the file as well.

    *picture* is what the header says. *length* is in bytes, *copied_bytes* that of a rewritten
    copy. *coded_pixels* are decoded for a frame, perhaps more than it shows. A `Rejected` that
    leaves the context gets the details of the picture; for a damaged one, leaving first reads the
    file to its end and raises what that raises.
    """

    def __init__(
        self, opened: _Opened, picture: ImageInfo, length: int, copied_bytes: int, limits: Limits
    ) -> None:
        self.image = opened.image
        self.picture = picture
        self.length = length
        self.limits = limits
        self.coded_pixels = max(self.image.width * self.image.height, opened.coded_pixels)
        self.copied_bytes = copied_bytes
        self._file = opened.file

    def content(self) -> bytes:
        """Return the whole file."""
        self._file.seek(0)
        return self._file.read()

    def has_one_scan(self) -> bool:
        """Tell whether a decoder reads one scan of this JPEG; read nothing behind its start.

        A decoder ends with the first scan if that has all components and is not progressive.
        """
        is_progressive = self.image.info.get("progressive")
        return not is_progressive and jpeg.first_scan_is_complete(self._file)

    def read_to_end(self) -> None:
        """Wait for the end of the file; raise what reading it raises.

        Only then does a file from the network know whether it was damaged in transit. No image may
        be made of it before, and that damage must not be reported as the file's own.
        """
        _read_to_end(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Rejected):
            error.details = self.picture.details() | error.details
        try:
            if isinstance(error, CorruptImage):
                self.read_to_end()
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
        raise EmptyFile("the file has no bytes", details={"bytes": 0})
    length = file.seek(0, io.SEEK_END)
    if length > limits.source_bytes:
        raise ImageTooLarge(
            f"{length} bytes are more than the {limits.source_bytes} allowed",
            details={"bytes": length},
        )
    details: dict[str, object] = {"bytes": length}
    try:
        with rejecting_damage(details):
            format_ = formats.recognise(head)
            details["format"] = format_.value
            _check_format(format_, limits)
            opened = _open(file, format_, limits.pixels)
            details["width"], details["height"] = opened.image.size
            picture = _describe(opened.image, format_, opened.note)
    except (CorruptImage, UnsupportedFormat):
        _read_to_end(file)
        raise
    copied_bytes = 0
    if opened.file is not file:
        file.close()
        copied_bytes = length
    pixels = max(picture.size.width * picture.size.height, MIN_FRAME_PIXELS) * picture.frames
    if pixels > limits.pixels:
        raise ImageTooLarge(
            f"{pixels} pixels are more than the {limits.pixels} allowed", details=picture.details()
        )
    return SourceImage(opened, picture, length, copied_bytes, limits)


def orientation_of(image: Image.Image, format_: Format) -> int:
    """Return the EXIF orientation, 1 to 8, that is still to be applied to *image*."""
    block = image.info.get("exif")
    if format_ in _ROTATED_BY_READER or not block:
        return UPRIGHT
    exif = Image.Exif()
    try:
        exif.load(block)
        orientation = exif.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - whatever is wrong with a damaged EXIF block, the picture is fine
        return UPRIGHT
    return orientation if orientation in (1, 2, 3, 4, 5, 6, 7, 8) else UPRIGHT


@contextmanager
def rejecting_damage(details: dict[str, object]) -> Iterator[None]:
    """Turn what a reader raises on a damaged file into a `Rejected` with *details*."""
    try:
        # Pillow warns of sizes, for which there are limits here, and of odd metadata.
        with warnings.catch_warnings(action="ignore"):
            yield
    except Rejected as rejection:
        rejection.details = details | rejection.details
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageTooLarge(str(error) or "not enough memory", details=details) from error
    except Exception as error:  # on damaged data codecs raise almost anything, even SystemError
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, TransientFailure):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        message = _damage(error, details.get("format", "file"))
        raise CorruptImage(message, details=details) from error


def _damage(error: Exception, format_: object) -> str:
    """Say what is wrong with a file: in its reader's words, but without Python's."""
    # Pillow wraps what it did not expect while it reads a header.
    wrapped = error.args[0] if error.args else None
    cause = wrapped if isinstance(wrapped, Exception) else error
    if not isinstance(cause, (OSError, SyntaxError, ValueError)) or isinstance(cause, UnicodeError):
        return f"the {format_} is damaged: its parts do not fit together"
    return f"the {format_} is damaged: {error}"


def _describe(image: Image.Image, format_: Format, note: str) -> ImageInfo:
    """Return what is known of *image* so far, with a *note* on its metadata if there is any."""
    frames = 1
    if format_ in formats.ANIMATED_FORMATS:
        # Pillow counts an APNG's picture for viewers that do not animate.
        frames = getattr(image, "n_frames", 1) - bool(image.info.get("default_image"))
    return ImageInfo(
        format=format_,
        size=swap_sides(
            Size(width=image.width, height=image.height), orientation_of(image, format_)
        ),
        frames=frames,
        has_alpha=has_alpha(image),
        warnings={"metadata": note} if note else {},
    )


def _check_format(format_: Format, limits: Limits) -> None:
    if format_ not in limits.formats:
        accepted = ", ".join(sorted(limits.formats))
        raise UnsupportedFormat(f"uploads in {format_} are not accepted here, only in {accepted}")


def _read_to_end(file: BinaryIO) -> None:
    file.seek(-1, io.SEEK_END)
    file.read(1)


def _open(file: BinaryIO, format_: Format, max_pixels: int) -> _Opened:
    """Open *file*, whose content is that of *format_*.

    Raises `UnsupportedFormat` where that kind of it is not read, `ImageTooLarge` where a decoder
    would have to begin with more than *max_pixels*, and anything where it is damaged.
    """
    try:
        match format_:
            case Format.PNG:
                return _open_png(file)
            case Format.JPEG:
                return _open_jpeg(file)
            case Format.AVIF | Format.HEIC:
                return _open_heif(file, format_, max_pixels)
            case Format.TIFF | Format.BMP | Format.JPEG2000:
                return _open_rewritten(file, format_)
            case _:
                return _Opened(file=file, image=_open_by_pillow(file, format_))
    except (SyntaxError, OSError) as error:
        if str(error).startswith(_UNREAD):
            raise UnsupportedFormat(f"this kind of {format_} is not read here: {error}") from None
        raise


def _open_png(file: BinaryIO) -> _Opened:
    note = ""
    colors = png.declared_colors(file)
    try:
        image = _open_by_pillow(file, Format.PNG)
    except (ValueError, SyntaxError) as error:
        file.seek(0)
        try:
            readable, dropped = png.drop_unreadable_chunks(file.read())
        except struct.error:
            raise error from None
        file = io.BytesIO(readable)
        image = _open_by_pillow(file, Format.PNG)
        names = sorted(name.decode("latin-1") for name in dropped)
        note = f"ignored: {', '.join(names)}" if names else ""
    for name in _DECLARATIONS:
        image.info.pop(name, None)
    image.info.update(colors)
    normalise_transparent_color(image)
    for chunk in png.TEXT_CHUNKS | png.COLOR_CHUNKS:
        setattr(cast("PngImageFile", image).png, f"chunk_{chunk.decode()}", _ignore_chunk)
    return _Opened(file=file, image=image, note=note)


def _ignore_chunk(_position: int, _length: int) -> NoReturn:
    """Have Pillow ignore a chunk after the pixels, like one that it does not know.

    It would refuse the file for a text of more than a megabyte, and apply colours that come late.
    """
    raise AttributeError


def _open_jpeg(file: BinaryIO) -> _Opened:
    try:
        return _Opened(file=file, image=_open_by_pillow(file, Format.JPEG))
    except (SyntaxError, struct.error, IndexError) as error:
        file.seek(0)
        try:
            readable, dropped = jpeg.drop_unreadable_segments(file.read())
        except IndexError:
            raise error from None
        if not dropped:
            raise
    file = io.BytesIO(readable)
    image = _open_by_pillow(file, Format.JPEG)
    return _Opened(file=file, image=image, note=f"ignored: {', '.join(dropped)}")


def _open_rewritten(file: BinaryIO, format_: Format) -> _Opened:
    # None of these at the top: few files need them, and each start would load them.
    image: ImageFile.ImageFile
    if format_ is Format.TIFF:
        from pipeline.imaging.containers.tiff import open_tiff

        file, image = open_tiff(file)
    elif format_ is Format.BMP:
        from pipeline.imaging.containers.bmp import open_bmp

        file, image = open_bmp(file)
    else:
        from pipeline.imaging.containers.jpeg2000 import open_jpeg2000

        file, image = open_jpeg2000(file)
    return _Opened(file=file, image=image)


def _open_heif(file: BinaryIO, format_: Format, max_pixels: int) -> _Opened:
    from pipeline.imaging.containers.avif import is_sequence, read_sequence
    from pipeline.imaging.containers.heif import read_still

    if format_ is Format.AVIF and is_sequence(file):
        sequence = read_sequence(file)
        _check_size(format_, 0, 0, sequence.coded_pixels, max_pixels)
        copy = io.BytesIO(sequence.file)
        image = _open_by_pillow(copy, format_)
        points, coded_pixels = sequence.points, sequence.coded_pixels
    else:
        still = read_still(file, format_)
        _check_size(format_, still.width, still.height, still.coded_pixels, max_pixels)
        copy = io.BytesIO(still.file)
        image = _open_by_pillow(copy, format_)
        if still.aperture and format_ is Format.AVIF:
            # libheif crops by itself.
            _crop(image, still.aperture)
        image.info["gain_map"] = still.has_gain_map
        points, coded_pixels = still.points, still.coded_pixels
    if not image.info.get("icc_profile"):
        image.info["cicp"] = points
    file.seek(0)
    image.info["c2pa"] = _C2PA_BOX in file.read()
    return _Opened(file=copy, image=image, coded_pixels=coded_pixels)


def _check_size(format_: Format, width: int, height: int, pixels: int, max_pixels: int) -> None:
    details: dict[str, object] = {"width": width, "height": height} if width else {}
    allowed = min(max_pixels, _MAX_LIBAVIF_PIXELS)
    if pixels > allowed:
        raise ImageTooLarge(f"{pixels} pixels are more than the {allowed} allowed", details=details)
    longest = formats.LONGEST_SIDE.get(format_)
    if longest and max(width, height) > longest:
        raise ImageTooLarge(
            f"{width} x {height} pixels: sides of {longest} are the longest read", details=details
        )


def _crop(image: ImageFile.ImageFile, aperture: "Aperture") -> None:
    """Have Pillow read no more of the decoded pixels of *image* than *aperture*."""
    left, top, right, bottom = aperture
    size = right - left, bottom - top
    stride = image.width * len(image.getbands())
    start = top * stride + left * len(image.getbands())
    image._size = size  # noqa: SLF001 - as its plugins set it
    # That of the plugin does nothing, because its tiles begin where the pixels do.
    image.load_seek = (  # type: ignore[attr-defined]  # only images of plugins have one
        lambda at: image.fp and image.fp.seek(at)
    )
    image.tile = [
        image.tile[0]._replace(extents=(0, 0, *size), offset=start, args=(image.mode, stride, 1))
    ]


def _open_by_pillow(file: BinaryIO, format_: Format) -> ImageFile.ImageFile:
    name = formats.pillow_name(format_)
    file.seek(0)
    try:
        return Image.open(file, formats=(name,))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        # Pillow hides the reason: its plugin tells. Callers limit the size.
        plugin, _ = Image.OPEN[name]
        file.seek(0)
        return plugin(file, "")

"""What rendering will cost in memory, told from the header, in bytes fitted to measurement."""

from collections.abc import Sequence
from math import ceil

from PIL import Image

from pipeline.errors import ImageTooLarge
from pipeline.imaging import png
from pipeline.imaging.decode import draft_scale
from pipeline.imaging.geometry import Layout
from pipeline.imaging.source import SourceImage, found_in
from pipeline.imaging.transparency import has_alpha, has_key
from pipeline.model import Format

# The interpreter, its libraries and what else the function holds.
_PROCESS = 90 << 20
_CODECS = 24 << 20

# Per pixel of a source: what its decoder holds besides the finished pixels.
_DECODER = {
    Format.JPEG: 0,
    Format.PNG: 1,
    Format.WEBP: 13,
    Format.AVIF: 9,
    Format.GIF: 9,
    Format.HEIC: 6,
    Format.TIFF: 4,
    Format.BMP: 1,
    Format.JPEG2000: 18,
}
_COEFFICIENT = 2  # a progressive JPEG is kept as coefficients until its last scan

# Per pixel of a result: what its encoder holds.
_ENCODER = {Format.JPEG: 4, Format.PNG: 2, Format.WEBP: 12, Format.AVIF: 29, Format.GIF: 14}
_ENCODER_ALPHA = {Format.WEBP: 18, Format.AVIF: 4}
_COPY = 4  # scaled, turned, in other colours, marked: there are two at a time
_KEYED = 10  # with a clear colour, which becomes alpha
_INKS = 16  # of four inks, there are more

# Per pixel of a source: the first frame, the last, and the next while it is put together.
_FILM = 14

# Per pixel of every frame of an animation, until its last is coded.
_FRAME = {Format.GIF: 9, Format.PNG: 11, Format.WEBP: 7, Format.AVIF: 9}


def check_memory(
    source: SourceImage, layouts: Sequence[Layout], formats: Sequence[Format], moving: bool
) -> None:
    """Raise `ImageTooLarge` if rendering *layouts* would not fit the memory that there is."""
    needed = _PROCESS + estimate(source, layouts, formats, moving)
    allowed = source.limits.memory_bytes
    if needed > allowed:
        raise ImageTooLarge(
            f"about {needed >> 20} MB of memory would be needed, {allowed >> 20} MB are there",
            found=found_in(source.picture) | {"memory_needed": needed, "memory_allowed": allowed},
        )


def estimate(
    source: SourceImage, layouts: Sequence[Layout], formats: Sequence[Format], moving: bool
) -> int:
    """Return what rendering *layouts* of *source* in *formats* adds to the process at its peak."""
    image = source.image
    pixels = image.width * image.height
    decoded = ceil(pixels / draft_scale(source.picture, layouts) ** 2)
    depth = _depth(image)
    decoding = decoded * depth + pixels * (_decoder(source) + _coefficients(image))
    premultiplied = decoded * _COPY if _may_be_clear(image) else 0
    composing = pixels * _FILM if moving else 0
    results = _results(source, layouts, formats, moving)
    rendering = max(decoding, decoded * depth + premultiplied + results)
    return _CODECS + source.length + composing + rendering


def _results(
    source: SourceImage, layouts: Sequence[Layout], formats: Sequence[Format], moving: bool
) -> int:
    canvases = [layout.canvas.width * layout.canvas.height for layout in layouts]
    copy = 1 if _is_grey(source.image) else _COPY
    work = _INKS if source.image.mode == "CMYK" else copy
    coding = [
        canvas * (work + _encoder(format_, source))
        for canvas, format_ in zip(canvases, formats, strict=True)
    ]
    return (
        sum(canvases) * copy
        + max(coding, default=0)
        + (_frames(source, canvases, formats) if moving else 0)
    )


def _frames(source: SourceImage, canvases: Sequence[int], formats: Sequence[Format]) -> int:
    shares = (
        canvas * _FRAME.get(format_, 0) for canvas, format_ in zip(canvases, formats, strict=True)
    )
    return source.picture.frames * sum(shares)


def _encoder(format_: Format, source: SourceImage) -> int:
    if _is_grey(source.image) and format_ in (Format.JPEG, Format.PNG):
        return 2
    return _ENCODER[format_] + (
        _ENCODER_ALPHA.get(format_, 0) if _may_be_clear(source.image) else 0
    )


def _may_be_clear(image: Image.Image) -> bool:
    return has_alpha(image) or _is_uncovered(image)


def _is_uncovered(image: Image.Image) -> bool:
    """Tell whether the first frame of a GIF leaves parts of the picture clear."""
    whole = (0, 0, *image.size)
    return image.format == "GIF" and any(
        part.extents != whole for part in getattr(image, "tile", ())
    )


def _is_grey(image: Image.Image) -> bool:
    if _is_uncovered(image):
        return False
    return image.mode in ("1", "L", "F", "I") or image.mode.startswith("I;16")


def _depth(image: Image.Image) -> int:
    """Return bytes per decoded pixel, with what it is converted to and from."""
    corrected = _COPY if png.gamma_to_apply(image.info) else 0
    return corrected + (_KEYED if has_key(image) else _plain_depth(image))


def _plain_depth(image: Image.Image) -> int:
    if _is_uncovered(image):
        return 5
    if image.mode == "L":
        return 1
    if image.mode == "1":
        return 2
    if image.mode.startswith("I;16"):
        return 7
    if image.mode in ("I", "F"):
        return 9
    if image.mode in ("P", "PA"):
        return 5
    if image.mode == "La":
        return 8
    return 4


def _decoder(source: SourceImage) -> int:
    figure = _DECODER[source.picture.format]
    if source.picture.format is Format.JPEG2000:
        return figure * (len(source.image.getbands()) + 1) // 4 + 1
    return figure


def _coefficients(image: Image.Image) -> int:
    """Return the bytes per pixel that a progressive JPEG is kept in, by its chroma sampling."""
    if not image.info.get("progressive"):
        return 0
    layers = getattr(image, "layer", ())
    widest = max((across * down for _, across, down, _ in layers), default=1)
    shares: float = sum(across * down / widest for _, across, down, _ in layers)
    return ceil(_COEFFICIENT * shares)

"""What rendering costs in memory and time, estimated from the header.

Memory is in bytes, fitted to measurements. Time is far more than honest files take: a process that
takes longer is ended.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

from PIL import Image

from pipeline.errors import ImageTooLarge
from pipeline.imaging.channels import has_alpha, has_transparent_color
from pipeline.imaging.decode import draft_scale
from pipeline.imaging.formats import ANIMATED_FORMATS
from pipeline.imaging.geometry import Layout, lay_out
from pipeline.imaging.source import MIN_FRAME_PIXELS, SourceImage
from pipeline.model import Format, ImageInfo, Variant, output_format

# Before an upload: the handler with its libraries takes 62 MB, the sandbox's worker 37.
_PROCESS = 100 << 20
_CODECS = 24 << 20

_TILE_WIDTH, _TILE_HEIGHT, _BITS = 322, 323, 258  # of TIFF

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
_COEFFICIENT = 2  # libjpeg keeps a progressive JPEG as coefficients until its last scan

# A JPEG 2000 is decoded with a record of each block of each resolution, of which the lower ones
# add a third.
_BLOCK = 400
_ALL_RESOLUTIONS = 4 / 3

# Per pixel of a result: what its encoder holds.
_ENCODER = {Format.JPEG: 4, Format.PNG: 4, Format.WEBP: 12, Format.AVIF: 29, Format.GIF: 14}
_ENCODER_ALPHA = {Format.WEBP: 18, Format.AVIF: 4}
_COPY = 4  # scaled, rotated, in other colours, with a watermark: there are two at a time
_TRANSPARENT_COLOR = 10  # which becomes alpha
_INKS = 16  # copies of CMYK

# Per pixel of a source: the first frame, the last, and the next while it is put together.
_COMPOSING = 14

# Per pixel of every frame of an animation, until its last is coded.
_FRAME = {Format.GIF: 9, Format.PNG: 11, Format.WEBP: 7, Format.AVIF: 9}


_MEGAPIXEL: Final = 1_000_000
_MIN_SECONDS: Final = 4
_SECONDS_PER_MEGAPIXEL_IN: Final = 0.15  # the slowest decoders take a third of it
_SECONDS_PER_MEGAPIXEL_OUT: Final = 3  # AVIF takes a quarter, and is tried up to eight times

# In pixels: what a frame of a result counts for at least, by the time of encoding a tiny one.
_MIN_FRAME: Final = {
    Format.AVIF: 100_000,
    Format.GIF: 50_000,
    Format.WEBP: 30_000,
    Format.PNG: 30_000,
}


def check_memory(
    source: SourceImage, layouts: Sequence[Layout], formats: Sequence[Format], *, moving: bool
) -> None:
    """Raise `ImageTooLarge` if rendering *layouts* would not fit the memory that there is."""
    needed = _PROCESS + estimate(source, layouts, formats, moving=moving)
    allowed = source.limits.memory_bytes
    if needed > allowed:
        raise ImageTooLarge(
            f"about {needed >> 20} MB of memory would be needed, {allowed >> 20} MB are there",
            details=source.picture.details() | {"memory_needed": needed, "memory_allowed": allowed},
        )


def estimate(
    source: SourceImage, layouts: Sequence[Layout], formats: Sequence[Format], *, moving: bool
) -> int:
    """Return what rendering *layouts* of *source* in *formats* adds to the process at its peak."""
    image = source.image
    pixels = image.width * image.height
    decoded = ceil(pixels / draft_scale(source.picture, layouts) ** 2)
    depth = _depth(image)
    hidden = (source.coded_pixels - pixels) * (depth + _decoder(source))
    decoding = decoded * depth + pixels * (_decoder(source) + _coefficients(image)) + hidden
    premultiplied = decoded * _COPY if can_be_transparent(image) else 0
    composing = pixels * _COMPOSING if moving else 0
    results = _results(source, layouts, formats, moving=moving)
    rendering = max(decoding, decoded * depth + premultiplied + results)
    files = source.length + source.copied_bytes
    return _CODECS + files + composing + rendering + _structures(source)


def check_frames(source: SourceImage, formats: Sequence[Format]) -> None:
    """Raise `ImageTooLarge` if an animation has too many frames for results in *formats*."""
    info = source.picture
    for format_ in formats:
        frame = max(info.size.width * info.size.height, _MIN_FRAME[format_])
        if frame * info.frames > source.limits.pixels:
            most = source.limits.pixels // frame
            raise ImageTooLarge(
                f"{info.frames} frames are more than the {most} allowed for results in {format_}",
                details=info.details(),
            )


def header_seconds() -> int:
    """Return the CPU time in which any header is read."""
    return _MIN_SECONDS


def rendering_seconds(info: ImageInfo, variants: Sequence[Variant]) -> int:
    """Return the CPU time in which *variants* of the source in *info* are made."""
    frame = max(info.size.width * info.size.height, MIN_FRAME_PIXELS)
    seconds = frame * info.frames / _MEGAPIXEL * _SECONDS_PER_MEGAPIXEL_IN
    for variant in variants:
        canvas = lay_out(info.size, variant).canvas
        moves = output_format(variant, info) in ANIMATED_FORMATS
        pixels = canvas.width * canvas.height * (info.frames if moves else 1)
        seconds += pixels / _MEGAPIXEL * _SECONDS_PER_MEGAPIXEL_OUT
    return _MIN_SECONDS + ceil(seconds)


def _structures(source: SourceImage) -> int:
    """Return what a decoder holds for the structure of the file: many blocks, or large tiles."""
    image = source.image
    if source.picture.format is Format.JPEG2000:
        from pipeline.imaging.containers.jpeg2000 import smallest_block_pixels

        blocks = image.width * image.height / smallest_block_pixels(source.content())
        return ceil(_BLOCK * _ALL_RESOLUTIONS * blocks * len(image.getbands()))
    tags = getattr(image, "tag_v2", {})
    if _TILE_WIDTH in tags and _TILE_HEIGHT in tags:
        tile = tags[_TILE_WIDTH] * tags[_TILE_HEIGHT]
        return int(tile * sum(tags.get(_BITS, (8,)))) // 8
    return 0


def _results(
    source: SourceImage, layouts: Sequence[Layout], formats: Sequence[Format], *, moving: bool
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
        _ENCODER_ALPHA.get(format_, 0) if can_be_transparent(source.image) else 0
    )


def can_be_transparent(image: Image.Image) -> bool:
    """Tell whether any frame of *image* may have clear pixels."""
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
    if has_transparent_color(image):
        return _TRANSPARENT_COLOR
    if _is_uncovered(image):
        return 5
    if image.mode.startswith("I;16"):
        return 7
    return {"L": 1, "1": 2, "I": 9, "F": 9, "P": 5, "PA": 5, "La": 8}.get(image.mode, 4)


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

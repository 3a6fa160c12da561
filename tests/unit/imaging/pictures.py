"""Pictures made in memory, and shortcuts to render them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pillow_heif
from PIL import Image
from pipeline import imaging
from pipeline.imaging.formats import pillow_name
from pipeline.model import (
    Contrast,
    Format,
    ImageInfo,
    Limits,
    Position,
    Rendition,
    Style,
    Variant,
    Watermark,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
BLACK = (0, 0, 0)

LIMITS = Limits(source_bytes=50_000_000, pixels=50_000_000, memory_bytes=1769 << 20)
STYLE = Style(
    watermark=None,
    background=WHITE,
    keep_copyright=False,
    keep_provenance=True,
    exif_facts=(),
    blurred_placeholder=False,
)
VARIANT = Variant(
    name="web",
    width=64,
    height=64,
    format=None,
    watermark=False,
)
MARK = Watermark(
    text="© Ωμέγα Жук",
    logo=None,
    font=None,
    position=Position.BOTTOM_RIGHT,
    width_percent=30,
    margin_percent=2,
    opacity_percent=60,
    rotation_degrees=0,
    color=WHITE,
    contrast=Contrast.OUTLINE,
)


def corners(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A picture whose quarters are red, green, blue and white, clockwise from the top left."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (width // 2, height // 2, width, height))
    image.paste(WHITE, (0, height // 2, width // 2, height))
    return image.convert(mode)


def gradient(width: int = 256, height: int = 64) -> Image.Image:
    """A grey ramp from black at the left to white at the right."""
    return Image.linear_gradient("L").rotate(90).resize((width, height), Image.Resampling.BILINEAR)


def scene(width: int = 400, height: int = 300) -> Image.Image:
    """A smooth picture of many colours: engines may use different filters and still agree."""
    small = Image.new("RGB", (8, 6))
    small.putdata([(37 * i % 256, 83 * i % 256, 151 * i % 256) for i in range(48)])
    return small.resize((width, height), Image.Resampling.BICUBIC)


def heic(image: Image.Image, **options: Any) -> bytes:
    """Return *image* as HEIC, which only a development dependency writes."""
    buffer = BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **{"quality": 95} | options)
    return buffer.getvalue()


def saved(image: Image.Image, format_: Format, **options: object) -> bytes:
    """Return *image* as a file of *format_*."""
    buffer = BytesIO()
    image.save(buffer, pillow_name(format_), **options)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A source's *picture*, and all its renditions."""

    picture: ImageInfo
    renditions: tuple[Rendition, ...]


def rendered(
    file: bytes, *variants: Variant, style: Style = STYLE, limits: Limits = LIMITS
) -> Rendered:
    """Open *file* and render *variants*, by default one that fits 64 x 64."""
    with imaging.open_image(BytesIO(file), limits) as source:
        rendering = imaging.render(source, variants or [VARIANT], style)
        return Rendered(picture=rendering.info, renditions=tuple(rendering))


def result(file: bytes, *, style: Style = STYLE, **changes: Any) -> Image.Image:
    """Render one variant of *file*, `VARIANT` with *changes*, and decode the result."""
    (rendition,) = rendered(file, variant(**changes), style=style).renditions
    return opened(rendition.body)


def opened(body: bytes) -> Image.Image:
    """Return the decoded picture in *body*."""
    image = Image.open(BytesIO(body))
    image.load()
    return image


def variant(**changes: Any) -> Variant:
    """Return `VARIANT` with *changes*."""
    change: Callable[..., Variant] = replace
    return change(VARIANT, **changes)


def watermark(**changes: Any) -> Watermark:
    """Return `MARK` with *changes*."""
    change: Callable[..., Watermark] = replace
    return change(MARK, **changes)


def style(**changes: Any) -> Style:
    """Return `STYLE` with *changes*."""
    change: Callable[..., Style] = replace
    return change(STYLE, **changes)

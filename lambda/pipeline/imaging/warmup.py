"""Load the engine before it is needed, and use each usual part once."""

from importlib import import_module
from io import BytesIO
from pkgutil import walk_packages
from typing import Final

from PIL import Image

from pipeline.imaging.formats import pillow_name
from pipeline.imaging.rendering import render
from pipeline.imaging.source import open_image
from pipeline.imaging.watermark import check_watermark
from pipeline.model import Fit, Format, Limits, Style, Variant

_LIMITS: Final = Limits(source_bytes=1 << 20, pixels=1 << 20, memory_bytes=1 << 40)
_PLAIN: Final = Style(
    watermark=None,
    background=(255, 255, 255),
    keep_copyright=False,
    keep_provenance=True,
    exif_facts=(),
    blurred_placeholder=False,
)
_SIDE: Final = 64
_USUAL: Final = (Format.JPEG, Format.PNG, Format.WEBP)


def warm_up(style: Style) -> None:
    """Load every decoder and what *style* draws, so that no file has to be opened later.

    Raises `ConfigurationError` like `check_watermark`, at the end.
    """
    package = import_module(__name__.rpartition(".")[0])
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    for format_ in Format:
        pillow_name(format_)
    for format_ in _USUAL:
        rehearse(format_)
    if style.watermark is not None:
        check_watermark(style.watermark)


def rehearse(format_: Format) -> None:
    """Render a small picture that is a file of *format_*."""
    file = BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, pillow_name(format_))
    file.seek(0)
    with open_image(file, _LIMITS) as source:
        for _ in render(source, [_variant(format_)], _PLAIN):
            pass


def _variant(format_: Format) -> Variant:
    return Variant(
        name="warm",
        width=_SIDE,
        height=_SIDE,
        fit=Fit.COVER,
        format=format_,
        watermark=False,
    )

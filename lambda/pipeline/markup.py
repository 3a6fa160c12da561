"""Ready-made HTML for the images of a variant (HTML Living Standard, "Images")."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final, TypeAlias

from pipeline.model import Format, Image

DEFAULT_SIZES: Final = "100vw"
"""What browsers assume of an image without `sizes`: as wide as the window."""

_BEST_FIRST: Final = (Format.AVIF, Format.WEBP, Format.JPEG, Format.PNG, Format.GIF)

Urls: TypeAlias = Mapping[str, str]
"""The URL of each key."""


def srcsets(images: Iterable[Image], urls: Urls) -> dict[str, str]:
    """Return the value of `srcset` for *images* of each format, the best format first."""
    return {format_.value: _srcset(found, urls) for format_, found in _by_format(images).items()}


def picture(images: Iterable[Image], urls: Urls, sizes: str) -> str:
    """Return a `<picture>` that offers *images*, or an `<img>` if they have one format.

    The widest image of the last format stands for browsers that know nothing else, and its
    `width` and `height` tell every browser the shape before anything has arrived.
    """
    formats = _by_format(images)
    *better, (_, fallback) = formats.items()
    sources = [
        _tag("source", type=format_.content_type, sizes=sizes, srcset=_srcset(candidates, urls))
        for format_, candidates in better
    ]
    is_choice = len(fallback) > 1 or sources
    choice = {"sizes": sizes, "srcset": _srcset(fallback, urls)} if is_choice else {}
    widest = fallback[-1]
    # What decides how to load comes first: a script may insert this, and browsers load at `src`.
    image = _tag(
        "img",
        loading="lazy",
        decoding="async",
        alt="",
        width=str(widest.width),
        height=str(widest.height),
        **choice,
        src=urls[widest.key],
    )
    return f"<picture>{''.join(sources)}{image}</picture>" if sources else image


def _tag(name: str, **attributes: str) -> str:
    written = "".join(f' {attribute}="{escape(value)}"' for attribute, value in attributes.items())
    return f"<{name}{written}>"


def _by_format(images: Iterable[Image]) -> dict[Format, list[Image]]:
    """Return *images* by format, the best format first, each from narrow to wide.

    Of two images of one width a browser would only ever load the first, so the other is left out.
    """
    found: dict[Format, dict[int, Image]] = {}
    for image in sorted(images, key=lambda one: (_BEST_FIRST.index(one.format), one.width)):
        found.setdefault(image.format, {}).setdefault(image.width, image)
    return {format_: [*widths.values()] for format_, widths in found.items()}


def _srcset(images: Sequence[Image], urls: Urls) -> str:
    """Return each URL with the real width in pixels."""
    return ", ".join(f"{urls[image.key]} {image.width}w" for image in images)

"""Select the configured images of an upload by its key, its options and its size."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Final

from pipeline.imaging.geometry import lay_out
from pipeline.model import Fit, ImageInfo, Point, UploadOptions, Variant, output_format
from pipeline.settings import Settings

_MOST_SHOWN: Final = 100  # characters of a value that is ignored


def for_key(key: str, settings: Settings) -> tuple[Variant, ...]:
    """Return the images that an upload under *key* may have."""
    return tuple(
        variant
        for variant in settings.variants
        if key.startswith(settings.prefixes.get(variant.name, ("",)))
    )


def chosen(variants: Sequence[Variant], options: UploadOptions) -> tuple[Variant, ...]:
    """Return the *variants* that *options* choose."""
    names = options.variants or {variant.name for variant in variants}
    return tuple(
        replace(
            variant,
            watermark=variant.watermark and options.watermark,
            focus=options.focus if variant.fit is Fit.COVER else None,
        )
        for variant in variants
        if variant.name in names
    )


def distinct(variants: Iterable[Variant], info: ImageInfo) -> tuple[Variant, ...]:
    """Return *variants* without those that would only repeat a narrower one.

    Of the widths beyond that of the source in *info*, only the first is kept.
    """
    images: dict[tuple[object, ...], Variant] = {}
    for variant in variants:
        size = lay_out(info.size, variant).canvas
        images.setdefault((variant.name, output_format(variant, info), size), variant)
    return tuple(images.values())


def upload_options(key: str, metadata: Mapping[str, str], settings: Settings) -> UploadOptions:
    """Read the options in the user metadata of the upload under *key*, if uploads may have any."""
    if not settings.upload_options:
        return UploadOptions()
    known = {variant.name for variant in for_key(key, settings)}
    chosen: dict[str, Any] = {}
    ignored = []
    for name, parse in _PARSERS.items():
        if name not in metadata:
            continue
        try:
            chosen[name] = parse(metadata[name], known)
        except ValueError as error:
            ignored.append(f"{name} is {metadata[name][:_MOST_SHOWN]!r}: {error}")
    return UploadOptions(**chosen, ignored=tuple(ignored))


def _variants(value: str, known: Set[str]) -> tuple[str, ...]:
    names = {name.strip() for name in value.split(",")}
    if unknown := names - known:
        raise ValueError(f"{', '.join(sorted(unknown))} is none of {', '.join(sorted(known))}")
    return tuple(sorted(names))


def _watermark(value: str, _: Set[str]) -> bool:
    if value.strip().lower() not in ("on", "off"):
        raise ValueError("it must be on or off")
    return value.strip().lower() == "on"


def _focus(value: str, _: Set[str]) -> Point:
    try:
        across, down = (round(float(part), 3) for part in value.split(","))
    except ValueError:
        across = down = -1.0
    if not (0 <= across <= 1 and 0 <= down <= 1):
        raise ValueError("it must be two numbers from 0 to 1, such as 0.3,0.6")
    return across, down


_PARSERS: Final[Mapping[str, Callable[[str, Set[str]], object]]] = {
    "variants": _variants,
    "watermark": _watermark,
    "focus": _focus,
}
"""By the name of the user metadata, without `x-amz-meta-`."""

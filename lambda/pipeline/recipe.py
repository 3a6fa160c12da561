"""Recipes: hashes of everything but the source's content that determines an image."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

from pipeline import imaging
from pipeline.model import Format, Variant, Watermark
from pipeline.settings import Settings


class Recipes:
    """The recipes of one deployment.

    *fingerprint* returns the version of the code that renders sources of a format. A new decoder
    changes only the recipes of the formats that it decodes.
    """

    def __init__(self, settings: Settings, fingerprint: Callable[[Format], str]) -> None:
        self._settings = settings
        self._fingerprint = fingerprint
        self._known: dict[tuple[Variant, Format], str] = {}

    def of(self, variant: Variant, source_format: Format) -> str:
        """Return the recipe of *variant* for sources of *source_format*."""
        made = (variant, source_format)
        if made not in self._known:
            self._known[made] = self._hash(variant, source_format)
        return self._known[made]

    def any_of(self, variant: Variant) -> frozenset[str]:
        """Return the recipes of *variant* for sources of every format.

        An image with one of these recipes is up to date: each recipe belongs to one source format,
        so images of the same content never have the recipe of another format.
        """
        return frozenset(self.of(variant, format_) for format_ in Format)

    def _hash(self, variant: Variant, source_format: Format) -> str:
        style = self._settings.style
        watermark = style.watermark if variant.watermark else None
        ingredients = [
            source_format,
            self._fingerprint(source_format),
            asdict(variant),
            asdict(replace(style, watermark=watermark and _by_content(watermark))),
            self._settings.cache_control,
        ]
        return sha256(json.dumps(ingredients).encode()).hexdigest()


def _by_content(watermark: Watermark) -> Watermark:
    """Return *watermark* with digests for paths, which differ from one environment to another."""
    font = watermark.font or (imaging.bundled_font() if watermark.text else None)
    return replace(watermark, logo=_digest(watermark.logo), font=_digest(font))


def _digest(file: str | None) -> str | None:
    return sha256(Path(file).read_bytes()).hexdigest() if file else None

"""The manifest of a source: one public JSON object that lists its images, for web pages.

It has the fields of the source's record and event except the private ones, and HTML to paste.
`docs/manifest.schema.json` describes it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline import markup, records
from pipeline.model import Image, ImageInfo, Outcome, shortened
from pipeline.urls import image_url

VERSION: Final = 1
"""Grows when a reader of the version before would misread a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The contents of a manifest. *etag* and *options* identify the content of the source."""

    source_key: str
    etag: str
    options: str
    info: ImageInfo
    images: tuple[Image, ...]

    @property
    def identity(self) -> tuple[str, str]:
        """The `Source.identity` of the source."""
        return self.etag, shortened(self.options)


def of_outcome(
    outcome: Outcome,
    *,
    cdn_url: str | None,
    sizes: Mapping[str, str],
) -> bytes:
    """Return the manifest of a source whose images are all there. Equal arguments, equal bytes.

    *sizes* are the values of the HTML attribute by the names of variants. Without *cdn_url*,
    which does not end in a slash, there are neither URLs nor HTML.
    """
    if outcome.source is None or outcome.info is None or not outcome.images:
        raise ValueError(f"an outcome without images: {outcome.status}")
    urls = {image.key: image_url(cdn_url, image.key) for image in outcome.images if cdn_url}
    fields = {
        "version": VERSION,
        "source_key": outcome.source.key,
        "etag": outcome.source.etag,
        **({"options": options} if (options := str(outcome.source.options)) else {}),
        **_public(records.of_picture(outcome.info)),
        "images": [_public(records.of_image(image, cdn_url)) for image in outcome.images],
        **({"variants": _html(outcome.images, urls, sizes)} if urls else {}),
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def read(body: bytes) -> Manifest | None:
    """Return what the manifest *body* says, or None if it is no manifest of this version."""
    try:
        fields = json.loads(body)
        if fields["version"] != VERSION:
            return None
        return Manifest(
            source_key=fields["source_key"],
            etag=fields["etag"],
            options=fields.get("options", ""),
            info=records.image_info_of(fields),
            images=records.images_of(fields),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _public(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a source or an image that everyone may read."""
    return {name: value for name, value in fields.items() if name not in ("exif", "warnings")}


def _html(
    images: Iterable[Image], urls: markup.Urls, sizes: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return by variant what a page needs to show it."""
    by_variant: dict[str, list[Image]] = {}
    for image in images:
        by_variant.setdefault(image.variant, []).append(image)
    return {
        name: {
            "srcset": markup.srcsets(candidates, urls),
            "sizes": (width := sizes.get(name, markup.DEFAULT_SIZES)),
            "picture": markup.picture(candidates, urls, width),
        }
        for name, candidates in by_variant.items()
    }

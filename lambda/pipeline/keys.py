"""Map source keys to the keys of their images in the processed bucket."""

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from pipeline.errors import KeyReserved, KeyTooLong
from pipeline.model import Format, Variant

MAX_KEY_BYTES: Final = 1024
"""Amazon S3 user guide, "Naming Amazon S3 objects"."""

RESERVED_PREFIX: Final = ".pipeline/"
"""Prefix in the processed bucket for objects that are not images."""

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}")


def processed_key(
    template: str,
    *,
    source_key: str,
    variant: Variant,
    source_format: Format,
    result_format: Format,
    version: str = "",
) -> str:
    """Fill *template* for one variant of one source.

    The extension is the source's if the format stays the same, and the usual one of
    *result_format* otherwise or if the variant lists formats. Raises `KeyTooLong` or
    `KeyReserved`.
    """
    stays = result_format == source_format and not variant.usual_extension
    extension = None if stays else result_format.extension
    return _filled(template, source_key, variant, extension, version)


def manifest_key(template: str, *, source_key: str) -> str:
    """Fill *template* for the manifest of one source. Raises `KeyTooLong` or `KeyReserved`."""
    directory, stem, extension = split(source_key)
    key = template.format(directory=directory, stem=stem, extension=extension)
    return _allowed(key, "of the manifest")


def candidate_keys(template: str, *variants: Variant, source_key: str) -> frozenset[str]:
    """Return every key that an image of this source may have, whatever the source contains.

    The content affects only the extension: the source's, or that of the result format.
    """
    return frozenset(
        key for variant in variants for key in _candidates(template, source_key, variant)
    )


def _candidates(template: str, source_key: str, variant: Variant) -> Iterator[str]:
    results = [variant.format] if variant.format else [Format.JPEG, Format.PNG]
    as_written = () if variant.usual_extension else (None,)
    for extension in (*as_written, *(result.extension for result in results)):
        # No image can exist under a key that is not allowed.
        with suppress(KeyTooLong, KeyReserved):
            yield _filled(template, source_key, variant, extension)


def _filled(
    template: str, source_key: str, variant: Variant, extension: str | None, version: str = ""
) -> str:
    """Fill *template*, with the extension as written if *extension* is None."""
    directory, stem, written = split(source_key)
    key = template.format(
        directory=directory,
        stem=stem,
        variant=variant.name,
        width=variant.width,
        version=version,
        extension=written if extension is None else extension,
    )
    return _allowed(key, f"for {variant.name!r}")


def _allowed(key: str, whose: str) -> str:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise KeyTooLong(
            f"the processed key {whose} would have {len(key.encode())} bytes;"
            f" S3 allows {MAX_KEY_BYTES}"
        )
    if key.startswith(RESERVED_PREFIX):
        raise KeyReserved(f"the processed key {key!r} would begin with {RESERVED_PREFIX}")
    return key


def split(key: str) -> tuple[str, str, str]:
    """Split *key* into directory, stem and extension, which joined together are the key.

    In `trips/3.5 miles` there is no extension: one has at most five letters and digits.
    """
    directory, slash, name = key.rpartition("/")
    stem, extension = posixpath.splitext(name)
    if not _EXTENSION.fullmatch(extension):
        stem, extension = name, ""
    return directory + slash, stem, extension

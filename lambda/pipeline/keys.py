"""Which key an image gets in the processed bucket."""

import posixpath
import re
from typing import Final

from pipeline.errors import KeyReserved, KeyTooLong
from pipeline.model import Format

MAX_KEY_BYTES: Final = 1024
"""Amazon S3 user guide, "Naming Amazon S3 objects"."""

RESERVED_PREFIX: Final = ".pipeline/"
"""Where the processed bucket holds what is not an image; no image is published under it."""

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}")


def processed_key(
    template: str, *, source_key: str, variant: str, source_format: Format, result_format: Format
) -> str:
    """Fill *template* for one variant of one source.

    The extension stays as it was written while the format stays, and becomes the usual one of
    *result_format* otherwise. Raises `KeyTooLong` or `KeyReserved`.
    """
    directory, stem, extension = split(source_key)
    key = template.format(
        directory=directory,
        stem=stem,
        variant=variant,
        extension=extension if result_format == source_format else result_format.extension,
    )
    if len(key.encode()) > MAX_KEY_BYTES:
        raise KeyTooLong(
            f"the processed key for {variant!r} would have {len(key.encode())} bytes;"
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

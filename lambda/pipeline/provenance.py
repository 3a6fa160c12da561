"""What a processed image says about its source, in S3 user metadata.

It identifies the source and the recipe of the image, and describes both, so that neither has to be
opened again. Anyone who can read the image can read it, so it holds nothing private.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from pipeline.model import ImageInfo, Rendition, Source

MAX_ENCODED_KEY: Final = 1024

MAX_BYTES: Final = 2048
"""User-defined metadata, names and values: Amazon S3 user guide, "Working with metadata"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Which source an image is of, and by which *recipe*: a hash of all that decided its bytes.

    *source_key* is as `encoded`. *facts* describe the image and its source as JSON; they are
    empty if they exceed the size limit or include EXIF data, which only the record may hold.
    """

    source_key: str
    source_etag: str
    source_version: str
    recipe: str
    source_options: str = ""
    facts: str = ""

    @classmethod
    def of(cls, source: Source, recipe: str, info: ImageInfo, rendition: Rendition) -> "Provenance":
        """Return the provenance of an image of *source*."""
        identity = replace(cls.of_manifest(source), recipe=recipe)
        # EXIF data is kept for the record only: the image may be public.
        public = replace(info, exif={})
        facts = {
            "width": rendition.size.width,
            "height": rendition.size.height,
            "format": rendition.format.value,
            "warnings": dict(rendition.warnings),
            "source": asdict(public),
        }
        text = json.dumps(facts, separators=(",", ":"), default=str)
        whole = replace(identity, facts=text)
        size = sum(len(name) + len(value) for name, value in whole.metadata().items())
        return identity if public != info or size > MAX_BYTES else whole

    @classmethod
    def of_manifest(cls, source: Source) -> "Provenance":
        """Return the provenance of the manifest of *source*, which no recipe decides."""
        return cls(
            source_key=encoded(source.key),
            source_etag=source.etag,
            source_version=source.version,
            source_options=source.options.identity,
            recipe="",
        )

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Provenance":
        """Read S3 user metadata; missing fields are empty strings."""
        return cls(**{field.name: metadata.get(_name(field.name), "") for field in fields(cls)})

    def metadata(self) -> dict[str, str]:
        """Return the S3 user metadata that `from_metadata` reads."""
        return {_name(field): value for field, value in asdict(self).items() if value}

    @property
    def source_identity(self) -> tuple[str, str]:
        """The `Source.identity` of the source that the image was made of."""
        return self.source_etag, self.source_options

    def is_of(self, source_key: str) -> bool:
        """Whether the image was made of the source with that key."""
        return self.source_key == encoded(source_key)

    def read_facts(self) -> Mapping[str, Any] | None:
        """Return the facts with which the image was stored, or None."""
        return json.loads(self.facts) if self.facts else None


def _name(field: str) -> str:
    """Return the name of *field* in S3 user metadata, which are HTTP headers."""
    return field.replace("_", "-")


def encoded(key: str) -> str:
    """Return *key* as ASCII for metadata: percent-encoded, or a hash if that is too long.

    The two forms differ: a percent-encoded key contains no colon.
    """
    quoted = quote(key)
    if len(quoted) <= MAX_ENCODED_KEY:
        return quoted
    return f"sha256:{sha256(key.encode()).hexdigest()}"

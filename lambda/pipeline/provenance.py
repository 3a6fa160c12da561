"""What a processed image says about its source, in S3 user metadata.

It identifies the source and the recipe of the image, and describes both, so that neither has to be
opened again. Anyone who can read the image can read it, so it holds nothing private.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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
        # EXIF data is kept for the record only: the image may be public.
        public = replace(info, exif={})
        identity = cls(
            source_key=encoded(source.key),
            source_etag=source.etag,
            source_version=source.version,
            source_options=source.options.identity,
            recipe=recipe,
        )
        facts = {
            "width": rendition.size.width,
            "height": rendition.size.height,
            "format": rendition.format.value,
            "warnings": dict(rendition.warnings),
            "source": asdict(public),
        }
        text = json.dumps(facts, separators=(",", ":"), default=str)
        if public != info or identity._size() + len("facts") + len(text) > MAX_BYTES:
            return identity
        return cls(**{**asdict(identity), "facts": text})

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
        return cls(
            source_key=metadata.get("source-key", ""),
            source_etag=metadata.get("source-etag", ""),
            source_version=metadata.get("source-version", ""),
            source_options=metadata.get("source-options", ""),
            recipe=metadata.get("recipe", ""),
            facts=metadata.get("facts", ""),
        )

    def metadata(self) -> dict[str, str]:
        """Return the S3 user metadata that `from_metadata` reads."""
        fields = {
            "source-key": self.source_key,
            "source-etag": self.source_etag,
            "source-version": self.source_version,
            "source-options": self.source_options,
            "recipe": self.recipe,
            "facts": self.facts,
        }
        return {name: value for name, value in fields.items() if value}

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

    def _size(self) -> int:
        return sum(len(name) + len(value) for name, value in self.metadata().items())


def encoded(key: str) -> str:
    """Return *key* as ASCII for metadata: percent-encoded, or a hash if that is too long.

    The two forms differ: a percent-encoded key contains no colon.
    """
    quoted = quote(key)
    if len(quoted) <= MAX_ENCODED_KEY:
        return quoted
    return f"sha256:{sha256(key.encode()).hexdigest()}"

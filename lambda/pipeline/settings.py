"""The environment, read once and checked whole, into `Settings`.

Terraform validates the same rules at plan time; what is checked here catches a function whose
environment was changed by hand. Terraform owns every default but those of a variant's fields, which
it leaves out because the size of the environment is limited.
"""

import json
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.errors import ConfigurationError
from pipeline.model import (
    Color,
    Contrast,
    ExifFact,
    Fit,
    Format,
    Limits,
    Position,
    Style,
    Variant,
    Watermark,
)

T = TypeVar("T")

_BASE_URL = re.compile(r"https://[^/?#\s]+(/[^/?#\s]+)*")

KEY_TOKENS = frozenset({"directory", "stem", "extension", "variant", "version", "width"})

MANIFEST_KEY_TOKENS = frozenset({"directory", "stem", "extension"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Where records are kept, and for how many days after the last change; None is forever."""

    table: str
    days_kept: int | None


class Access(StrEnum):
    """Who calls the upload API, and sees what."""

    OPERATOR = "operator"  # callers with IAM permission see everything
    SUBJECT = "subject"  # of an issuer of tokens: its own uploads
    PUBLIC = "public"  # everyone, what everyone uploaded


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadApi:
    """For which bucket the API hands out forms, and how long they and links to images work."""

    bucket: str
    access: Access
    form_seconds: int
    link_seconds: int
    presign: bool  # whether links are presigned although there is a CDN, which asks for signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Where the manifest of a source is, for how long caches keep it, and what it includes.

    The defaults are those of the `manifest` variable, which leaves them out of the environment.
    """

    key_template: str = "{directory}{stem}.json"
    max_age_seconds: int = 60
    blurred_placeholder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator decides."""

    processed_bucket: str
    failure_queue_url: str
    key_template: str
    cache_control: str | None
    cdn_url: str | None  # without a slash at its end
    variants: tuple[Variant, ...]
    prefixes: Mapping[str, tuple[str, ...]]  # of the keys that a variant is made for; without, all
    sizes: Mapping[str, str]  # of the HTML attribute, by variant
    upload_options: bool  # whether an upload may choose by its user metadata
    style: Style
    limits: Limits
    remove_deleted: bool  # with the source its images go
    must_be_reviewed: bool  # nothing is published without a review
    manifest: Manifest | None
    metadata: Metadata | None
    completion_bus: str | None
    upload_api: UploadApi | None
    require_sandbox: bool

    @property
    def has_versions(self) -> bool:
        """Whether the key of an image tells its content, so that no image ever changes."""
        return "{version}" in self.key_template

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings from *environment*.

        Raises `ConfigurationError`, naming the variable and its value, at the first that is
        missing or wrong.
        """

        def read(name: str, parse: Callable[[str], T]) -> T:
            if name not in environment:
                raise ConfigurationError(f"{name} is not set")
            try:
                return parse(environment[name])
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ConfigurationError(f"{name} is {environment[name]!r}: {error}") from error

        def optional(name: str, parse: Callable[[str], T]) -> T | None:
            return read(name, parse) if name in environment else None

        package = read("LAMBDA_TASK_ROOT", Path)
        manifest = optional("MANIFEST", _manifest)
        return cls(
            processed_bucket=read("PROCESSED_BUCKET", _text),
            failure_queue_url=read("FAILURE_QUEUE_URL", _text),
            key_template=read("KEY_TEMPLATE", _key_template),
            cache_control=optional("CACHE_CONTROL", _text),
            cdn_url=optional("CDN_URL", _base_url),
            variants=read("VARIANTS", _variants),
            prefixes=read("VARIANTS", _prefixes),
            sizes=read("VARIANTS", _sizes),
            upload_options=optional("UPLOAD_OPTIONS", _boolean) or False,
            style=Style(
                watermark=optional("WATERMARK", partial(_watermark, package)),
                background=read("BACKGROUND", _color),
                keep_copyright=read("KEEP_COPYRIGHT", _boolean),
                keep_provenance=read("KEEP_PROVENANCE", _boolean),
                exif_facts=optional("EXIF_FACTS", _exif_facts) or (),
                blurred_placeholder=manifest is not None and manifest.blurred_placeholder,
            ),
            limits=Limits(
                source_bytes=read("MAX_SOURCE_MEGABYTES", _positive) * 1_000_000,
                pixels=read("MAX_MEGAPIXELS", _positive) * 1_000_000,
                formats=optional("FORMATS", _formats) or frozenset(Format),
                memory_bytes=read("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", _positive) * 1024 * 1024,
            ),
            remove_deleted=optional("REMOVE_DELETED", _boolean) or False,
            must_be_reviewed=optional("MUST_BE_REVIEWED", _boolean) or False,
            manifest=manifest,
            metadata=optional("METADATA", _metadata),
            completion_bus=optional("COMPLETION_BUS", _text),
            upload_api=optional("UPLOAD_API", _upload_api),
            require_sandbox=optional("REQUIRE_SANDBOX", _boolean) or False,
        )


def _text(value: str) -> str:
    if not value:
        raise ValueError("it must not be empty")
    return value


def _base_url(value: str) -> str:
    if not _BASE_URL.fullmatch(value):
        raise ValueError("it must be an https URL without a slash at its end")
    return value


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("it must be at least 1")
    return number


def _boolean(value: str) -> bool:
    return {"true": True, "false": False}[value]


def _exif_facts(value: str) -> tuple[ExifFact, ...]:
    return tuple(map(ExifFact, json.loads(value)))


def _formats(value: str) -> frozenset[Format]:
    formats = frozenset(map(Format, json.loads(value)))
    if not formats:
        raise ValueError("it must name at least one format")
    return formats


def _metadata(value: str) -> Metadata:
    fields = json.loads(value)
    return Metadata(table=fields["table"], days_kept=fields.get("days_kept"))


def _manifest(value: str) -> Manifest:
    manifest = Manifest(**json.loads(value))
    _check_tokens(manifest.key_template, MANIFEST_KEY_TOKENS)
    return manifest


def _upload_api(value: str) -> UploadApi:
    fields = json.loads(value)
    return UploadApi(**{"presign": False, **fields, "access": Access(fields["access"])})


def _color(value: str) -> Color:
    digits = value.removeprefix("#")
    if len(digits) != 6 or digits == value:
        raise ValueError("a colour is written #rrggbb")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _key_template(value: str) -> str:
    _check_tokens(value, KEY_TOKENS)
    return value


def _check_tokens(template: str, known: frozenset[str]) -> None:
    tokens = {token for _, token, _, _ in string.Formatter().parse(template) if token is not None}
    if unknown := tokens - known:
        raise ValueError(f"{sorted(unknown)} is none of {sorted(known)}")


def _position(value: str, *, other: str) -> Position | None:
    return None if value == other else Position(value)


def _aspect_ratio(value: str) -> tuple[int, int]:
    across, down = map(int, value.split(":"))
    return across, down


def _variants(value: str) -> tuple[Variant, ...]:
    configured = json.loads(value).items()
    variants = tuple(variant for name, fields in configured for variant in _images(name, fields))
    if not variants:
        raise ValueError("it must name at least one variant")
    return variants


def _prefixes(value: str) -> Mapping[str, tuple[str, ...]]:
    configured = json.loads(value).items()
    return {name: tuple(fields["prefixes"]) for name, fields in configured if "prefixes" in fields}


def _sizes(value: str) -> Mapping[str, str]:
    configured = json.loads(value).items()
    return {name: _text(fields["sizes"]) for name, fields in configured if "sizes" in fields}


def _images(name: str, fields: Mapping[str, Any]) -> Iterator[Variant]:
    """Yield the images of one configured variant: all formats of a width, then the next wider."""
    for width in sorted(fields.get("widths", [])) or [fields.get("width")]:
        for format_ in fields.get("formats") or [fields.get("format", "keep")]:
            yield _variant(name, fields, width, None if format_ == "keep" else Format(format_))


def _variant(
    name: str, fields: Mapping[str, Any], width: int | None, format_: Format | None
) -> Variant:
    given = {field: parse(fields[field]) for field, parse in _FIELDS.items() if field in fields}
    return Variant(
        **given,
        name=name,
        width=width,
        format=format_,
        usual_extension="formats" in fields,
        full_chroma=fields.get("chroma") == "4:4:4",
        lossless=format_ in (None, Format.WEBP) and fields.get("lossless", False),
        palette=format_ in (None, Format.PNG) and fields.get("palette", False),
    )


_FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "height": int,
    "aspect_ratio": _aspect_ratio,
    "fit": Fit,
    "position": partial(_position, other="entropy"),
    "enlarge": bool,
    "sharpen": bool,
    "quality": int,
    "max_bytes": int,
    "watermark": bool,
}
"""The fields of a variant that are the same for all its images."""


def _watermark(package: Path, value: str) -> Watermark:
    fields = json.loads(value)
    return Watermark(
        text=fields.get("text"),
        logo=_packaged(package, fields.get("logo")),
        font=_packaged(package, fields.get("font")),
        position=_position(fields["position"], other="tile"),
        width_percent=fields["width_percent"],
        margin_percent=fields["margin_percent"],
        opacity_percent=fields["opacity_percent"],
        rotation_degrees=fields["rotation_degrees"],
        color=_color(fields["color"]),
        contrast=Contrast(fields["contrast"]),
    )


def _packaged(package: Path, name: str | None) -> str | None:
    return str(package / name) if name else None

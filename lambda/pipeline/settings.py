"""The environment, read once and checked whole, into `Settings`.

Terraform validates the same rules at plan time and owns every default; what is checked here
catches a function whose environment was changed by hand.
"""

import json
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import ConfigurationError
from pipeline.model import (
    Color,
    Contrast,
    Fit,
    Format,
    Limits,
    Position,
    Style,
    Variant,
    Watermark,
)

T = TypeVar("T")

KEY_TOKENS = frozenset({"directory", "stem", "extension", "variant"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Where records are kept, and for how many days after the last change; None is for ever."""

    table: str
    days_kept: int | None


class Access(StrEnum):
    """Who calls the upload API, and sees what."""

    OPERATOR = "operator"  # whoever may sign for it sees everything
    SUBJECT = "subject"  # of an issuer of tokens: its own uploads
    PUBLIC = "public"  # everyone, what everyone uploaded


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadApi:
    """For which bucket the API hands out forms, and how long they and links to images work."""

    bucket: str
    access: Access
    form_seconds: int
    link_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator decides."""

    processed_bucket: str
    failure_queue_url: str
    key_template: str
    cache_control: str | None
    variants: tuple[Variant, ...]
    style: Style
    limits: Limits
    metadata: Metadata | None
    completion_bus: str | None
    upload_api: UploadApi | None

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
        return cls(
            processed_bucket=read("PROCESSED_BUCKET", _text),
            failure_queue_url=read("FAILURE_QUEUE_URL", _text),
            key_template=read("KEY_TEMPLATE", _key_template),
            cache_control=optional("CACHE_CONTROL", _text),
            variants=read("VARIANTS", _variants),
            style=Style(
                watermark=optional("WATERMARK", partial(_watermark, package)),
                background=read("BACKGROUND", _color),
                keep_copyright=read("KEEP_COPYRIGHT", _boolean),
            ),
            limits=Limits(
                source_bytes=read("MAX_SOURCE_MEGABYTES", _positive) * 1_000_000,
                pixels=read("MAX_MEGAPIXELS", _positive) * 1_000_000,
                memory_bytes=read("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", _positive) * 1024 * 1024,
            ),
            metadata=optional("METADATA", _metadata),
            completion_bus=optional("COMPLETION_BUS", _text),
            upload_api=optional("UPLOAD_API", _upload_api),
        )


def _text(value: str) -> str:
    if not value:
        raise ValueError("it must not be empty")
    return value


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("it must be at least 1")
    return number


def _boolean(value: str) -> bool:
    return {"true": True, "false": False}[value]


def _metadata(value: str) -> Metadata:
    fields = json.loads(value)
    return Metadata(table=fields["table"], days_kept=fields.get("days_kept"))


def _upload_api(value: str) -> UploadApi:
    fields = json.loads(value)
    return UploadApi(**{**fields, "access": Access(fields["access"])})


def _color(value: str) -> Color:
    digits = value.removeprefix("#")
    if len(digits) != 6 or digits == value:
        raise ValueError("a colour is written #rrggbb")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _key_template(value: str) -> str:
    tokens = {token for _, token, _, _ in string.Formatter().parse(value) if token is not None}
    if unknown := tokens - KEY_TOKENS:
        raise ValueError(f"{sorted(unknown)} is none of {sorted(KEY_TOKENS)}")
    return value


def _position(value: str, *, other: str) -> Position | None:
    return None if value == other else Position(value)


def _variants(value: str) -> tuple[Variant, ...]:
    variants = tuple(_variant(name, fields) for name, fields in json.loads(value).items())
    if not variants:
        raise ValueError("it must name at least one variant")
    return variants


def _variant(name: str, fields: Mapping[str, Any]) -> Variant:
    return Variant(
        name=name,
        width=fields.get("width"),
        height=fields.get("height"),
        fit=Fit(fields["fit"]),
        position=_position(fields["position"], other="entropy"),
        enlarge=fields["enlarge"],
        sharpen=fields["sharpen"],
        format=None if fields["format"] == "keep" else Format(fields["format"]),
        quality=fields.get("quality"),
        full_chroma=fields["chroma"] == "4:4:4",
        lossless=fields["lossless"],
        palette=fields["palette"],
        max_bytes=fields.get("max_bytes"),
        watermark=fields["watermark"],
    )


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

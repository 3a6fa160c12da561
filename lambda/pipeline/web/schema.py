"""Validate values against the part of JSON Schema that the API's description uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

KEYWORDS: Final = frozenset(
    {
        *("type", "required", "properties", "additionalProperties", "enum"),
        *("minLength", "maxLength", "minimum", "maximum"),
    }
)
"""The keywords of JSON Schema that `violations` supports."""

_TYPES: Final = {"object": dict, "string": str, "integer": int}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is wrong with a value, and where: a JSON pointer as a URI fragment (RFC 6901)."""

    pointer: str
    detail: str


def violations(value: object, schema: Mapping[str, Any], pointer: str = "#") -> Iterator[Violation]:
    """Yield every way in which *value* violates *schema*, whose `KEYWORDS` alone are checked."""
    kind = schema["type"]
    # In JSON Schema, 174.0 is an integer and true is not; in Python it is the reverse.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool):
        yield Violation(pointer=pointer, detail=f"must be of type {kind}")
    elif isinstance(value, dict):
        yield from _object_violations(value, schema, pointer)
    elif "enum" in schema and value not in schema["enum"]:
        yield Violation(pointer=pointer, detail=f"must be one of {', '.join(schema['enum'])}")
    else:
        yield from _limit_violations(value, schema, pointer)


def _object_violations(
    value: Mapping[str, Any], schema: Mapping[str, Any], pointer: str
) -> Iterator[Violation]:
    properties = schema["properties"]
    for name in schema.get("required", ()):
        if name not in value:
            yield Violation(pointer=f"{pointer}/{name}", detail="is required")
    for name, element in value.items():
        if name in properties:
            yield from violations(element, properties[name], f"{pointer}/{name}")
        elif schema.get("additionalProperties") is False:
            yield Violation(pointer=pointer, detail=f"has only {', '.join(properties)}")


def _limit_violations(value: Any, schema: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    measure, unit = (len(value), " characters long") if isinstance(value, str) else (value, "")
    least = schema.get("minLength" if unit else "minimum")
    most = schema.get("maxLength" if unit else "maximum")
    if least is not None and measure < least:
        yield Violation(pointer=pointer, detail=f"must be at least {least:,}{unit}")
    if most is not None and measure > most:
        yield Violation(pointer=pointer, detail=f"must be at most {most:,}{unit}")

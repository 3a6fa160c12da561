"""Values checked against JSON Schema, as far as the API's own description goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_TYPES: Final = {"object": dict, "string": str, "integer": int}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is wrong with a value, and where: a JSON pointer, as RFC 6901 has them in fragments."""

    pointer: str
    detail: str


def violations(value: object, schema: Mapping[str, Any], pointer: str = "#") -> Iterator[Violation]:
    """Yield what *schema* forbids about *value*.

    It may use type, required, properties, additionalProperties, enum, and the limits of lengths
    and of numbers; other keywords say nothing here.
    """
    kind = schema["type"]
    # To JSON Schema 174.0 is an integer; true is no number, though to Python it is one.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool):
        yield Violation(pointer=pointer, detail=f"must be of type {kind}")
    elif isinstance(value, dict):
        yield from _of_object(value, schema, pointer)
    elif "enum" in schema and value not in schema["enum"]:
        yield Violation(pointer=pointer, detail=f"must be one of {', '.join(schema['enum'])}")
    else:
        yield from _of_limits(value, schema, pointer)


def _of_object(
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


def _of_limits(value: Any, schema: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    measure, unit = (len(value), " characters long") if isinstance(value, str) else (value, "")
    least = schema.get("minLength" if unit else "minimum")
    most = schema.get("maxLength" if unit else "maximum")
    if least is not None and measure < least:
        yield Violation(pointer=pointer, detail=f"must be at least {least:,}{unit}")
    if most is not None and measure > most:
        yield Violation(pointer=pointer, detail=f"must be at most {most:,}{unit}")

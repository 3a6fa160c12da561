"""Requests validated against the API's own description."""

from typing import Any

import pytest
from pipeline import web
from pipeline.web.schema import KEYWORDS, violations

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "size"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "kind": {"type": "string", "enum": ["cat", "dog"]},
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
    },
}


@pytest.mark.parametrize("size", [1, 10, 10.0])
def test_a_valid_value_has_no_violations(size: float) -> None:
    assert list(violations({"name": "tom", "kind": "cat", "size": size}, SCHEMA)) == []


@pytest.mark.parametrize(
    ("value", "pointer", "detail"),
    [
        ([], "#", "must be of type object"),
        (None, "#", "must be of type object"),
        ({"name": "tom"}, "#/size", "is required"),
        ({"name": "tom", "size": 1, "age": 3}, "#", "has only name, kind, size"),
        ({"name": 5, "size": 1}, "#/name", "must be of type string"),
        ({"name": "", "size": 1}, "#/name", "must be at least 1 characters long"),
        ({"name": "thomas", "size": 1}, "#/name", "must be at most 5 characters long"),
        ({"name": "tom", "kind": "cow", "size": 1}, "#/kind", "must be one of cat, dog"),
        ({"name": "tom", "size": 0}, "#/size", "must be at least 1"),
        ({"name": "tom", "size": 11}, "#/size", "must be at most 10"),
        ({"name": "tom", "size": float("inf")}, "#/size", "must be of type integer"),
        ({"name": "tom", "size": 1.5}, "#/size", "must be of type integer"),
        ({"name": "tom", "size": True}, "#/size", "must be of type integer"),
        ({"name": "tom", "size": "1"}, "#/size", "must be of type integer"),
    ],
)
def test_a_violation_names_its_place_and_the_rule(value: Any, pointer: str, detail: str) -> None:
    [violation] = violations(value, SCHEMA)
    assert (violation.pointer, violation.detail) == (pointer, detail)


def test_all_violations_are_found() -> None:
    assert len(list(violations({"name": "", "kind": "cow"}, SCHEMA))) == 3


def test_the_description_uses_no_keyword_that_is_not_checked() -> None:
    description = web.description(max_bytes=1000, accepts_options=True)
    parameters = description["paths"]["/images"]["get"]["parameters"]
    upload = description["components"]["schemas"]["Upload"]
    options = upload["properties"]["options"]["properties"]
    properties = [*upload["properties"].values(), *options.values()]
    schemas = [upload, *properties, *(each["schema"] for each in parameters)]
    assert set().union(*schemas) <= KEYWORDS | {"description", "default"}

"""Write the tables of docs/variables.md from variables.tf and outputs.tf.

Like terraform-docs, it writes between markers; unlike it, it lists fields of objects.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tools import ROOT

PAGE: Final = ROOT / "docs" / "variables.md"

_BEGIN: Final = "<!-- BEGIN_TF_DOCS -->\n"
_END: Final = "<!-- END_TF_DOCS -->\n"
_NOTE: Final = """\
`kms_key` is `{ arn = "…" }`. The other objects have these fields, all of them optional. Terraform
ignores fields that an object does not have; `make up` and `make demo` refuse them.
"""
_FIELD: Final = r"^    (\w+) += optional\((\w+(?:\(.*?\)+)?)(?:, ([^)]+))?\) +# (.*)$"


class Field(NamedTuple):
    """The declaration of a field of an object."""

    name: str
    kind: str
    default: str
    meaning: str


class Variable(NamedTuple):
    """The declaration of a variable. *fields* are the optional fields of an object."""

    name: str
    default: str
    meaning: str
    is_map: bool
    fields: list[Field]


def page(text: str) -> str:
    """Return *text* with up-to-date tables between the markers."""
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}{_tables()}{_END}{after}"


def variables() -> Iterator[Variable]:
    """Yield every variable. Raises ValueError if a field is declared in an unknown form."""
    text = (ROOT / "variables.tf").read_text()
    for name, body in re.findall(r'^variable "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL):
        [default] = re.findall(r"^  default +=(.*)$", body, re.MULTILINE)
        fields = [Field(*found) for found in re.findall(_FIELD, body, re.MULTILINE)]
        if len(fields) != len(re.findall(r"^    \w+ += optional\(", body, re.MULTILINE)):
            raise ValueError(f"variable {name} has a field without a comment beside it")
        yield Variable(
            name,
            default.strip(),
            _description(body),
            bool(re.search(r"^  type += map\(object", body, re.MULTILINE)),
            fields,
        )


def _tables() -> str:
    described = list(variables())
    parts = [
        _table(
            "variable | default | meaning",
            ((f"`{v.name}`", f"`{v.default}`", v.meaning) for v in described),
        ),
        _NOTE,
    ]
    for variable in described:
        if variable.fields:
            each = ", each" if variable.is_map else ""
            rows = (
                (f"`{f.name}`", f"`{f.kind}`", f"`{f.default or 'null'}`", f.meaning)
                for f in variable.fields
            )
            parts += [
                f"`{variable.name}`{each}:\n",
                _table("field | type | default | meaning", rows),
            ]
    outputs = re.findall(
        r'^output "(\w+)" {\n(.*?)^}', (ROOT / "outputs.tf").read_text(), re.MULTILINE | re.DOTALL
    )
    parts += [
        "## Outputs\n",
        _table("output | meaning", ((f"`{name}`", _description(body)) for name, body in outputs)),
    ]
    return "\n".join(parts)


def _table(heading: str, rows: Iterator[tuple[str, ...]]) -> str:
    rule = " | ".join("---" for _ in heading.split(" | "))
    lines = [heading, rule, *(" | ".join(row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


def _description(body: str) -> str:
    [description] = re.findall(r'^  description = "(.*)"$', body, re.MULTILINE)
    return str(description).replace('\\"', '"')


def main() -> None:
    """Run from the command line."""
    PAGE.write_text(page(PAGE.read_text()))

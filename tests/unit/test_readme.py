"""The README says what is so."""

import re
from pathlib import Path

import pytest
from pipeline import errors

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
VARIABLES = (ROOT / "variables.tf").read_text()


def reasons() -> list[str]:
    return [error.reason for error in errors.Rejected.__subclasses__()]


@pytest.mark.parametrize("name", re.findall(r'^variable "(\w+)"', VARIABLES, re.MULTILINE))
def test_every_variable_is_there_with_its_default(name: str) -> None:
    [body] = re.findall(rf'^variable "{name}" {{\n(.*?)^}}', VARIABLES, re.MULTILINE | re.DOTALL)
    [default] = re.findall(r"^  default +=(.*)$", body, re.MULTILINE)
    assert f"\n| `{name}` | `{default.strip()}` |" in README


@pytest.mark.parametrize("variable", ["variants", "watermark"])
def test_every_field_is_there_with_its_default(variable: str) -> None:
    [fields] = re.findall(
        rf'^variable "{variable}" .*?  type += [a-z(]+{{(.*?)^  }}',
        VARIABLES,
        re.MULTILINE | re.DOTALL,
    )
    for name, default in re.findall(r"(\w+) += optional\(\w+(?:, (.+))?\)", fields):
        rows = re.findall(rf"^\|[^|]*`{name}`[^|]*\|([^|]*)\|", README, re.MULTILINE)
        assert any((default or "") in row for row in rows), f"{name}: {default}"


@pytest.mark.parametrize("reason", reasons())
def test_every_reason_is_there(reason: str) -> None:
    assert f"`{reason}`" in README


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"^(?:\$ |.*`)?make ([a-z-]+)", README, re.MULTILINE)))
)
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("test", sorted(set(re.findall(r"`(test_\w+)`", README))))
def test_every_test_that_is_named_exists(test: str) -> None:
    assert any(f"def {test}(" in file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_file_that_is_linked_exists(path: str) -> None:
    assert (ROOT / path).exists()

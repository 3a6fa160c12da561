"""Every exception from a lint or a type has its reason on its line, or on the line above."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.documents import ROOT

# Nothing follows the marker and its codes.
BARE = re.compile(r"# (noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[\w, -]+\])\s*$")
ANY = re.compile(r"#\s*(noqa|type: ignore)\b")


def sources() -> Iterator[Path]:
    for folder in ("lambda", "tools", "tests"):
        yield from (ROOT / folder).rglob("*.py")


def unexplained(lines: list[str]) -> Iterator[int]:
    """Yield the number of each line with an exception and no reason."""
    above = ""
    for number, line in enumerate(lines, 1):
        if BARE.search(line) and not above.lstrip().startswith("#"):
            yield number
        above = line


def test_every_exception_has_its_reason() -> None:
    found = {path: path.read_text().splitlines() for path in sources()}
    assert sum(bool(ANY.search(line)) for lines in found.values() for line in lines) > 20
    assert [
        f"{path.relative_to(ROOT)}:{number}"
        for path, lines in found.items()
        for number in unexplained(lines)
    ] == []

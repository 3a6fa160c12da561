"""The README, the pages in docs, and those for contributors and of the examples."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANIFEST_SCHEMA = ROOT / "docs" / "manifest.schema.json"
_WHERE = ("README.md", "CHANGELOG.md", "docs/*.md", ".github/*.md", "examples/*/README.md")
PAGES = {page: page.read_text() for where in _WHERE for page in sorted(ROOT.glob(where))}
TEXT = "\n".join(PAGES.values())


def page(name: str) -> str:
    return PAGES[ROOT / "docs" / f"{name}.md"]


def links() -> list[tuple[Path, str]]:
    """Return every relative link, with the page that has it."""
    return [
        (page, link)
        for page, text in PAGES.items()
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    ]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings outside of code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

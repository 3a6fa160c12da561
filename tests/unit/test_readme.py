"""The README and the pages in docs are correct."""

import re
from pathlib import Path

import pytest
from pipeline import errors

from tests.documents import PAGES, ROOT, TEXT, anchors, links, page
from tools.build import variables_page


def reasons() -> list[str]:
    return [error.reason for error in errors.Rejected.__subclasses__()]


def test_the_page_on_variables_is_current() -> None:
    assert variables_page.page(page("variables")) == page("variables"), (
        "run: python tools variables"
    )


@pytest.mark.parametrize("reason", reasons())
def test_every_rejection_reason_is_documented(reason: str) -> None:
    assert f"`{reason}`" in page("reliability")


@pytest.mark.parametrize(
    "target",
    sorted(set(re.findall(r"^(?:\$ |.*`)?make (?:-C \S+ )?([a-z][a-z-]*)", TEXT, re.MULTILINE))),
)
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("test", sorted(set(re.findall(r"`(test_\w+)`", TEXT))))
def test_every_test_that_is_named_exists(test: str) -> None:
    assert any(f"def {test}(" in file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize(
    ("source", "link"), links(), ids=[f"{page.stem}: {link}" for page, link in links()]
)
def test_every_relative_link_leads_to_a_file_and_a_heading(source: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (source.parent / path).resolve() if path else source
    assert target.exists()
    assert not anchor or anchor in anchors(PAGES[target])


def test_the_readme_links_every_page() -> None:
    readme = ROOT / "README.md"
    linked = {ROOT / link.partition("#")[0] for source, link in links() if source == readme}
    unlinked = set(PAGES) - linked
    assert {page for page in unlinked if "examples" not in page.parts} == {readme}
    assert ROOT / "examples" in linked


def test_the_readme_is_short() -> None:
    assert len(PAGES[ROOT / "README.md"].splitlines()) <= 200


def test_the_times_in_the_readme_are_those_of_the_page_on_images() -> None:
    [figures] = re.findall(
        r"a JPEG takes (\S+) × as long as with sharp, an AVIF\s(\S+) ×", PAGES[ROOT / "README.md"]
    )
    rows = (
        re.escape(name) + r" \| \d+ \| (\S+)" for name in ("JPEG → 1024 px JPEG", "JPEG → AVIF")
    )
    assert [re.findall(row, page("images")) for row in rows] == [[figure] for figure in figures]

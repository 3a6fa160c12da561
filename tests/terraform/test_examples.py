"""Every example has a page, and is planned: examples.tftest.hcl has a run of its name.

test_configuration.py runs it, together with all other runs, so that Terraform starts only once.
"""

import re
from pathlib import Path

import pytest

from tools import ROOT
from tools.build.terraform_tests import runs
from tools.terraform import TESTS

EXAMPLES = sorted(file.parent for file in (ROOT / "examples").glob("*/main.tf"))

examples = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


@examples
def test_every_example_is_planned(example: Path) -> None:
    file = f"{TESTS}/examples.tftest.hcl"
    assert example.name in [run.name for run in runs() if run.file == file]
    text = (ROOT / file).read_text()
    assert f'module {{ source = "./examples/{example.name}" }}' in text


@examples
def test_every_example_uses_this_repository_and_no_provider_of_its_own(example: Path) -> None:
    text = "".join(file.read_text() for file in sorted(example.glob("*.tf")))
    assert re.search(r'^  source += "\.\./\.\."$', text, re.MULTILINE)
    assert not re.search(r'^provider "', text, re.MULTILINE)  # it would not be mocked


@examples
def test_every_example_has_a_short_page(example: Path) -> None:
    assert len((example / "README.md").read_text().splitlines()) <= 20

"""A Terraform too old for the tests is named before anything else is tried."""

import os
from pathlib import Path

import pytest

from tools.build.terraform_tests import CannotTest, Configuration


def test_a_terraform_too_old_for_the_tests_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "terraform"
    program.write_text("""#!/bin/sh\necho '{"terraform_version": "1.9.8"}'\n""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    with pytest.raises(CannotTest, match=r"^Terraform 1.11 or later is needed to test, not 1.9.8"):
        Configuration(tmp_path / "build").prepare()

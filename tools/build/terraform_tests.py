"""Test the Terraform configuration with a mocked provider, without AWS.

Three things make it fast. One command tests all files of a folder, because each command reads the
provider's schema. One provider process serves all runs; Terraform itself would start one for each
run, even with a mock. Tests in tests/terraform/variables, which expect a refusal, are planned
against variables.tf alone, which needs no provider.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools import ROOT
from tools.environment import Credentials, isolated
from tools.provider import GARBAGE_COLLECTION, running_provider
from tools.terraform import TESTS, Event, Terraform, installed_version, is_opentofu, linked_root

VARIABLES = f"{TESTS}/variables"

_OLDEST = (1, 11)  # the first version whose mocked provider can serve plan runs
_RUN = re.compile(r'^run "(.+)" {', re.MULTILINE)


class Run(NamedTuple):
    """One run of a test file; *file* is relative to the repository."""

    file: str
    name: str


class CannotTest(Exception):
    """Terraform is too old, or is OpenTofu."""


class Configuration:
    """The configuration in *folder*, prepared for its tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = GARBAGE_COLLECTION | isolated(
            os.environ,
            endpoint="https://127.0.0.1:1",
            home=folder,
            credentials=Credentials.random(),
        )
        self._whole = Terraform(folder / "whole", self._environment)
        self._variables = Terraform(folder / "variables", self._environment)

    def prepare(self) -> None:
        """Write both root modules and install the provider. Raises `CannotTest`."""
        if is_opentofu(self._environment):
            raise CannotTest("OpenTofu cannot run these tests: it has no override_during.")
        version = installed_version(self._environment)
        if version < _OLDEST:
            oldest, found = (".".join(map(str, numbers)) for numbers in (_OLDEST, version))
            raise CannotTest(f"Terraform {oldest} or later is needed to test, not {found}.")
        linked_root(self._whole.folder)
        shutil.rmtree(self._variables.folder, ignore_errors=True)
        self._variables.folder.mkdir()
        for name in ("variables.tf", "lambda", "tests", "tools"):
            (self._variables.folder / name).symlink_to(ROOT / name)
        self._whole.init(f"-test-directory={TESTS}")
        self._variables.init(f"-test-directory={VARIABLES}")

    def validate(self) -> None:
        """Raise `CommandFailed` if the configuration is not valid."""
        self._whole.validate()

    @contextmanager
    def provider(self) -> Iterator[None]:
        """Run one provider process that serves every test inside the block."""
        with running_provider(self._whole.folder, self._environment) as attached:
            self._whole = Terraform(self._whole.folder, {**self._environment, **attached})
            yield

    def test(self, files: Sequence[str]) -> dict[Run, str]:
        """Run the tests in *files* and return the errors of each run, empty if it passes.

        Raises `CommandFailed` if they cannot be run.
        """
        troubles: dict[Run, str] = {}
        for folder, root in ((TESTS, self._whole), (VARIABLES, self._variables)):
            if wanted := [file for file in files if str(Path(file).parent) == folder]:
                for event in root.test(folder, wanted):
                    _note(event, troubles)
        return troubles

    def plans(self, name: str) -> Iterator[tuple[str, list[Event]]]:
        """Run the test files of this name, and yield each run with the changes that it plans."""
        for event in self._whole.plans_of_tests(name):
            yield event["@testrun"], event["test_plan"]["resource_changes"]


def runs() -> list[Run]:
    """All runs of all files, in their order."""
    return [
        Run(str(file.relative_to(ROOT)), name)
        for file in sorted((ROOT / TESTS).rglob("*.tftest.hcl"))
        for name in _RUN.findall(file.read_text())
    ]


def _note(event: Event, troubles: dict[Run, str]) -> None:
    """Record the status or the error of a run from *event*."""
    if "@testrun" not in event:
        return
    run = Run(event["@testfile"], event["@testrun"])
    if event["type"] == "test_run" and event["test_run"]["progress"] == "complete":
        status = event["test_run"]["status"]
        troubles[run] = "" if status == "pass" else f"{status}\n"
    elif event["type"] == "diagnostic" and troubles.get(run):
        diagnostic = event["diagnostic"]
        troubles[run] += f"{diagnostic['summary']}: {diagnostic['detail']}\n"

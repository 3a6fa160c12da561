"""Test the Terraform configuration with a mocked provider, without AWS.

Three things make it fast. One command tests all files of a folder, because each command reads the
provider's schema. One provider process serves all runs; Terraform itself would start one for each
run, even with a mock. What a variable accepts and refuses is planned against variables.tf alone,
which needs no provider.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tools import ROOT
from tools.environment import Credentials, isolated
from tools.provider import GARBAGE_COLLECTION, running_provider
from tools.terraform import TESTS, Event, Terraform, installed_version, is_opentofu, linked_root

_VALUES = "values"  # a folder of generated tests
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
        (self._variables.folder / _VALUES).mkdir()
        self._whole.init(f"-test-directory={TESTS}")
        self._variables.init(f"-test-directory={_VALUES}")

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
        return _troubles(self._whole.test(TESTS, files))

    def test_values(self, runs: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
        """Do the same with *runs* in Terraform's JSON syntax, by name, on variables.tf alone."""
        names = {name: f"run_{number}" for number, name in enumerate(runs)}
        for name, label in names.items():
            # Each has its own file: Terraform skips what follows a failure in a file.
            file = self._variables.folder / _VALUES / f"{label}.tftest.json"
            file.write_text(json.dumps({"run": {label: runs[name]}}))
        found = {
            run.name: trouble
            for run, trouble in _troubles(self._variables.test(_VALUES, [])).items()
        }
        return {name: found[label] for name, label in names.items()}

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


def _troubles(events: Iterable[Event]) -> dict[Run, str]:
    """Return the errors of each run from *events*, empty if it passes."""
    troubles: dict[Run, str] = {}
    for event in events:
        if "@testrun" not in event:
            continue
        run = Run(event["@testfile"], event["@testrun"])
        if event["type"] == "test_run" and event["test_run"]["progress"] == "complete":
            status = event["test_run"]["status"]
            troubles[run] = "" if status == "pass" else f"{status}\n"
        elif event["type"] == "diagnostic" and troubles.get(run):
            diagnostic = event["diagnostic"]
            troubles[run] += f"{diagnostic['summary']}: {diagnostic['detail']}\n"
    return troubles

"""Check every state machine that can be deployed with asl-validator, for `make audit`."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools import ROOT, subprocesses
from tools.build.planned import Resource, planned
from tools.subprocesses import CommandFailed

VALIDATOR = "asl-validator@4.0.0"

FOLDER = ROOT / "build" / "definitions"
FILES = ("module_backfill", "module_workflow", "module_workflow_review")


def definitions(resources: Iterable[tuple[str, Resource]]) -> Iterator[tuple[str, str]]:
    """Yield each state machine among *resources* once, with the first test that plans it."""
    seen = set()
    for name, resource in resources:
        if resource["type"] == "aws_sfn_state_machine":
            definition = resource["change"]["after"]["definition"]
            if definition not in seen:
                seen.add(definition)
                yield name, definition


def validate(files: list[Path]) -> None:
    """Install the validator temporarily and run it. Raises `CommandFailed` for a bad definition."""
    npm = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
    subprocesses.run(*npm, VALIDATOR, environment=dict(os.environ), folder=FOLDER)
    subprocesses.run(
        str(FOLDER / "node_modules" / ".bin" / "asl-validator"),
        *(f"--json-path={file}" for file in files),
        environment=dict(os.environ),
        folder=FOLDER,
    )


def main() -> None:
    """Check all definitions, unless there is no npm."""
    if not shutil.which("npm"):
        print("The state machines were not checked: npm is not installed.")
        return
    with subprocesses.interruptible():
        try:
            FOLDER.mkdir(parents=True, exist_ok=True)
            files = []
            for name, definition in definitions(planned(*FILES)):
                files.append(FOLDER / f"{name}.json")
                files[-1].write_text(json.dumps(json.loads(definition), indent=2))
            if not files:
                sys.exit("No state machine was planned by " + ", ".join(FILES))
            validate(files)
        except CommandFailed as failure:
            sys.exit(str(failure))
    print(f"{len(files)} state machines are valid.")

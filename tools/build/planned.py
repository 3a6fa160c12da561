"""The resources that the Terraform tests plan with a mocked provider, without an account."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.environment import Credentials, isolated
from tools.terraform import TESTS, Terraform, linked_root

Resource = Mapping[str, Any]

FOLDER = ROOT / "build" / "planned"


def planned(*files: str) -> Iterator[tuple[str, Resource]]:
    """Yield every resource that the tests in *files* plan, with the name of the test."""
    nowhere = isolated(
        os.environ, endpoint="https://127.0.0.1:1", home=FOLDER, credentials=Credentials.random()
    )
    terraform = Terraform(FOLDER / "root", nowhere)
    linked_root(terraform.folder)
    terraform.init(f"-test-directory={TESTS}")
    for event in terraform.plans_of_tests(*files):
        name = f"{Path(event['@testfile']).name}-{event['@testrun']}"
        for resource in event["test_plan"]["resource_changes"]:
            yield name, resource

"""Files for contributors name existing paths, and CI runs only pinned actions."""

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # comes with other packages, without types
from pipeline import events
from pipeline.model import Request

from tests.documents import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
EVENTS = sorted((ROOT / "examples" / "events").glob("*.json"))


def test_every_path_that_contributors_are_sent_to_exists() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.tf)`", text))
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_may_only_read(workflow: Path) -> None:
    fields = yaml.safe_load(workflow.read_text())
    assert fields["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: (\S+)", workflow.read_text())
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", use)] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_issue_forms_are_yaml(form: Path) -> None:
    fields = yaml.safe_load(form.read_text())
    assert form.name == "config.yml" or {"name", "description", "body"} <= fields.keys()


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: path.stem)
def test_the_function_reads_every_sample_event(event: Path) -> None:
    [record] = events.records(json.loads(event.read_text()))
    request = events.request(record)
    assert isinstance(request, Request)
    assert (request.bucket, request.key) == ("SOURCE_BUCKET", "cats/tom.jpg")
    assert request.cause.value == event.stem.rpartition("-")[2]

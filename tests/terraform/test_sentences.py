"""An invalid value is refused with a sentence that says why."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import ROOT
from tools.environment import Credentials, isolated
from tools.subprocesses import CommandFailed
from tools.terraform import Terraform

MISSING = "package_path must be the path of an existing file"


@pytest.fixture
def variables_alone(tmp_path: Path) -> Terraform:
    """Return Terraform for variables.tf alone, next to folders with names of files."""
    for name in ("variables.tf", "lambda", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("folder.png", "folder.ttf"):
        (tmp_path / name).mkdir()
    nowhere = "https://127.0.0.1:1"
    environment = isolated(
        os.environ, endpoint=nowhere, home=tmp_path, credentials=Credentials.random()
    )
    return Terraform(tmp_path, environment)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"package_path": "none.zip"}, MISSING),
        ({"package_path": "folder.png"}, MISSING),
        ({"watermark": {"logo": "folder.png"}}, "watermark.logo must be an existing"),
        (
            {"watermark": {"text": "Acme", "font": "folder.ttf"}},
            "watermark.font must be an existing",
        ),
        ({"variants": {"large": None}}, 'none may be null; check ["large"]'),
    ],
    ids=["missing", "folder for a package", "folder for a logo", "folder for a font", "null"],
)
def test_an_invalid_value_is_refused_with_a_sentence(
    variables_alone: Terraform, variables: Mapping[str, object], sentence: str
) -> None:
    given = variables_alone.folder / "given.auto.tfvars.json"
    given.write_text(json.dumps(variables))

    with pytest.raises(CommandFailed) as caught:
        variables_alone.plan()

    assert sentence in " ".join(caught.value.output.split())

"""Which settings a local deployment gets, and that it says so."""

import os
from pathlib import Path

import pytest

from tools import ROOT, settings, subprocesses
from tools.settings import Settings, SettingsError, own_settings

TFVARS = """
# name = "commented"
variants = {
  card = { width = 600, height = 400 } // width = 1
}
/* cache_control = "no" */
watermark = { text = "© a = b { # \\" x" }
trigger_prefix="in/"
key_template = <<-EOT
  max_megapixels = 3
  EOT
"""

ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "variables.tf").symlink_to(ROOT / "variables.tf")
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    return tmp_path


def test_the_variables_that_a_file_sets_are_named(root: Path) -> None:
    (root / "terraform.tfvars").write_text(TFVARS)

    assert str(own_settings("")) == (
        "terraform.tfvars (variants, watermark, trigger_prefix, key_template)"
    )


def test_the_files_are_those_that_terraform_reads_in_its_order(root: Path) -> None:
    names = ["terraform.tfvars", "terraform.tfvars.json", "a.auto.tfvars", "b.auto.tfvars.json"]
    for name in [*names, "other.tfvars"]:
        (root / name).write_text("{}" if name.endswith("json") else "")

    assert [file.name for file in own_settings("").files] == names


def test_a_file_that_is_given_is_the_only_one(root: Path, tmp_path: Path) -> None:
    (root / "terraform.tfvars").write_text("quality = 1")
    other = tmp_path / "other.tfvars"
    other.write_text('name = "other"')

    assert own_settings(str(other)).names() == ["name"]


def test_a_file_that_is_not_there_is_a_sentence(root: Path) -> None:
    with pytest.raises(SettingsError, match=r"SETTINGS=no\.tfvars: there is no such file"):
        own_settings("no.tfvars")


def test_terraform_reads_the_values_and_the_last_file_wins(root: Path) -> None:
    (root / "terraform.tfvars").write_text('trigger_prefix = "a/"\nmax_megapixels = 3\n')
    (root / "x.auto.tfvars.json").write_text('{"trigger_prefix": "b/"}')

    values = own_settings("").values(ENVIRONMENT)

    assert values == {"trigger_prefix": "b/", "max_megapixels": 3}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("terraform.tfvars", b'name = "caf\xe9"', r"terraform\.tfvars is not UTF-8"),
        ("terraform.tfvars.json", b'{"name": 3', r"terraform\.tfvars\.json is no JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(
    root: Path, name: str, content: bytes, sentence: str
) -> None:
    (root / name).write_bytes(content)

    with pytest.raises(SettingsError, match=sentence):
        own_settings("").values(ENVIRONMENT)


def test_the_log_of_terraform_is_not_taken_for_values(root: Path) -> None:
    (root / "terraform.tfvars").write_text("max_megapixels = 3\n")

    assert own_settings("").values({**ENVIRONMENT, "TF_LOG": "trace"}) == {"max_megapixels": 3}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("variants = {\n", r"terraform\.tfvars line"),
        ("cache_control = 3600", 'such as "max-age=3600"'),
        ('trigger_suffixes = ["jpg"]', r'such as "\.jpg", with\s+the\s+dot'),
        ('trigger_prefix = "/photos"', r"must not start with a slash"),
        ('watermark = { logo = "logo.svg" }', r"is\s+of\s+another\s+type"),
        ('watermark = { logo = "none.png" }', r"there\s+is\s+none\s+at"),
        ('watermark = { text = "日本" }', r"bundled\s+font\s+cannot\s+write"),
    ],
)
def test_what_terraform_refuses_is_said_with_the_name_of_the_file(
    root: Path, text: str, sentence: str
) -> None:
    (root / "terraform.tfvars").write_text(text)

    with pytest.raises(subprocesses.CommandFailed, match=sentence) as failure:
        own_settings("").values(ENVIRONMENT)

    assert "terraform.tfvars" in str(failure.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("variant = {}", "no variable variant; variants may be meant"),
        ("variants = { a = { widht = 9 } }", "no variants.a.widht; width may be meant"),
        ('watermark = { text = "a", xyz = 1 }', "no watermark.xyz; there are color, contrast"),
    ],
)
def test_a_misspelt_name_is_caught_where_terraform_passes_over_it(
    root: Path, text: str, sentence: str
) -> None:
    (root / "terraform.tfvars").write_text(text)

    with pytest.raises(SettingsError, match=sentence):
        own_settings("").values(ENVIRONMENT)


def test_a_path_in_the_settings_leads_from_the_repository(root: Path) -> None:
    (root / "logos").mkdir()
    (root / "logos" / "a.png").touch()
    (root / "terraform.tfvars").write_text('watermark = { logo = "logos/a.png" }')

    assert own_settings("").values(ENVIRONMENT)["watermark"]["logo"] == "logos/a.png"


def test_without_files_nothing_is_set(root: Path) -> None:
    assert own_settings("") == Settings([])
    assert own_settings("").values({}) == {}

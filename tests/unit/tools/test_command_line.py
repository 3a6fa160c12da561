"""Options come from the command line or, failing that, from `make`."""

import argparse
import sys
from pathlib import Path

import pytest

from tools import __main__ as tools
from tools.command_line import GIVEN_TO_MAKE, parse


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--reason")
    parser.add_argument("--dry-run", action="store_true")
    return parser


def parsed(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, *line: str, made: str = ""
) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["tools", *line])
    return parse(parser, {GIVEN_TO_MAKE: made})


@pytest.mark.parametrize(
    "photo", ["my cat.jpg", "a=$b.jpg", "-x.jpg", "a\"b'.jpg", "a\u2028\x85b.jpg"]
)
def test_variables_of_make_are_options(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, photo: str
) -> None:
    arguments = parsed(parser, monkeypatch, made=f"REASON=\n PHOTO={photo}\n DRY_RUN=1\n")

    assert arguments.photo == Path(photo)
    assert arguments.dry_run
    assert arguments.reason is None


@pytest.mark.parametrize(
    ("value", "is_on"), [("1", True), ("Yes", True), ("0", False), ("no", False), ("false", False)]
)
def test_a_flag_is_off_if_its_variable_says_so(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, value: str, *, is_on: bool
) -> None:
    assert parsed(parser, monkeypatch, made=f"DRY_RUN={value}\n").dry_run is is_on


def test_a_flag_with_another_value_is_refused(
    parser: argparse.ArgumentParser,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parsed(parser, monkeypatch, made="DRY_RUN=maybe\n")

    assert "DRY_RUN=maybe is neither yes nor no" in capsys.readouterr().err


def test_a_value_that_is_not_utf8_is_refused(
    parser: argparse.ArgumentParser,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parsed(parser, monkeypatch, made="REASON=caf\udce9\n")

    assert "REASON=caf\\udce9 is not UTF-8" in capsys.readouterr().err


def test_the_command_line_wins(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parsed(parser, monkeypatch, "--reason", "a", made="REASON=b\n").reason == "a"


def test_an_unknown_command_is_reported_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tools", "upp"])

    with pytest.raises(SystemExit, match=r"COMMAND.*backfill.*up"):
        tools.main()


@pytest.mark.parametrize("command", sorted(tools.COMMANDS))
def test_every_command_has_a_program(command: str) -> None:
    folder = Path(tools.__file__).parents[1]
    file = folder / f"{tools.COMMANDS[command].replace('.', '/')}.py"

    assert "\ndef main() -> None:\n" in file.read_text()

"""The state machines are checked if npm is installed; otherwise the check is skipped."""

import pytest

from tools.build import check_definitions


def test_without_npm_it_says_that_nothing_was_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")

    check_definitions.main()

    assert capsys.readouterr().out == "The state machines were not checked: npm is not installed.\n"


def test_every_definition_is_checked_once_and_nothing_else() -> None:
    machine = {"type": "aws_sfn_state_machine", "change": {"after": {"definition": "{}"}}}
    role = {"type": "aws_iam_role", "change": {"after": {"name": "machine"}}}
    planned = [("first", role), ("first", machine), ("second", machine)]

    assert list(check_definitions.definitions(planned)) == [("first", "{}")]

"""Nothing happens unasked."""

import io
import sys

import pytest
from asking import agreed


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [("y", True), ("Y", True), (" yes ", True), ("", False), ("n", False), ("yesterday", False)],
)
def test_only_yes_is_yes(
    answer: str, is_yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    assert agreed("Send 3?") is is_yes
    assert capsys.readouterr().out == "Send 3? [y/N] "


def test_where_nobody_can_answer_the_program_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit, match="there is nobody to ask"):
        agreed("Send 3?")

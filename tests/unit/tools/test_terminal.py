"""Nothing happens unasked, and what strangers wrote commands no terminal."""

import io
import sys

import pytest

from tools.operations.terminal import confirm, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b+%é\\ネコ🐈.jpg", "a b+%é\\ネコ🐈.jpg"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("gpj\u202e.exe\u2066\u2069", r"gpj\u202e.exe\u2066\u2069"),
        ("one\ntwo\r\u2028", r"one\ntwo\r\u2028"),
        ("\ud800\ue000", r"\ud800\ue000"),
        ("\u200b\ufeff\xa0", r"\u200b\ufeff\xa0"),
        (ValueError("a\tb"), r"a\tb"),
    ],
)
def test_only_what_is_visible_as_itself_stays(text: object, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("answer", "is_yes"),
    [("y", True), ("Y", True), (" yes ", True), ("", False), ("n", False), ("yesterday", False)],
)
def test_only_yes_is_yes(
    answer: str, is_yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    assert confirm("Send 3?") is is_yes
    assert capsys.readouterr().out == "Send 3? [y/N] "


def test_where_no_one_can_answer_the_program_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit, match="there is no one to ask"):
        confirm("Send 3?")

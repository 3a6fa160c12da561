"""The report of a backfill is short and complete."""

import json
from collections import Counter

from tools.operations import results
from tools.operations.results import Results

REJECTED = [
    {"key": f"{name}.gif", "reason": "unsupported-format", "message": "a gif"} for name in "abcd"
]


def told(**fields: object) -> list[str]:
    return list(results.report(Results(**fields)))  # type: ignore[arg-type]  # as each test says


def test_every_status_has_its_line() -> None:
    statuses = Counter({"current": 2, "published": 1700, "rejected": 4, "unreviewed": 1})
    assert told(statuses=statuses, rejections=REJECTED, unreviewed=["new\n.jpg"]) == [
        "1,700 made",
        "2 up to date already",
        '4 rejected, unsupported-format: "a.gif", "b.gif", "c.gif", …',
        '1 not reviewed yet: "new\\n.jpg"',
    ]


def test_untrusted_text_cannot_control_the_terminal() -> None:
    hostile, shown = "\x1b[2J\x9b\u202e", r"\x1b[2J\x9b\u202e"
    rejection = {"key": f"k{hostile}", "reason": f"r{hostile}", "message": "m"}
    lines = told(
        statuses=Counter({f"s{hostile}": 1, "rejected": 1}),
        rejections=[rejection],
        failures=Counter({f"e{hostile}": 1}),
        unreviewed=[f"u{hostile}"],
    )
    assert lines[:4] == [
        f"1 s{shown}",
        f'1 rejected, r{shown}: "k{shown}"',
        f'1 not reviewed yet: "u{shown}"',
        f"1 in batches that failed, e{shown}",
    ]


def test_an_incomplete_backfill_asks_for_another_run() -> None:
    failures = Counter({"TransientFailure: S3 does not answer": 20, "stopped": 10})
    assert told(failures=failures, untried=5) == [
        "20 in batches that failed, TransientFailure: S3 does not answer",
        "10 in batches that failed, stopped",
        "5 not tried",
        "Run it again: finished objects are skipped.",
    ]
    assert not Results(failures=failures).is_complete
    assert not Results(untried=1).is_complete
    assert Results(rejections=list(REJECTED)).is_complete


def test_the_whole_list_has_a_line_for_each() -> None:
    lines = list(results.lines(Results(rejections=list(REJECTED), unreviewed=["new\n.jpg"])))
    assert len(lines) == 5
    assert [json.loads(line)["reason"] for line in lines[-2:]] == [
        "unsupported-format",
        "unreviewed",
    ]

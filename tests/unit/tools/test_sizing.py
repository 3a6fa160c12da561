"""What `make bench-memory` measures through Lambda's bootstrap, and what it makes of it."""

import json
from pathlib import Path

import pytest

from tools.bench.runtime_api import Cpu, FunctionFailed, function
from tools.bench.s3 import MemoryS3
from tools.bench.s3_server import served
from tools.bench.sizing import MARKERS, Measured, Phase, by_package, dollars, tables, write

HANDLER = """
import os, subprocess, sys, urllib.request

def burn(milliseconds):
    import time
    end = time.process_time() + milliseconds / 1000
    while time.process_time() < end:
        pass

def handler(event, context):
    if event.get("raise"):
        raise ValueError("no")
    if event.get("get"):
        return urllib.request.urlopen(event["get"]).read().decode()
    burn(event["own"])
    program = f"import index; index.burn({event['others']})"
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
    return {"milliseconds": context.get_remaining_time_in_millis(), "paths": sys.path}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "index.py").write_text(HANDLER)
    return folder


def test_a_function_runs_through_the_bootstrap_with_nothing_else_on_its_path(task: Path) -> None:
    with function(task, {}) as started:
        response = json.loads(started.invoke({"own": 0, "others": 0}))

    assert 0 < response["milliseconds"] <= 60_000
    assert not [path for path in response["paths"] if ".venv" in path]
    assert str(task) in response["paths"]


def test_processor_time_is_told_apart_by_process(task: Path) -> None:
    with function(task, {}) as started:
        before = started.cpu()
        started.invoke({"own": 300, "others": 0})
        used = started.cpu().since(before)

    assert 290 <= used.own < 600
    assert before.own > 0


def test_what_ended_before_the_answer_counts_as_well(task: Path) -> None:
    with function(task, {}) as started:
        before = started.cpu()
        started.invoke({"own": 0, "others": 300})
        used = started.cpu().since(before)

    assert used.others >= 290


def test_an_error_of_the_function_is_one_here(task: Path) -> None:
    with function(task, {}) as started, pytest.raises(FunctionFailed, match="ValueError"):
        started.invoke({"raise": True})


def test_a_function_that_does_not_start_is_an_error(task: Path) -> None:
    (task / "index.py").write_text("import os; os._exit(3)")

    with pytest.raises(FunctionFailed, match="status 3"), function(task, {}):
        pass


def test_s3_is_served_to_another_process(task: Path) -> None:
    s3 = MemoryS3()
    s3.upload("source", "a.txt", b"hello")
    with served(s3) as address, function(task, {"NO_PROXY": "*"}) as started:
        response = started.invoke({"get": f"http://{address}/source/a.txt"})

    assert json.loads(response) == "hello"


def test_memory_is_a_share_of_the_processors() -> None:
    phase = Phase(cpu=Cpu(own=100, others=60), waited=50)

    assert phase.milliseconds(1769) == pytest.approx(50 + 160)
    assert phase.milliseconds(1769 // 2) == pytest.approx(50 + 320, rel=0.01)
    # No process runs on two processors, so that two end when the longer one does.
    assert phase.milliseconds(2 * 1769) == pytest.approx(50 + 100)


def test_dollars_are_those_of_lambdas_prices() -> None:
    second = Phase(cpu=Cpu(own=0, others=0), waited=1000)

    assert dollars("arm64", 1024, second) == pytest.approx(13.3334 + 0.20)
    assert dollars("x86_64", 2048, second, second) == pytest.approx(4 * 16.6667 + 0.20)


def test_an_import_counts_by_its_package_at_its_best() -> None:
    rounds = [{"json": 2.0, "botocore.a": 5.0, "botocore.b": 1.0}, {"json": 1.0, "botocore.a": 7.0}]

    assert by_package(rounds) == {"botocore": 6.0, "Python's own": 1.0}


def test_the_tables_are_written_between_their_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKERS[0]}old\n{MARKERS[1]}after\n")
    phase = Phase(cpu=Cpu(own=10, others=0), waited=0)
    measured = Measured(kind="cat", memories=[1769], start=phase, first=phase, later=phase)

    write(page, tables([measured], {"botocore": 3.0}))

    text = page.read_text()
    assert text.startswith(f"before\n{MARKERS[0]}| picture |")
    assert text.endswith(f"| **all** | **3** |\n{MARKERS[1]}after\n")
    assert "| cat | 512 |  | rejected |" in text
    assert "| cat | 1769 | 10 | 10 | 10 | 0.43 |" in text
    assert "\nold\n" not in text


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no place")

    with pytest.raises(ValueError, match="has no markers for the tables"):
        write(page, "")

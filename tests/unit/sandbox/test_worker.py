"""The worker's environment, what its children inherit, and its end."""

import re
import sys
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep

import pytest
from pipeline.model import Format
from pipeline.sandbox import Sandbox
from pipeline.sandbox.launch import Worker

from tests.unit.imaging.pictures import LIMITS, STYLE, saved, scene, variant
from tests.unit.sandbox import attackers
from tests.unit.sandbox.reports import Reports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def worker() -> Iterator[Worker]:
    with closing(Worker(STYLE)) as worker:
        worker.await_ready()
        yield worker


def process(worker: Worker) -> Path:
    return Path(f"/proc/{worker._process.pid}")


def test_its_environment_contains_only_settings_of_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    with closing(Worker(STYLE)) as worker:
        worker.await_ready()
        environment = (process(worker) / "environ").read_text().split("\0")
    assert sorted(environment) == ["", "LD_LIBRARY_PATH=/nowhere", "MALLOC_ARENA_MAX=1"]


def test_its_standard_streams_are_null(worker: Worker) -> None:
    streams = [str((process(worker) / "fd" / str(number)).readlink()) for number in range(3)]
    assert streams == ["/dev/null"] * 3


def test_it_has_one_thread_when_it_forks() -> None:
    with closing(Sandbox(STYLE, required=True, report=Reports())) as sandbox:
        # An image of this size is resized by two threads.
        file = saved(scene(3000, 2000), Format.PNG)
        with sandbox.open(BytesIO(file), LIMITS) as opened:
            assert list(opened.render([variant(width=1000, height=1000)], STYLE))
        assert sandbox._worker
        assert len(list((process(sandbox._worker) / "task").iterdir())) == 1


def test_it_ends_with_the_handler(worker: Worker) -> None:
    worker._control.close()
    assert worker._process.wait(timeout=5) == 0


def test_its_children_have_their_pipes_and_no_socket_to_it() -> None:
    program = attackers.program(attackers.count_open_files)
    with (
        closing(Sandbox(STYLE, required=True, report=Reports(), program=program)) as sandbox,
        sandbox.open(BytesIO(saved(scene(), Format.PNG)), LIMITS) as opened,
    ):
        # Three times /dev/null, and three pipes.
        assert opened.info.warnings == {"open files": 6}


def test_a_child_that_waits_for_an_upload_is_restricted_already(worker: Worker) -> None:
    process = Path(f"/proc/{worker.child().process}")
    deadline = monotonic() + 10
    while monotonic() < deadline and not _is_sealed(process):
        sleep(0.01)
    assert _is_sealed(process)
    limits = (process / "limits").read_text()
    assert re.search(r"^Max open files +0 +0 ", limits, re.MULTILINE)
    assert re.search(r"^Max file size +0 +0 ", limits, re.MULTILINE)


def _is_sealed(process: Path) -> bool:
    return "\nSeccomp:\t2\n" in (process / "status").read_text()

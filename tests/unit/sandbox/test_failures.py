"""Children that fail, workers that are lost, and files that do not arrive."""

import resource
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from io import BytesIO
from time import monotonic

import pytest
from pipeline.errors import ConfigurationError, CorruptImage, ImageTooLarge, TransientFailure
from pipeline.imaging.memory import header_seconds
from pipeline.model import Format, Rendition
from pipeline.sandbox import InProcess, Sandbox

from tests.unit.imaging.peak import forget_peak, peak_bytes
from tests.unit.imaging.pictures import (
    LIMITS,
    STYLE,
    VARIANT,
    saved,
    scene,
    style,
    variant,
    watermark,
)
from tests.unit.sandbox import attackers
from tests.unit.sandbox.reports import Reports

FILE = saved(scene(), Format.PNG)


@contextmanager
def sandbox_of(attacker: attackers.Attacker, reports: Reports | None = None) -> Iterator[Sandbox]:
    sandbox = Sandbox(
        STYLE,
        required=True,
        report=Reports() if reports is None else reports,
        program=attackers.program(attacker),
    )
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(STYLE, required=True, report=Reports())
    yield sandbox
    sandbox.close()


def render(renderer: Sandbox | InProcess, *, deadline: float | None = None) -> list[Rendition]:
    with renderer.open(BytesIO(FILE), LIMITS, deadline=deadline) as opened:
        return list(opened.render([VARIANT], STYLE))


@pytest.mark.parametrize("liar", attackers.LIARS, ids=lambda liar: liar.__name__)
def test_a_child_that_violates_the_protocol_is_not_trusted(liar: attackers.Attacker) -> None:
    with sandbox_of(liar) as sandbox, pytest.raises(CorruptImage, match="the decoder sent"):
        render(sandbox)


def test_exceeding_the_cpu_limit_is_a_rejection_with_the_time_used() -> None:
    with sandbox_of(attackers.spin) as sandbox, pytest.raises(ImageTooLarge) as rejected:
        render(sandbox)
    assert "too long" in str(rejected.value)
    assert rejected.value.details["cpu_seconds"] == pytest.approx(header_seconds(), abs=1)


def test_exceeding_the_memory_limit_is_a_rejection_with_the_memory_used() -> None:
    reports = Reports()
    forget_peak()
    limits = replace(LIMITS, memory_bytes=peak_bytes() + (500 << 20))
    with (
        sandbox_of(attackers.devour, reports) as sandbox,
        pytest.raises(ImageTooLarge) as rejected,
        sandbox.open(BytesIO(FILE), limits),
    ):
        pass
    assert "too much memory" in str(rejected.value)
    used = rejected.value.details["memory_used"]
    assert used == pytest.approx(500 << 20, rel=0.1)
    assert "child crashed" not in reports.events


@pytest.mark.parametrize("attacker", [attackers.crash, attackers.leave])
def test_a_crash_is_retried_once_and_then_a_rejection(attacker: attackers.Attacker) -> None:
    reports = Reports()
    with (
        sandbox_of(attacker, reports) as sandbox,
        pytest.raises(CorruptImage, match="crashed twice"),
    ):
        render(sandbox)
    assert reports.events.count("child crashed") == 2


@pytest.mark.parametrize("first", [b"killed", b"crash!"])
def test_a_kill_from_outside_says_nothing_about_the_file(first: bytes) -> None:
    reports = Reports()
    with (
        sandbox_of(attackers.end_as_told, reports) as sandbox,
        pytest.raises(TransientFailure, match="interrupted twice: exit code -9"),
        sandbox.open(BytesIO(first), LIMITS, reopen=lambda: BytesIO(b"killed")),
    ):
        pass
    assert reports.events.count("child crashed") == 2


def test_a_child_that_does_not_begin_to_read_says_nothing_about_the_file() -> None:
    with (
        closing(
            Sandbox(STYLE, required=True, report=Reports(), program=attackers.STILLBORN)
        ) as sandbox,
        pytest.raises(TransientFailure, match="exit code 1 before the walls were up"),
    ):
        render(sandbox)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
def test_a_worker_that_is_out_of_memory_is_replaced() -> None:
    reports = Reports()
    with closing(Sandbox(STYLE, required=True, report=reports)) as sandbox:
        sandbox.fingerprint(Format.PNG)
        starved = sandbox._worker
        assert starved is not None
        resource.prlimit(starved._process.pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
        assert render(sandbox) == render(InProcess())
        assert sandbox._worker is not starved
        assert reports.events.count("child crashed") == 1


def test_the_second_attempt_reads_the_reopened_file() -> None:
    reopened = []

    def reopen() -> BytesIO:
        reopened.append(BytesIO(FILE))
        return reopened[-1]

    first = BytesIO(FILE)
    with (
        sandbox_of(attackers.crash) as sandbox,
        pytest.raises(CorruptImage, match="crashed twice"),
        sandbox.open(first, LIMITS, reopen=reopen),
    ):
        pass
    assert first.closed
    [second] = reopened
    assert second.closed


def test_an_upload_is_rendered_after_one_crash() -> None:
    with (
        sandbox_of(attackers.end_as_told) as sandbox,
        sandbox.open(BytesIO(b"crash!" + FILE[6:]), LIMITS, reopen=lambda: BytesIO(FILE)) as opened,
    ):
        assert list(opened.render([VARIANT], STYLE)) == render(InProcess())


def test_renditions_made_before_a_crash_are_not_repeated() -> None:
    variants = [variant(name=name) for name in ("first", "second", "third")]
    yielded = []
    with (
        sandbox_of(attackers.crash_after_the_first) as sandbox,
        sandbox.open(BytesIO(FILE), LIMITS) as opened,
    ):
        renditions = iter(opened.render(variants, STYLE))
        yielded.append(next(renditions).variant)
        with pytest.raises(CorruptImage, match="crashed twice"):
            yielded += [rendition.variant for rendition in renditions]
    assert yielded == ["first"]


def test_running_out_of_time_is_transient() -> None:
    with sandbox_of(attackers.sleep) as sandbox:
        sandbox.fingerprint(Format.PNG)
        start = monotonic()
        with pytest.raises(TransientFailure, match="out of time"):
            render(sandbox, deadline=start + 0.5)
        assert monotonic() - start < 30  # it would sleep forever


class Broken(BytesIO):
    """A file whose end does not arrive."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise TransientFailure("reset by peer")
        return super().read(100)


def test_a_download_that_breaks_is_transient(sandbox: Sandbox) -> None:
    with (
        pytest.raises(TransientFailure, match="reset by peer"),
        sandbox.open(Broken(FILE), LIMITS) as opened,
    ):
        list(opened.render([VARIANT], STYLE))
    assert render(sandbox)


def test_a_source_can_be_closed_without_rendering(sandbox: Sandbox) -> None:
    with sandbox.open(BytesIO(FILE), LIMITS) as opened:
        assert opened.info.format is Format.PNG
    assert render(sandbox)


def test_a_lost_worker_is_replaced(sandbox: Sandbox) -> None:
    assert render(sandbox)
    worker = sandbox._worker
    assert worker is not None
    worker._process.kill()
    worker._process.wait()
    assert render(sandbox) == render(InProcess())


NO_WORKER = "import sys; sys.exit(3)"


def test_without_a_worker_sources_are_rendered_in_process_and_that_is_reported() -> None:
    reports = Reports()
    sandbox = Sandbox(STYLE, required=False, report=reports, program=NO_WORKER)
    assert render(sandbox) == render(InProcess())
    assert sandbox.fingerprint(Format.PNG) == InProcess().fingerprint(Format.PNG)
    assert reports.events.count("worker lost") == 2
    assert "rendered in process" in reports.events


def test_without_a_required_worker_nothing_is_decoded() -> None:
    sandbox = Sandbox(STYLE, required=True, report=Reports(), program=NO_WORKER)
    with pytest.raises(TransientFailure, match="does not start"):
        render(sandbox)
    with pytest.raises(TransientFailure, match="does not start"):
        sandbox.fingerprint(Format.PNG)


def test_a_style_that_cannot_be_drawn_is_a_configuration_error() -> None:
    marked = style(watermark=watermark(logo="missing.png"))
    sandbox = Sandbox(marked, required=True, report=Reports())
    with pytest.raises(ConfigurationError, match=r"missing\.png"):
        render(sandbox)
    sandbox.close()


def test_a_style_other_than_the_workers_is_refused(sandbox: Sandbox) -> None:
    with (
        sandbox.open(BytesIO(FILE), LIMITS) as opened,
        pytest.raises(ValueError, match="another style"),
    ):
        opened.render([VARIANT], style(keep_copyright=True))

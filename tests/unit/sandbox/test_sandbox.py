"""Uploads rendered in the sandbox."""

import io
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from pipeline import imaging
from pipeline.download import Download
from pipeline.errors import CorruptImage, EmptyFile, UnsupportedFormat
from pipeline.model import BROWSER_FORMATS, Format, Rendition
from pipeline.sandbox import InProcess, Sandbox
from pipeline.timing import measured

from tests.unit.imaging.pictures import (
    LIMITS,
    STYLE,
    VARIANT,
    heic,
    saved,
    scene,
    style,
    variant,
    watermark,
)
from tests.unit.sandbox.reports import Reports


@pytest.fixture(scope="module")
def reports() -> Reports:
    return Reports()


@pytest.fixture(scope="module")
def sandbox(reports: Reports) -> Iterator[Sandbox]:
    sandbox = Sandbox(STYLE, required=True, report=reports)
    yield sandbox
    sandbox.close()


def made(renderer: Sandbox | InProcess, file: bytes) -> list[Rendition]:
    variants = [variant(name=str(format_), format=format_) for format_ in sorted(BROWSER_FORMATS)]
    with renderer.open(BytesIO(file), LIMITS) as opened:
        return list(opened.render(variants, STYLE))


@pytest.mark.parametrize("format_", Format)
def test_every_format_is_rendered_as_in_process(sandbox: Sandbox, format_: Format) -> None:
    image = scene()
    file = heic(image) if format_ is Format.HEIC else saved(image, format_)
    assert made(sandbox, file) == made(InProcess(), file)


def test_image_info_is_as_in_process(sandbox: Sandbox) -> None:
    file = saved(scene(), Format.PNG)
    with (
        sandbox.open(BytesIO(file), LIMITS) as there,
        InProcess().open(BytesIO(file), LIMITS) as here,
    ):
        assert there.info == here.info
        assert there.render([VARIANT], STYLE).info == here.render([VARIANT], STYLE).info


def test_stages_are_timed_in_the_child(sandbox: Sandbox) -> None:
    with measured() as milliseconds:
        made(sandbox, saved(scene(), Format.JPEG))
    assert list(milliseconds) == ["decode", "resize", "encode"]


def test_fingerprints_are_those_of_the_engine(sandbox: Sandbox) -> None:
    assert {format_: sandbox.fingerprint(format_) for format_ in Format} == {
        format_: imaging.engine(format_) for format_ in Format
    }


@pytest.mark.parametrize(
    ("file", "error"),
    [
        (b"", EmptyFile),
        (b"<svg/>", UnsupportedFormat),
        (saved(scene(), Format.PNG)[:400], CorruptImage),
    ],
)
def test_a_bad_file_is_rejected_as_in_process(
    sandbox: Sandbox, file: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error) as here:
        made(InProcess(), file)
    with pytest.raises(error) as there:
        made(sandbox, file)
    assert str(there.value) == str(here.value)
    assert vars(there.value) == vars(here.value)


def test_the_walls_are_reported_once(sandbox: Sandbox, reports: Reports) -> None:
    for _ in range(2):
        made(sandbox, saved(scene(), Format.JPEG))
    assert [facts["walls"] for event, facts in reports if event == "walls"] == [
        ("limits", "undumpable", "filter")
    ]


@pytest.mark.parametrize("mark", ["text", "logo"])
def test_watermarks_are_drawn_without_opening_a_file(mark: str, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(saved(scene(40, 30), Format.PNG))
    fields = {"text": "© Ωж"} if mark == "text" else {"text": None, "logo": str(logo)}
    marked = style(watermark=watermark(**fields))
    made = []
    with closing(Sandbox(marked, required=True, report=Reports())) as sandbox:
        for renderer in (sandbox, InProcess()):
            with renderer.open(BytesIO(saved(scene(), Format.JPEG)), LIMITS) as opened:
                variants = [variant(width=300, height=300, watermark=True)]
                made.append(list(opened.render(variants, marked)))
    assert made[0] == made[1]


def test_a_file_is_read_while_it_arrives(sandbox: Sandbox) -> None:
    data = BytesIO(saved(scene(), Format.PNG) + bytes(400_000))
    pieces = []

    def read(_: int) -> bytes:
        pieces.append(data.read(1000))
        return pieces[-1]

    file = io.BufferedReader(Download(read=read, close=data.close, length=len(data.getvalue())))
    with sandbox.open(file, LIMITS) as opened:
        assert opened.info.format is Format.PNG
        assert sum(map(len, pieces)) < 300_000
        assert list(opened.render([VARIANT], STYLE))
        assert not pieces[-1]

"""The accepted formats, and the modules that opening a file loads."""

import sys
from dataclasses import replace
from io import BytesIO
from subprocess import run

import pytest
from pipeline.errors import UnsupportedFormat
from pipeline.imaging.source import open_image
from pipeline.model import Format

from tests.unit.imaging.pictures import LIMITS, corners, heic, saved


def file_of(format_: Format) -> bytes:
    return heic(corners()) if format_ is Format.HEIC else saved(corners(), format_)


@pytest.mark.parametrize("format_", Format)
def test_format_that_is_not_accepted_is_unsupported(format_: Format) -> None:
    others = replace(LIMITS, formats=frozenset(Format) - {format_})
    with pytest.raises(UnsupportedFormat, match=f"uploads in {format_} are not") as refusal:
        open_image(BytesIO(file_of(format_)), others)
    assert refusal.value.details["format"] == format_.value


@pytest.mark.parametrize("format_", Format)
def test_format_that_is_accepted_alone_is_opened(format_: Format) -> None:
    alone = replace(LIMITS, formats=frozenset({format_}))
    with open_image(BytesIO(file_of(format_)), alone) as source:
        assert source.picture.format is format_


PROGRAM = """
import sys
from dataclasses import replace
from io import BytesIO
from pipeline.errors import Rejected
from pipeline.imaging.source import open_image
from pipeline.model import Format, Limits
limits = Limits(source_bytes=1 << 20, pixels=1 << 20, memory_bytes=1 << 30)
accepted = frozenset(map(Format, sys.argv[1].split()))
try:
    open_image(BytesIO(sys.stdin.buffer.read()), replace(limits, formats=accepted))
except Rejected as rejection:
    print(rejection.reason)
print("pillow_heif" in sys.modules, "PIL.AvifImagePlugin" in sys.modules)
"""


def loaded(file: bytes, accepted: str) -> list[str]:
    """Open *file* in a fresh process; return whether it was rejected, and the loaded modules."""
    done = run(
        [sys.executable, "-c", PROGRAM, accepted],
        input=file,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split()


def test_decoder_of_a_format_that_is_not_accepted_is_not_loaded() -> None:
    assert loaded(heic(corners()), "jpeg avif") == ["unsupported-format", "False", "False"]
    assert loaded(saved(corners(), Format.AVIF), "jpeg heic")[1:] == ["False", "False"]


def test_heic_decoder_is_loaded_only_for_heic() -> None:
    assert loaded(saved(corners(), Format.AVIF), "heic avif") == ["False", "True"]
    assert loaded(saved(corners(), Format.JPEG), "heic jpeg") == ["False", "False"]
    assert loaded(heic(corners()), "heic") == ["True", "False"]

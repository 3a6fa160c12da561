"""Rendering in the function's own process."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep

import pytest
from pipeline import imaging
from pipeline.errors import CorruptImage, TransientFailure
from pipeline.model import Format, Size
from pipeline.sandbox import InProcess

from tests.unit.imaging.pictures import LIMITS, STYLE, VARIANT, saved, scene, variant

LAMBDA = Path(__file__).parents[3] / "lambda"


def test_a_source_is_opened_and_rendered() -> None:
    with InProcess().open(BytesIO(saved(scene(), Format.JPEG)), LIMITS) as opened:
        assert opened.info.size == Size(width=400, height=300)
        rendering = opened.render([VARIANT], STYLE)
        assert rendering.info.placeholder
        assert [rendition.variant for rendition in rendering] == [VARIANT.name]


def test_damage_is_a_rejection() -> None:
    file = BytesIO(saved(scene(), Format.PNG)[:400])
    with pytest.raises(CorruptImage), InProcess().open(file, LIMITS) as opened:
        opened.render([VARIANT], STYLE)


def test_no_rendition_is_started_after_the_deadline() -> None:
    variants = [variant(name="first"), variant(name="second")]
    file = BytesIO(saved(scene(), Format.JPEG))
    deadline = monotonic() + 2
    with InProcess().open(file, LIMITS, deadline=deadline) as opened:
        renditions = iter(opened.render(variants, STYLE))
        assert next(renditions).variant == "first"
        sleep(deadline - monotonic())
        with pytest.raises(TransientFailure, match="out of time"):
            next(renditions)


def test_the_fingerprint_is_that_of_the_engine() -> None:
    assert InProcess().fingerprint(Format.HEIC) == imaging.engine(Format.HEIC)


@pytest.mark.parametrize(
    "module", ["model", "sandbox", "imaging.formats", "imaging.geometry", "timing"]
)
def test_what_the_handler_imports_needs_no_pillow(module: str) -> None:
    code = f"import pipeline.{module}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=LAMBDA, capture_output=True, text=True, check=True
    )
    assert "PIL" not in done.stdout.split()

"""The parts of the pinned packages that are in the function's package."""

import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from tools import ROOT
from tools.build import package, wheels
from tools.build.interpreters import this_python
from tools.build.package import PLATFORMS, SERVICES, SOURCE, _is_litter, _is_used, _trimmed, build
from tools.build.wheels import WheelError

AS_AN_OLD_PYTHON = """
import runpy, sys
sys.version_info = (3, 9, 18, "final", 0)
runpy.run_path("tools", run_name="__main__")
"""


def test_the_service_models_match_the_functions_clients() -> None:
    sources = "".join(file.read_text() for file in SOURCE.rglob("*.py"))

    assert set(re.findall(r'client\(\s*"([a-z0-9]+)"', sources)) == set(SERVICES)


@pytest.mark.parametrize(
    "path",
    [
        "PIL/JpegImagePlugin.py",
        "PIL/_imagingft.cpython-313-aarch64-linux-gnu.so",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/partitions.json",
        "aws_lambda_powertools/logging/logger.py",
        "pillow.libs/libtiff-0c352bdc.so.6.3.0",
    ],
)
def test_files_that_the_function_loads_are_packed(path: str) -> None:
    assert _is_used(PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    [
        "PIL/EpsImagePlugin.py",
        "aws_lambda_powertools/event_handler/api_gateway.py",
        "PIL/_imagingtk.cpython-313-aarch64-linux-gnu.so",
        "PIL/_imaging.pyi",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/data/s3/2006-03-01/examples-1.json",
        "pillow-13.0.0.dist-info/METADATA",
    ],
)
def test_files_that_the_function_never_loads_are_not_packed(path: str) -> None:
    assert not _is_used(PurePosixPath(path))


@pytest.mark.parametrize("path", [".DS_Store", "pipeline/__pycache__/a.pyc", "requirements.txt"])
def test_stray_files_among_the_sources_are_not_packed(path: str) -> None:
    assert _is_litter(PurePosixPath(path))


def test_a_wheel_that_the_function_could_not_run_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "pillow.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("PIL/_imaging.so", b"\xcf\xfa\xed\xfe")
    monkeypatch.setattr(wheels, "fetch", lambda *_: [wheel])

    with pytest.raises(WheelError, match=r"PIL/_imaging\.so of pillow\.whl is not built for Linux"):
        build(PLATFORMS["arm64"], tmp_path / "package.zip")


def test_an_old_python_is_reported_in_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_AN_OLD_PYTHON, "package"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or later is needed")
    assert done.stderr.endswith(" is 3.9.\n")


def test_the_list_of_endpoints_only_loses_unused_services() -> None:
    services: dict[str, object] = {"s3": {"endpoints": {}}, "ec2": {"endpoints": {}}}
    document = {"version": 3, "partitions": [{"regions": {"eu-west-1": {}}, "services": services}]}

    trimmed = json.loads(_trimmed(json.dumps(document).encode()))

    [partition] = trimmed["partitions"]
    assert partition == {"regions": {"eu-west-1": {}}, "services": {"s3": {"endpoints": {}}}}


def test_the_compiler_is_pythons_own_and_not_one_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "index.py").touch()
    (tmp_path / "compileall.py").write_text("raise SystemExit('not compileall')")
    monkeypatch.chdir(tmp_path)

    package._compile(stage, this_python())

    assert list(stage.glob("__pycache__/index.*.pyc"))

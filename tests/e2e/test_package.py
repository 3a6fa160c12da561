"""The package, built from the real wheels, is reproducible and fits its platform."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from tools import ROOT
from tools.build.package import PLATFORMS, PackageError, build

ELF_MACHINES = {"arm64": 183, "x86_64": 62}

# Without site-packages, every import must come from the zip.
ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import boto3, index, pipeline.web.api
from pipeline.imaging import engine
from pipeline.imaging.formats import pillow_name
from pipeline.model import Format
engine(Format.HEIC)
pillow_name(Format.HEIC)
for service in ("dynamodb", "events", "s3", "sqs"):
    boto3.client(service)
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
sys.exit([file for file in files if "site-packages" in file] or 0)
"""
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-central-2",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "test",
}


@pytest.fixture(scope="module")
def local_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    zipped = tmp_path_factory.mktemp("local") / "package.zip"
    build(None, zipped)
    return zipped


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_all_machine_code_is_for_the_architecture(architecture: str, tmp_path: Path) -> None:
    zipped = tmp_path / "package.zip"

    build(PLATFORMS[architecture], zipped)

    with ZipFile(zipped) as archive:
        code = [
            data for name in archive.namelist() if (data := archive.read(name))[:4] == b"\x7fELF"
        ]
    assert len(code) > 10
    assert {int.from_bytes(data[18:20], "little") for data in code} == {ELF_MACHINES[architecture]}


def test_two_builds_are_byte_identical(tmp_path: Path) -> None:
    zips = [tmp_path / "one.zip", tmp_path / "elsewhere" / "two.zip"]

    for zipped in zips:
        build(PLATFORMS["arm64"], zipped)

    assert digest(zips[0]) == digest(zips[1])


def test_the_package_needs_nothing_besides_itself(local_package: Path, tmp_path: Path) -> None:
    with ZipFile(local_package) as archive:
        archive.extractall(tmp_path)

    done = subprocess.run(
        [sys.executable, "-S", "-c", ALONE, str(tmp_path)],
        env=ENVIRONMENT | {"LAMBDA_TASK_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_bytecode_is_loaded_without_checking_the_source(local_package: Path) -> None:
    with ZipFile(local_package) as archive:
        names = archive.namelist()
        flags = {archive.read(name)[4:8] for name in names if name.endswith(".pyc")}

    assert sum(name.endswith(".pyc") for name in names) == sum(
        name.endswith(".py") for name in names
    )
    assert flags == {b"\x01\0\0\0"}  # by its hash, which is not checked: PEP 552


def test_nothing_that_the_function_does_not_load_is_packed(local_package: Path) -> None:
    with ZipFile(local_package) as archive:
        names = archive.namelist()

    for part in ("tests/", "dist-info", ".pyi", "py.typed", "ImageTk", "requirements.txt", "/ec2/"):
        assert not [name for name in names if part in name]


def test_a_logo_and_a_font_are_packed_under_fixed_names(tmp_path: Path) -> None:
    logo = tmp_path / "company logo.png"
    Image.new("RGBA", (40, 20), "red").save(logo)
    zipped = tmp_path / "package.zip"

    build(PLATFORMS["arm64"], zipped, json.dumps({"logo": str(logo)}))

    with ZipFile(zipped) as archive:
        assert archive.read("watermark/logo.png") == logo.read_bytes()


def test_a_logo_may_lie_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.new("RGBA", (40, 20), "red").save(tmp_path / "logo.png")

    build(None, tmp_path / "package.zip", json.dumps({"logo": "~/logo.png"}))

    with ZipFile(tmp_path / "package.zip") as archive:
        assert archive.read("watermark/logo.png") == (tmp_path / "logo.png").read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "is missing"), (b"no image", "logo.png")], ids=["gone", "text"]
)
def test_a_bad_logo_stops_the_build_and_keeps_the_old_package(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    logo, zipped = tmp_path / "logo.png", tmp_path / "package.zip"
    zipped.write_text("the old package")
    if content is not None:
        logo.write_bytes(content)

    with pytest.raises(PackageError, match=reason):
        build(PLATFORMS["arm64"], zipped, json.dumps({"logo": str(logo)}))

    assert zipped.read_text() == "the old package"
    assert {file.name for file in tmp_path.iterdir()} <= {"logo.png", "package.zip"}


def test_a_text_without_glyphs_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="no glyph"):
        build(None, tmp_path / "package.zip", json.dumps({"text": "\N{KATAKANA LETTER A}"}))


def test_the_command_line_ends_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools"), "package", "--architecture", "arm64"]
    command += ["--output", str(tmp_path / "package.zip"), "--watermark", '{"logo": "gone.png"}']

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "The package was not made: the watermark's logo, gone.png, is missing.\n"

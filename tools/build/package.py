"""Build the zip that Lambda runs: the function, its pinned packages and their bytecode.

Standard library only, so that Terraform can call it with any Python 3.11 or later.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tools import ROOT
from tools.build import wheels
from tools.build.interpreters import FUNCTION, Interpreter, function_python, text, this_python
from tools.build.wheels import Platform, WheelError
from tools.command_line import parse

SOURCE = ROOT / "lambda"
CACHE = ROOT / "build" / "wheels"
PLATFORMS = {"arm64": Platform("aarch64"), "x86_64": Platform("x86_64"), "local": None}

ENDPOINTS = PurePosixPath("botocore/data/endpoints.json")
SERVICES = ("dynamodb", "events", "s3", "sqs")  # the function's boto3 clients
WATERMARK_FILES = ("logo", "font")
PLUGINS = ("Avif", "Bmp", "Gif", "Jpeg", "Jpeg2K", "Mpo", "Png", "Ppm", "Tiff", "WebP")

# The packages contain much that the function never loads. Files that match UNUSED stay out of the
# zip unless they also match USED.
UNUSED = (
    "*.dist-info/*",
    "*.pyi",
    "*/py.typed",
    "*/__main__.py",
    "PIL/*FontFile.py",
    "PIL/*Plugin.py",
    "PIL/*[Mm]ath*",
    "PIL/*[Mm]orph*",
    "PIL/*[Tt]k*",
    "PIL/GdImageFile.py",
    "PIL/ImageDraw2.py",
    "PIL/ImageGrab.py",
    "PIL/ImageQt.py",
    "PIL/ImageShow.py",
    "PIL/ImageWin.py",
    "PIL/PSDraw.py",
    "PIL/PdfParser.py",
    "PIL/TarIO.py",
    "PIL/WalImageFile.py",
    "aws_lambda_powertools/event_handler/*",
    "aws_lambda_powertools/metrics/provider/datadog/*",
    "aws_lambda_powertools/utilities/*/*",
    "boto3/data/*",
    "boto3/ec2/*",
    "boto3/examples/*",
    "botocore/data/*/*",
    "dateutil/zoneinfo/*.gz",
    "fontpkg/*",
    "fontpkg_open_sans/files/*Italic*",
    "urllib3/contrib/emscripten/*",
)
USED = (
    *(f"PIL/{plugin}ImagePlugin.py" for plugin in PLUGINS),
    "aws_lambda_powertools/utilities/jmespath_utils/*",
    "aws_lambda_powertools/utilities/typing/*",
    *(f"botocore/data/{service}/*/service-2.*" for service in SERVICES),
    *(f"botocore/data/{service}/*/endpoint-rule-set-1.*" for service in SERVICES),
)


class PackageError(Exception):
    """The package cannot be built: the message says what an operator must change."""


def build(platform: Platform | None, output: Path, watermark: str | None = None) -> str:
    """Write the package for *platform* to *output* and describe it in one line.

    Without a *platform* the package is for the running interpreter and machine. *watermark* is
    the `watermark` variable as JSON. Equal inputs give equal bytes. *output* is replaced
    atomically at the end, or left unchanged.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".package-") as folder:
        stage, archive = Path(folder, "stage"), Path(folder, "package.zip")
        _write(stage, files(platform))
        if watermark:
            fields = _watermark_fields(watermark)
            _write(stage, _watermark_files(fields))
            _check_watermark(fields)
        compiler = function_python() if platform else this_python()
        if compiler:
            _compile(stage, compiler)
        _zip(stage, archive)
        archive.replace(output)
        return f"{output}: {_size(output)}, {_size(stage)} unzipped, {_bytecode(compiler)}"


def files(platform: Platform | None) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The contents of every package: the used part of the pinned packages, then the function."""
    for wheel in wheels.fetch(SOURCE / "requirements.txt", platform, CACHE):
        for path, data in wheels.contents(wheel):
            if platform:
                platform.refuse(wheel.name, path, data)
            if path == ENDPOINTS:
                yield path, _trimmed(data)
            elif _is_used(path):
                yield path, data
    for source in sorted(SOURCE.rglob("*")):
        place = PurePosixPath(source.relative_to(SOURCE))
        if source.is_file() and not _is_litter(place):
            yield place, source.read_bytes()


def _is_used(path: PurePosixPath) -> bool:
    name = str(path)
    unused = any(fnmatchcase(name, pattern) for pattern in UNUSED)
    return not unused or any(fnmatchcase(name, pattern) for pattern in USED)


def _is_litter(path: PurePosixPath) -> bool:
    """Whether *path*, inside the function's folder, is not part of the function."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return hidden or path.suffix == ".pyc" or path.name == "requirements.txt"


def _trimmed(endpoints: bytes) -> bytes:
    """Reduce botocore's list of endpoints to the services that the function uses.

    Parsing the whole list for the first client takes a sixth of a cold start's imports.
    """
    document = json.loads(endpoints)
    for partition in document["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in SERVICES if name in services}
    return json.dumps(document, separators=(",", ":")).encode()


def _watermark_fields(watermark: str) -> dict[str, object]:
    """The fields of *watermark*, with ~ in paths expanded as Terraform does."""
    fields: dict[str, object] = json.loads(watermark)
    for role in WATERMARK_FILES:
        if file := fields.get(role):
            fields[role] = str(Path(str(file)).expanduser())
    return fields


def _watermark_files(watermark: Mapping[str, object]) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The logo and the font, under the names that the function's settings use."""
    for role in WATERMARK_FILES:
        if file := watermark.get(role):
            path = Path(str(file))
            if not path.is_file():
                raise PackageError(f"the watermark's {role}, {path}, is missing")
            yield PurePosixPath("watermark", role + path.suffix), path.read_bytes()


def _check_watermark(watermark: Mapping[str, object]) -> None:
    """Raise PackageError if the function's own code cannot draw *watermark* on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), files(None))
        checker = Path(__file__).with_name("check_watermark.py")
        command = [sys.executable, "-I", "-S", str(checker), folder, json.dumps(watermark)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(done.stderr.strip())


def _write(folder: Path, files: Iterable[tuple[PurePosixPath, bytes]]) -> None:
    for path, data in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _compile(stage: Path, python: Interpreter) -> None:
    """Add bytecode that Python loads without comparing it with its source.

    It is reproducible: compileall sorts the files, and the seed fixes the order of sets.
    Tracebacks name the files as on Lambda, under /var/task. -P keeps a compileall.py in the
    current directory from running instead; -I would ignore the seed.
    """
    command = [python.path, "-P", "-S", "-s", "-m", "compileall", "-q", "-s", str(stage)]
    command += ["-p", "/var/task", "--invalidation-mode", "unchecked-hash", str(stage)]
    subprocess.run(command, env={"PYTHONHASHSEED": "0"}, check=True)


def _zip(stage: Path, archive: Path) -> None:
    """Zip all of *stage* reproducibly: without dates and modes, in a fixed order."""
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=9) as file:
        for path in sorted(path for path in stage.rglob("*") if path.is_file()):
            entry = ZipInfo(path.relative_to(stage).as_posix())
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = 0o100644 << 16
            entry.compress_type = ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())


def _size(path: Path) -> str:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def _bytecode(compiler: Interpreter | None) -> str:
    if compiler is None:
        return (
            f"no bytecode, as Python {text(FUNCTION)} is not here: cold starts take twice as long"
        )
    return f"with bytecode of Python {text(compiler.version)}"


def main() -> None:
    """Read the command line and build one package."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--architecture", required=True, choices=PLATFORMS)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--watermark", help="the `watermark` variable as JSON")
    options = parse(parser)
    try:
        print(build(PLATFORMS[options.architecture], options.output, options.watermark))
    except (PackageError, WheelError) as error:
        sys.exit(f"The package was not made: {error}.")

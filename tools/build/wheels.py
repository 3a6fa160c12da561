"""Fetch pinned wheels for a platform; refuse wheels that were changed or cannot run there.

Standard library only.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from tools.build.interpreters import FUNCTION, interpreters

LAMBDA_GLIBC = 34  # Amazon Linux 2023, the base of python3.13, has glibc 2.34

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

_BINARY = {".so", ".dylib", ".pyd", ".dll"}  # possibly followed by a version
_ELF_MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine, from the System V ABI


class WheelError(Exception):
    """A wheel is unavailable, or cannot run on its platform."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A Lambda architecture, by the machine name that wheels and ELF use."""

    machine: str

    @property
    def pip_options(self) -> list[str]:
        """Options that make pip choose wheels for the function, not for the running Python.

        pip takes each manylinux tag literally: asking for 2_34 does not find a wheel for 2_28.
        """
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in range(LAMBDA_GLIBC, 16, -1)]
        tags += [f"manylinux2014_{self.machine}"]
        version = ".".join(map(str, FUNCTION))
        abi = f"cp{version.replace('.', '')}"
        options = ["--implementation", "cp", "--python-version", version]
        options += [option for name in (abi, "abi3", "none") for option in ("--abi", name)]
        return options + [option for tag in tags for option in ("--platform", tag)]

    def refuse(self, wheel: str, path: PurePosixPath, data: bytes) -> None:
        """Raise WheelError if *path* of *wheel* is machine code that the function cannot run."""
        if not _is_binary(path, data):
            return
        name = f"{path} of {wheel}"
        if not data.startswith(b"\x7fELF\x02\x01") or (
            int.from_bytes(data[18:20], "little") != _ELF_MACHINES[self.machine]
        ):
            raise WheelError(f"{name} is not built for Linux on {self.machine}")
        python = re.search(r"\.cpython-(\d)(\d+)-", path.name)
        if python and (int(python[1]), int(python[2])) != FUNCTION:
            raise WheelError(f"{name} is built for another Python than {FUNCTION[0]}.{FUNCTION[1]}")
        if b"libc.musl-" in data:
            raise WheelError(f"{name} is built for musl, and the function has glibc")
        needed = max(map(int, re.findall(rb"\0GLIBC_2\.(\d+)(?=[\0.])", data)), default=0)
        if needed > LAMBDA_GLIBC:
            raise WheelError(
                f"{name} needs glibc 2.{needed}, and the function has 2.{LAMBDA_GLIBC}"
            )


def fetch(requirements: Path, platform: Platform | None, cache: Path) -> list[Path]:
    """The wheels that *requirements* pins by hash, downloaded once into *cache*.

    Without a *platform* they are for the running interpreter and machine. Raises WheelError if
    one is unavailable or was changed in the cache.
    """
    python = "{}{}".format(*sys.version_info[:2])
    target = platform.machine if platform else f"{sys.platform}-{python}"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    folder = cache / f"{target}-{digest}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fresh:
            _download(requirements, platform, Path(fresh) / "wheels")
            # A concurrent build may have finished first; its wheels are the same.
            with suppress(OSError):
                (Path(fresh) / "wheels").rename(folder)
    found = sorted(folder.glob("*.whl"))
    _verify(found, requirements)
    return found


def contents(wheel: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The files of *wheel* that an installer would put on the import path.

    Raises WheelError if one of them would be outside that path.
    """
    with ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            path = PurePosixPath(entry.filename)
            _refuse_elsewhere(entry.filename, wheel)
            if path.parts[0].endswith(".data"):
                if path.parts[1:2] not in {("purelib",), ("platlib",)}:
                    continue
                path = PurePosixPath(*path.parts[2:])
            yield path, archive.read(entry)


def _refuse_elsewhere(name: str, wheel: Path) -> None:
    """Raise WheelError if *name* could escape the folder it is written to, on any system."""
    is_inside = PurePosixPath(name).parts and not name.startswith("/")
    if not is_inside or ".." in name.split("/") or set(name) & set("\\:\0"):
        raise WheelError(f"{wheel.name} holds {name!r}, which would be written elsewhere")


def _verify(wheels: Sequence[Path], requirements: Path) -> None:
    """Raise WheelError unless *wheels* are exactly those that *requirements* pins.

    pip compares hashes when it downloads; a file in the cache may have changed since.
    """
    pinned = {
        _normalised(requirement.partition("==")[0]): set(_HASH.findall(requirement))
        for requirement in re.split(r"\n(?=[A-Za-z0-9])", requirements.read_text())
        if "--hash=" in requirement
    }
    missing = set(pinned)
    for wheel in wheels:
        name = _normalised(wheel.name.partition("-")[0])
        if hashlib.sha256(wheel.read_bytes()).hexdigest() not in pinned.get(name, ()):
            raise WheelError(
                f"{wheel} is not what {requirements.name} pins: delete {wheel.parent}, and its"
                " wheels are downloaded again"
            )
        missing.discard(name)
    if missing:
        raise WheelError(f"there is no wheel of {', '.join(sorted(missing))} in the cache")


def _normalised(name: str) -> str:
    """Return the *name* of a package normalised by PEP 503; wheels write every - as _."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_binary(path: PurePosixPath, data: bytes) -> bool:
    return not _BINARY.isdisjoint(path.suffixes) or data.startswith(b"\x7fELF")


def _download(requirements: Path, platform: Platform | None, folder: Path) -> None:
    # Isolated: otherwise a pip.py in the current directory is run instead of pip.
    command = [_python_with_pip(platform), "-I", "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:"]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    command += platform.pip_options if platform else []
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise WheelError(f"pip could not fetch the packages:\n{done.stderr.strip()}")


def _python_with_pip(platform: Platform | None) -> str:
    """An interpreter with pip: any for a foreign platform, only the running one for its own."""
    for interpreter in interpreters():
        if interpreter.can("pip"):
            return interpreter.path
        if platform is None:
            break
    raise WheelError(
        "no Python here has pip, which fetches the packages: install it (python3-pip on Debian)"
        " or use `make build`, which makes an environment of its own"
    )

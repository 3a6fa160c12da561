"""List the native libraries in the function's package, and refuse outdated ones."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from tools.build import package
from tools.build.package import PLATFORMS
from tools.build.wheels import WheelError

LIBRARIES = Path(__file__).with_name("native_libraries.toml")

_ELF = b"\x7fELF"
# auditwheel names the libraries that it adds to a wheel like libavif-c6062d5f.so.16.4.2.
_FILE_NAME = re.compile(r"(?P<name>.+)-[0-9a-f]{8}\.so\.(?P<version>[0-9.]+)")


class AuditError(Exception):
    """A library is too old or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A known library: its minimum version, and how to read the version from its *file*."""

    name: str
    file: str
    minimum: str
    reason: str
    version: str = ""

    def version_of(self, path: PurePosixPath, data: bytes) -> str:
        """Return the version of the library in *path*; raise AuditError if it names none."""
        if self.version:
            found = re.search(self.version.encode(), data)
            output = found[1].decode() if found else ""
        else:
            name = _FILE_NAME.fullmatch(path.name)
            output = name["version"] if name else ""
        if not output:
            raise AuditError(f"{path} does not tell the version of {self.name}")
        return output


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One library with its packaged *version*."""

    library: Library
    version: str

    @property
    def is_too_old(self) -> bool:
        """Whether the version is below the minimum."""
        return _numbers(self.version) < _numbers(self.library.minimum)


def known_libraries(file: Path = LIBRARIES) -> list[Library]:
    """Return the libraries that *file* lists."""
    listed: Mapping[str, Mapping[str, str]] = tomllib.loads(file.read_text())
    return [Library(name=name, **fields) for name, fields in listed.items()]


def examine(
    files: Iterable[tuple[PurePosixPath, bytes]], libraries: Iterable[Library]
) -> list[Found]:
    """Return the *libraries* among the *files* of a package, with their versions.

    Raises AuditError if a file is none of them, or names no version.
    """
    known: dict[str, list[Library]] = {}
    for library in libraries:
        known.setdefault(library.file, []).append(library)
    found = []
    for path, data in _bundled(files):
        name = _FILE_NAME.fullmatch(path.name)
        if name is None or name["name"] not in known:
            raise AuditError(f"{path} is not listed in {LIBRARIES.name}: review it and add it")
        found += [
            Found(library=library, version=library.version_of(path, data))
            for library in known[name["name"]]
        ]
    return found


def check(found: Iterable[Found]) -> None:
    """Raise AuditError naming every library of *found* that is too old."""
    if old := [each for each in found if each.is_too_old]:
        raise AuditError(
            "; ".join(
                f"{each.library.name} {each.version} is older than {each.library.minimum}:"
                f" {each.library.reason}"
                for each in old
            )
        )


def _bundled(
    files: Iterable[tuple[PurePosixPath, bytes]],
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the libraries that a wheel bundles besides its own extension modules."""
    for path, data in files:
        if data.startswith(_ELF) and path.parent.suffix == ".libs":
            yield path, data


def _line(found: Found) -> str:
    library = found.library
    return f"  {library.name:14} {found.version:10} at least {library.minimum:8} {library.reason}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in takewhile(str.isdecimal, version.split(".")))


def main() -> None:
    """Print the libraries of both architectures with their minimum versions."""
    libraries = known_libraries()
    try:
        for name, platform in PLATFORMS.items():
            if platform is None:
                continue
            found = examine(package.files(platform), libraries)
            print(f"Native libraries in the package for {name}:")
            for each in sorted(found, key=lambda each: each.library.name):
                print(_line(each))
            check(found)
    except (AuditError, WheelError) as error:
        sys.exit(f"The package does not pass: {error}.")

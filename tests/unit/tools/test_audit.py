"""Every native library in the package is listed, and recent enough."""

from pathlib import PurePosixPath

import pytest

from tools.build import audit, package
from tools.build.audit import AuditError, Found, Library, check, examine, known_libraries
from tools.build.package import PLATFORMS

ELF = b"\x7fELF" + bytes(20)
LIBHEIF = Library(name="libheif", file="libheif", minimum="1.23.4", reason="an overflow")
DAV1D = Library(
    name="dav1d", file="libavif", minimum="1.4.0", reason="too", version=r"dav1d (\d+\.\d+\.\d+)"
)


def file(name: str, data: bytes = ELF) -> tuple[PurePosixPath, bytes]:
    return PurePosixPath("pillow.libs", name), data


@pytest.mark.parametrize("platform", [name for name, of in PLATFORMS.items() if of])
def test_no_library_in_the_package_is_too_old(platform: str) -> None:
    libraries = known_libraries()
    found = examine(package.files(PLATFORMS[platform]), libraries)
    check(found)
    assert {each.library.name for each in found} == {each.name for each in libraries}


def test_version_is_that_of_the_file_or_of_its_content() -> None:
    files = [
        file("libheif-e72ea93c.so.1.23.6"),
        file("libavif-c6062d5f.so.16.4.2", ELF + b"dav1d 1.5.3"),
    ]
    assert examine(files, [LIBHEIF, DAV1D]) == [
        Found(library=LIBHEIF, version="1.23.6"),
        Found(library=DAV1D, version="1.5.3"),
    ]


@pytest.mark.parametrize(
    ("version", "passes"),
    [("1.23.4", True), ("1.23.10", True), ("2", True), ("1.23.3", False), ("1.23", False)],
)
def test_versions_are_compared_number_by_number(version: str, passes: bool) -> None:
    assert Found(library=LIBHEIF, version=version).is_too_old is not passes


def test_library_that_is_too_old_is_named_with_the_reason() -> None:
    with pytest.raises(AuditError, match=r"libheif 1\.23\.0 is older than 1\.23\.4: an overflow"):
        check(examine([file("libheif-7a3e919c.so.1.23.0")], [LIBHEIF]))


def test_library_that_is_not_listed_is_named() -> None:
    with pytest.raises(AuditError, match=r"libnew-7a3e919c\.so\.1 is not listed"):
        examine([file("libnew-7a3e919c.so.1")], [LIBHEIF])


def test_library_without_a_version_is_named() -> None:
    with pytest.raises(AuditError, match="does not tell the version of dav1d"):
        examine([file("libavif-c6062d5f.so.16.4.2")], [DAV1D])


def test_every_minimum_has_its_reason() -> None:
    for library in known_libraries(audit.LIBRARIES):
        assert library.reason
        assert library.minimum[0].isdecimal()

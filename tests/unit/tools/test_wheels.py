"""What may not get into the package: changed wheels, and code the function could not run."""

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from tools.build.wheels import Platform, WheelError, contents, fetch

ARM = Platform("aarch64")
WHEEL = "pillow-13.0.0-cp313-cp313-manylinux_2_28_aarch64.whl"
NAME = "PIL/_imaging.cpython-313-aarch64-linux-gnu.so"


def elf(machine: int, strings: bytes = b"") -> bytes:
    return b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + machine.to_bytes(2, "little") + strings


def test_what_the_function_can_run_is_let_in() -> None:
    ARM.refuse(WHEEL, PurePosixPath(NAME), elf(183, b"\0GLIBC_2.34\0GLIBC_2.17\0GLIBC_PRIVATE\0"))


def test_python_source_is_let_in() -> None:
    ARM.refuse(WHEEL, PurePosixPath("PIL/Image.py"), b"import os")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        (NAME, elf(62), "not built for Linux on aarch64"),
        (NAME, b"\xcf\xfa\xed\xfe", "not built for Linux on aarch64"),
        ("PIL/.dylibs/libjpeg.62.dylib", b"\xcf\xfa\xed\xfe", "not built for Linux on aarch64"),
        ("PIL/a_program", elf(62), "not built for Linux on aarch64"),
        ("PIL/_imaging.cpython-312-aarch64-linux-gnu.so", elf(183), "another Python than 3.13"),
        (NAME, elf(183, b"\0libc.musl-aarch64.so.1\0"), "built for musl"),
        ("lib/libavif.so.16.4", elf(183, b"\0GLIBC_2.35\0"), r"needs glibc 2\.35"),
    ],
    ids=["machine", "system", "library", "without a suffix", "python", "musl", "glibc"],
)
def test_what_the_function_cannot_run_is_refused(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(WheelError, match=reason):
        ARM.refuse(WHEEL, PurePosixPath(name), data)


def wheel_of(folder: Path, *names: str) -> Path:
    """Return a wheel that holds a file under each of *names*."""
    wheel = folder / "small_package-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return wheel


def test_an_installer_would_put_these_on_the_import_path(tmp_path: Path) -> None:
    data = "small_package-1.0.data"
    wheel = wheel_of(
        tmp_path, "small/a.py", f"{data}/purelib/b.py", f"{data}/scripts/c", f"{data}/platlib/d.so"
    )
    assert [str(path) for path, _ in contents(wheel)] == ["small/a.py", "b.py", "d.so"]


@pytest.mark.parametrize(
    "name",
    [
        "../a.py",
        "small/../../a.py",
        "/a.py",
        "//a.py",
        "..\\a.py",
        "C:a.py",
        "small_package-1.0.data/purelib/../../../a.py",
        "small_package-1.0.data/scripts/../../../a.py",
    ],
)
def test_a_file_that_would_be_written_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WheelError, match="which would be written elsewhere"):
        list(contents(wheel_of(tmp_path, "small/a.py", name)))


@pytest.fixture
def cached(tmp_path: Path) -> tuple[Path, Path]:
    """A file of requirements, and the one wheel that it pins, in the cache."""
    requirements = tmp_path / "requirements.txt"
    wheel = wheel_of(tmp_path, "small/a.py")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(
        f"# pinned\nsmall-package==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n"
        f"    --hash=sha256:{digest}\n"
    )
    pin = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    folder = tmp_path / "cache" / f"aarch64-{pin}"
    folder.mkdir(parents=True)
    return requirements, wheel.rename(folder / wheel.name)


def test_a_cached_wheel_is_not_downloaded_again(cached: tuple[Path, Path]) -> None:
    requirements, wheel = cached
    assert fetch(requirements, ARM, wheel.parents[1]) == [wheel]


@pytest.mark.parametrize("change", [lambda wheel: wheel.write_bytes(b"!"), Path.unlink])
def test_a_wheel_that_was_changed_in_the_cache_stops_the_build(
    cached: tuple[Path, Path], change: Callable[[Path], object]
) -> None:
    requirements, wheel = cached
    change(wheel)
    with pytest.raises(WheelError, match=r"is not what requirements\.txt pins|no wheel of small"):
        fetch(requirements, ARM, wheel.parents[1])


def test_a_wheel_that_nothing_pins_stops_the_build(cached: tuple[Path, Path]) -> None:
    requirements, wheel = cached
    stray = wheel.with_name("stray-1.0-py3-none-any.whl")
    stray.write_bytes(wheel.read_bytes())
    with pytest.raises(WheelError, match="stray-1"):
        fetch(requirements, ARM, wheel.parents[1])


def test_pip_is_the_interpreters_own_and_not_one_in_the_current_directory(
    cached: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements, wheel = cached
    info = "small_package-1.0.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: small-package\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(f"small-package==1.0 --hash=sha256:{digest}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    (tmp_path / "pip.py").write_text("raise SystemExit('not pip')")
    monkeypatch.chdir(tmp_path)

    [fetched] = fetch(requirements, ARM, tmp_path / "fresh")

    assert fetched.read_bytes() == wheel.read_bytes()

"""What may not get into the package: machine code that the function could not run."""

from pathlib import PurePosixPath

import pytest
from wheels import Platform, WheelError

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

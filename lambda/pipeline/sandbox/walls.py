"""Restrict the current process before it reads an upload: files, memory, time, system calls.

Resource limits need no privileges and work on every Unix, except that macOS does not limit address
space. Where the kernel allows it, a system call filter (seccomp) is added, and other processes of
the same user cannot read this one's memory.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

LIMITS: Final = "limits"
FILTER: Final = "filter"
UNDUMPABLE: Final = "undumpable"

# From linux/seccomp.h, linux/audit.h, linux/sched.h and linux/prctl.h.
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL: Final = 0x80000000
_EPERM, _ENOSYS = 1, 38
_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FIRST_X32_CALL: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_MODE_FILTER: Final = 2

# Offsets in struct seccomp_data; arguments are little-endian, so their lower half comes first.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16

# From linux/filter.h: load a word, jump if equal, if not less, if a bit is set; return.
_LOAD, _EQUAL, _AT_LEAST, _BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

# Numbers on x86_64 and arm64 (asm/unistd_64.h, asm-generic/unistd.h) of the calls for memory,
# threads, clocks and open pipes; None where an architecture does not have the call.
_ALLOWED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "poll": (7, None),
    "ppoll": (271, 73),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "rt_sigprocmask": (14, 135),
    "rt_sigaction": (13, 134),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "times": (100, 153),
    "sysinfo": (99, 179),
    "uname": (63, 160),
}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_PRLIMIT: Final = (302, 261)
_TGKILL: Final = (234, 131)


def forbid_files() -> None:
    """Allow no more files, sockets, pipes and programs."""
    if sys.platform == "linux":
        # If the machine runs out of memory, the kernel kills this process before its parent.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_bytes(b"1000")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, 0)


def limit(*, address_space: int, cpu_seconds: int, most_cpu_seconds: int) -> None:
    """Limit memory and CPU time.

    The process gets SIGXCPU after *cpu_seconds*, which it can raise with `limit_cpu`, and is killed
    after *most_cpu_seconds*.
    """
    if sys.platform == "linux":
        _limit(resource.RLIMIT_AS, address_space)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, most_cpu_seconds))


def limit_cpu(seconds: int) -> None:
    """Allow *seconds* of CPU time in total, up to the hard limit."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(seconds, most - 1), most))


def seal() -> list[str]:
    """Add the walls that the kernel or an outer sandbox may refuse; return those that are up."""
    if sys.platform != "linux":
        return []
    up = [UNDUMPABLE] if _prctl(_PR_SET_DUMPABLE, 0) else []
    program = _filter(platform.machine(), os.getpid())
    return [*up, FILTER] if program is not None and install(program) else up


def install(program: bytes) -> bool:
    """Install the filter *program* (BPF) for system calls; return whether that succeeded."""
    code = ctypes.create_string_buffer(program, len(program))
    reference = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    )
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1) and _prctl(
        _PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(reference)
    )


def _prctl(option: int, *arguments: int) -> bool:
    padded = [*arguments, 0, 0, 0, 0][:4]
    failed: int = ctypes.CDLL(None).prctl(option, *(ctypes.c_ulong(each) for each in padded))
    return not failed


def _limit(which: int, value: int) -> None:
    resource.setrlimit(which, (value, value))


def _filter(machine: str, process: int) -> bytes | None:
    """Return the filter that allows what rendering needs, or None on other architectures."""
    if machine not in _ARCHITECTURES:
        return None
    column = 0 if machine == "x86_64" else 1
    numbers = [calls[column] for calls in _ALLOWED.values()]
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        *_unless(_EQUAL, _ARCHITECTURES[machine], _line(_RETURN, _KILL)),
        _line(_LOAD, _NUMBER),
        *_when(_AT_LEAST, _FIRST_X32_CALL, _line(_RETURN, _ERRNO | _EPERM)),
        *(line for number in numbers if number is not None for line in _allowed(number)),
        # Without clone3 the C library starts threads with clone, whose flags a filter can see.
        *_when(_EQUAL, _CLONE3[column], _line(_RETURN, _ERRNO | _ENOSYS)),
        *_when(_EQUAL, _CLONE[column], *_if_argument(_BIT, _CLONE_THREAD)),
        *_when(_EQUAL, _PRLIMIT[column], *_if_argument(_EQUAL, 0)),
        # abort() sends a signal to its own process.
        *_when(_EQUAL, _TGKILL[column], *_if_argument(_EQUAL, process)),
        _line(_RETURN, _ERRNO | _EPERM),
    ]
    return b"".join(lines)


def _allowed(number: int) -> list[bytes]:
    return _when(_EQUAL, number, _line(_RETURN, _ALLOW))


def _if_argument(test: int, value: int) -> list[bytes]:
    """Allow the call if its first argument passes *test*, else refuse it."""
    return [
        _line(_LOAD, _FIRST_ARGUMENT),
        *_when(test, value, _line(_RETURN, _ALLOW)),
        _line(_RETURN, _ERRNO | _EPERM),
    ]


def _when(test: int, value: int, *lines: bytes) -> list[bytes]:
    return [_line(test, value, otherwise=len(lines)), *lines]


def _unless(test: int, value: int, *lines: bytes) -> list[bytes]:
    return [_line(test, value, then=len(lines)), *lines]


def _line(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)

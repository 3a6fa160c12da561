"""Attack the system from a child, as a user other than root, behind the given walls.

python -m tests.unit.sandbox.break_out WALLS FOLDER prints, for each attempt, "open" or the error.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from pipeline import imaging
from pipeline.model import BROWSER_FORMATS, Format, Style
from pipeline.sandbox import Sandbox, child, walls, worker
from pipeline.sandbox.child import Job, Pipes
from pipeline.sandbox.frames import Frame, receive, send

from tests.unit.imaging.pictures import LIMITS, STYLE, saved, scene, variant
from tests.unit.sandbox.attackers import INFO

FILTER, LIMITS_ONLY, AS_ON_LAMBDA = "filter", "limits", "lambda"
"""All walls; no filter, as none is tried; no filter, as an outer filter refuses it."""

SECRET: Final = "AKIA-not-for-children"
_NOBODY: Final = 65534
_HANDLER: Final = os.getppid()  # of the worker, in which this module is imported first
_libc = ctypes.CDLL(None, use_errno=True)

# x86_64, arm64: asm/unistd_64.h, asm-generic/unistd.h
_CALLS: Final = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "memfd_create": (319, 279),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "shmget": (29, 194),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "seccomp": (317, 277),
    "prctl": (157, 167),
}
_PTRACE_SEIZE: Final = 0x4206
_PR_SET_DUMPABLE: Final = 4


def _number(name: str) -> int:
    return _CALLS[name][0 if platform.machine() == "x86_64" else 1]


def _call(name: str, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
    """Make a system call; raise OSError unless only the address is bad, after all checks."""
    ctypes.set_errno(0)
    values = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    if _libc.syscall(ctypes.c_long(_number(name)), *values) < 0:
        code = ctypes.get_errno()
        if code != errno.EFAULT:
            raise OSError(code, os.strerror(code))


def _fork() -> None:
    if (process := os.fork()) == 0:
        os._exit(0)
    os.waitpid(process, 0)


def _run_a_program() -> None:
    """Run /bin/true, which needs its libraries."""
    process = os.fork()
    if process == 0:
        with suppress(OSError):
            os.execv("/bin/true", ["true"])  # noqa: S606 - the attack itself
        os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        raise OSError(errno.EACCES, "does not run")


def _read_the_environment() -> None:
    if SECRET not in str(dict(os.environ)) and SECRET not in Path("/proc/self/environ").read_text():
        raise OSError(errno.ENOENT, "not found")


def _connect_to_the_runtime() -> None:
    with socket.socket() as runtime:
        runtime.connect(("127.0.0.1", 9001))


def _buffer(content: bytes) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(content, len(content))


def _performance() -> ctypes.Array[ctypes.c_char]:
    """Return a struct perf_event_attr that counts this process's own time on the CPU."""
    software, cpu_clock, user_only = 1, 0, 1 << 5 | 1 << 6
    fields = struct.pack("<IIQQQQQ", software, 64, cpu_clock, 0, 0, 0, user_only)
    return _buffer(fields + bytes(64 - len(fields)))


def _vector() -> ctypes.Array[ctypes.c_char]:
    """Return a struct iovec with an invalid address."""
    return _buffer(struct.pack("<QQ", 8, 8))


def _read_memory(process: int) -> None:
    _call("process_vm_readv", process, _vector(), 1, _vector(), 1, 0)


def _write_memory(process: int) -> None:
    _call("process_vm_writev", process, _vector(), 1, _vector(), 1, 0)


def attempts(folder: str) -> Mapping[str, Callable[[], object]]:
    """Return the attempts by name. *folder* is writable by everyone."""
    everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    return {
        "read a file": lambda: Path("/etc/passwd").read_bytes(),
        "read /proc": lambda: Path("/proc/self/maps").read_bytes(),
        "read the environment": _read_the_environment,
        "read the handler's environment": lambda: Path(f"/proc/{_HANDLER}/environ").read_bytes(),
        "read the handler's memory file": lambda: Path(f"/proc/{_HANDLER}/mem").open("rb"),
        "write a file": lambda: Path(folder, "new").write_bytes(b"x"),
        "connect to the runtime": _connect_to_the_runtime,
        "make a socket": socket.socket,
        "make a pipe": os.pipe,
        "make a file in memory": lambda: _call("memfd_create", _buffer(b"name"), 0),
        "open more files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        "use more memory": lambda: resource.setrlimit(resource.RLIMIT_AS, everything),
        "use more time": lambda: resource.setrlimit(resource.RLIMIT_CPU, everything),
        "run a program": _run_a_program,
        "use io_uring": lambda: _call("io_uring_setup", 1, _buffer(bytes(120))),
        "use bpf": lambda: _call("bpf", 0, 0, 0),
        "handle page faults": lambda: _call("userfaultfd", 0),
        "watch performance": lambda: _call("perf_event_open", _performance(), 0, -1, -1, 0),
        "fork": _fork,
        "signal the handler": lambda: os.kill(_HANDLER, 0),
        "signal the worker": lambda: os.kill(os.getppid(), 0),
        "limit the handler": lambda: resource.prlimit(_HANDLER, resource.RLIMIT_NOFILE),
        "trace the handler": lambda: _call("ptrace", _PTRACE_SEIZE, _HANDLER, 0, 0),
        "read the handler's memory": lambda: _read_memory(_HANDLER),
        "write the handler's memory": lambda: _write_memory(_HANDLER),
        "make a folder": lambda: Path(folder, "made").mkdir(),
        "delete a file": lambda: Path(folder, "old").unlink(),
        "see a file": lambda: Path(folder, "seen").stat(),
        "share memory": lambda: _call("shmget", 0, 4096, 0o1600),
        "use keys": lambda: _call("keyctl", 0, -3, 1),
    }


def _tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except ValueError as error:
        return str(error)
    return "open"


def attack(pipes: Pipes, _: Job) -> None:
    """Try everything, and report the outcomes as the image's warnings."""
    found = {name: _tried(attempt) for name, attempt in attempts(sys.argv[-1]).items()}
    send(pipes.replies, Frame(kind="opened", fields=INFO | {"warnings": found}))
    receive(pipes.requests)


def install(standing: str) -> None:
    """Make the worker drop root once everything is loaded, and its children attack or render."""
    prepare, honest = worker._prepare, child._render

    def prepared(style: Style) -> str:
        problem = prepare(style)
        for format_ in Format:
            imaging.engine(format_)
        drop_root()
        if standing == LIMITS_ONLY:
            vars(walls)["seal"] = list
        if standing == AS_ON_LAMBDA:
            refuse("prctl", "seccomp", "ptrace")
        return problem

    def rendered(pipes: Pipes, job: Job) -> None:
        # No image has the length of the attack.
        (attack if job.length == len(ATTACK) else honest)(pipes, job)

    vars(worker)["_prepare"] = prepared
    vars(child)["_render"] = rendered


ATTACK: Final = b"attack"


def drop_root() -> None:
    """Become another user, whose processes can be traced as by default."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def refuse(*names: str) -> None:
    """Install a filter like the one that Lambda is reported to have."""
    refused = walls._line(walls._RETURN, walls._ERRNO | errno.EPERM)
    program = b"".join(
        [
            walls._line(walls._LOAD, walls._NUMBER),
            *(line for name in names for line in walls._when(walls._EQUAL, _number(name), refused)),
            walls._line(walls._RETURN, walls._ALLOW),
        ]
    )
    if not walls.install(program):
        raise OSError("cannot install the outer filter")


def main(standing: str, folder: str) -> None:
    """Run from the command line. Attacks that reach files do so in *folder*."""
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET
    Path(folder).chmod(0o777)
    for name in ("old", "seen"):
        Path(folder, name).touch()
    program = (
        "import sys; sys.path[:] = sys.argv[2:]; "
        "from tests.unit.sandbox import break_out; "
        f"break_out.install({standing!r}); sys.argv.append({folder!r}); "
        "from pipeline.sandbox.worker import main; main(int(sys.argv[1]))"
    )
    reports: list[Mapping[str, object]] = []
    sandbox = Sandbox(
        STYLE,
        required=True,
        report=lambda event, facts: reports.append(facts),
        program=program,
    )
    # The AVIF encoder starts threads, which the filter must allow.
    variants = [variant(name=format_.value, format=format_) for format_ in BROWSER_FORMATS]
    with sandbox.open(BytesIO(saved(scene(), Format.AVIF)), LIMITS) as opened:
        rendered = sorted(made.format for made in opened.render(variants, STYLE))
    drop_root()
    with sandbox.open(BytesIO(ATTACK), LIMITS) as opened:
        found = dict(opened.info.warnings)
    sandbox.close()
    walls_up = next(facts["walls"] for facts in reports if "walls" in facts)
    print(json.dumps({"walls": walls_up, "attempts": found, "rendered": rendered}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Attacks that a crafted file could make a decoder perform.

The worker starts as usual. In its children, one of these functions runs instead of the decoder.
"""

import errno
import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from pipeline.download import Download
from pipeline.model import Format
from pipeline.sandbox import child
from pipeline.sandbox.child import Job, Pipes
from pipeline.sandbox.frames import Frame, receive, send

from tests.unit.imaging.pictures import VARIANT, saved, scene

Attacker: TypeAlias = Callable[[Pipes, Job], object]

INFO = {
    "format": "png",
    "size": {"width": 400, "height": 300},
    "frames": 1,
    "has_alpha": False,
    "dominant_color": "",
    "placeholder": "",
    "blurred_placeholder": "",
    "digital_source_type": "",
    "has_c2pa": False,
    "exif": {},
    "warnings": {},
}


def program(attacker: Attacker) -> str:
    """Return the program of a worker whose children run *attacker*, of this module."""
    return (
        "import sys; sys.path[:] = sys.argv[2:]; "
        "from tests.unit.sandbox import attackers; "
        f"attackers.child._render = attackers.{attacker.__name__}; "
        "from pipeline.sandbox.worker import main; main(int(sys.argv[1]))"
    )


STILLBORN = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from pipeline.sandbox import child, worker; "
    "child._touch_heap = lambda: [][0]; worker.main(int(sys.argv[1]))"
)
"""The program of a worker whose children fail before they read anything."""


def crash(_: Pipes, __: Job) -> NoReturn:
    os.abort()


def leave(_: Pipes, __: Job) -> NoReturn:
    os._exit(0)


def spin(_: Pipes, __: Job) -> NoReturn:
    while True:
        pass


def sleep(_: Pipes, __: Job) -> NoReturn:
    while True:
        time.sleep(1)


def devour(_: Pipes, __: Job) -> NoReturn:
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * (16 << 20))


def crash_after_the_first(pipes: Pipes, job: Job) -> None:
    """Crash after the first rendition."""

    def once(pipe: int, frame: Frame) -> None:
        send(pipe, frame)
        if frame.kind == "rendition":
            os.abort()

    vars(child)["send"] = once
    HONEST(pipes, job)


HONEST = child._render


class _Fatal(Download):
    def _await(self, end: int) -> None:
        super()._await(end)
        if self._arrived.startswith(b"crash!"):
            os.abort()
        if self._arrived.startswith(b"killed"):
            signal.raise_signal(signal.SIGKILL)


def end_as_told(pipes: Pipes, job: Job) -> None:
    """Crash on a file that begins with `crash!`, end as if killed on `killed`, or render it."""
    vars(child)["Download"] = _Fatal
    HONEST(pipes, job)


def _send_opened(pipes: Pipes, **changes: object) -> None:
    send(pipes.replies, Frame(kind="opened", fields=INFO | changes))


def _send_info(pipes: Pipes, **changes: object) -> None:
    _send_opened(pipes)
    receive(pipes.requests)
    send(pipes.replies, Frame(kind="rendering", fields=INFO | changes))


def _send_rendition(pipes: Pipes, body: bytes, **changes: object) -> None:
    _send_info(pipes)
    fields: dict[str, object] = {"variant": VARIANT.name, "warnings": {}}
    send(pipes.replies, Frame(kind="rendition", fields=fields | changes, body=body))


def count_open_files(pipes: Pipes, _: Job) -> None:
    """Report how many files are open, with a call that the filter allows."""
    count = 0
    for number in range(1024):
        try:
            os.lseek(number, 0, os.SEEK_CUR)
        except OSError as error:
            count += error.errno != errno.EBADF
        else:
            count += 1
    _send_opened(pipes, warnings={"open files": count})


def say_nonsense(pipes: Pipes, _: Job) -> None:
    os.write(pipes.replies, b"\0\0\0\4\0\0\0\0\0\0\0\0null")


def nest_deeply(pipes: Pipes, _: Job) -> None:
    os.write(pipes.replies, b"\0\1\x86\xa0\0\0\0\0\0\0\0\0" + b"[" * 100_000)


def announce_terabytes(pipes: Pipes, _: Job) -> None:
    os.write(pipes.replies, b"\0\0\0\4\0\0\1\0\0\0\0\0")
    time.sleep(60)


def claim_many_pixels(pipes: Pipes, _: Job) -> None:
    _send_opened(pipes, size={"width": 1 << 40, "height": 1 << 40})


def claim_no_pixels(pipes: Pipes, _: Job) -> None:
    _send_opened(pipes, size={"width": 0, "height": -1})


def claim_text_for_a_number(pipes: Pipes, _: Job) -> None:
    _send_opened(pipes, frames="many")


def claim_another_format(pipes: Pipes, _: Job) -> None:
    _send_opened(pipes, format="svg")


def claim_a_script_for_a_color(pipes: Pipes, _: Job) -> None:
    _send_info(pipes, dominant_color="<script>")


def claim_a_page_for_a_placeholder(pipes: Pipes, _: Job) -> None:
    _send_info(pipes, blurred_placeholder="data:text/html;base64,PHNjcmlwdD4=")


def claim_a_long_placeholder(pipes: Pipes, _: Job) -> None:
    _send_info(pipes, blurred_placeholder="data:image/webp;base64," + "A" * 1024)


def claim_an_address_for_a_source_type(pipes: Pipes, _: Job) -> None:
    _send_info(pipes, digital_source_type="https://example.com/")


def claim_lists_for_facts(pipes: Pipes, _: Job) -> None:
    _send_info(pipes, exif={"camera": ["a", "b"]})


def claim_many_facts(pipes: Pipes, _: Job) -> None:
    _send_info(pipes, exif={"camera": "x" * 500_000})


def tell_a_novel(pipes: Pipes, _: Job) -> None:
    _send_opened(pipes, warnings={"novel": "x" * 500_000})


def send_a_page(pipes: Pipes, _: Job) -> None:
    _send_rendition(pipes, b"<html><script>alert(1)</script></html>" * 10)


def send_another_format(pipes: Pipes, _: Job) -> None:
    _send_rendition(pipes, saved(scene(64, 48), Format.GIF))


def send_another_size(pipes: Pipes, _: Job) -> None:
    _send_rendition(pipes, saved(scene(640, 480), Format.PNG))


def send_another_variant(pipes: Pipes, _: Job) -> None:
    _send_rendition(pipes, saved(scene(64, 48), Format.PNG), variant="other")


def send_too_many_bytes(pipes: Pipes, _: Job) -> None:
    _send_rendition(pipes, saved(scene(64, 48), Format.PNG) + bytes(10 << 20))


def send_two_renditions(pipes: Pipes, _: Job) -> None:
    _send_rendition(pipes, saved(scene(64, 48), Format.PNG))
    _send_rendition(pipes, saved(scene(64, 48), Format.PNG))


def reject_for_no_reason(pipes: Pipes, _: Job) -> None:
    fields = {"reason": "because", "message": "", "details": {}}
    send(pipes.replies, Frame(kind="rejected", fields=fields))


LIARS: tuple[Attacker, ...] = (
    say_nonsense,
    nest_deeply,
    announce_terabytes,
    claim_many_pixels,
    claim_no_pixels,
    claim_text_for_a_number,
    claim_another_format,
    claim_a_script_for_a_color,
    claim_a_page_for_a_placeholder,
    claim_a_long_placeholder,
    claim_an_address_for_a_source_type,
    claim_lists_for_facts,
    claim_many_facts,
    tell_a_novel,
    send_a_page,
    send_another_format,
    send_another_size,
    send_another_variant,
    send_too_many_bytes,
    send_two_renditions,
    reject_for_no_reason,
)

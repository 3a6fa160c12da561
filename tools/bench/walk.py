"""Profile the path of one ordinary upload: a warm photograph with one variant.

python tools walk prints the modules of the function that it enters, the calls between them,
the frames before the first byte is fetched, and the calls into a higher layer.
"""

import os
import sys
import threading
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.factories import Context, picture
from tests.unit.test_layers import RANKS
from tools import ROOT
from tools.bench.one_upload import handlers_of, uploaded
from tools.bench.s3 import MemoryS3

LAMBDA: Final = f"{ROOT / 'lambda'}{os.sep}"

TARGETS: Final = {"modules": 20, "switches": 60, "frames": 5, "upwards": 0}


@dataclass
class Walk:
    """The profile of one upload. An instance is a profile function for `sys.setprofile`."""

    modules: set[str] = field(default_factory=set)
    switches: Counter[tuple[str, str]] = field(default_factory=Counter)
    frames: list[str] = field(default_factory=list)  # from the handler to the first GET

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        module = _module(frame)
        if module is None:
            if frame.f_code.co_name == "_make_api_call" and not self.frames:
                self._note_get(frame)
            return
        self.modules.add(module)
        caller = next(_within(frame.f_back), None)
        if caller and (name := _module(caller)) and name != module:
            self.switches[name, module] += 1

    def upwards(self, ranks: dict[str, int]) -> Counter[tuple[str, str]]:
        """Return the number of calls into a higher layer, by caller and callee.

        A download is not among the callers: to read on is to call what fetches it.
        """
        return Counter(
            {
                (caller, called): times
                for (caller, called), times in self.switches.items()
                if ranks[_room(called)] > ranks[_room(caller)] and caller != "download"
            }
        )

    def _note_get(self, frame: FrameType) -> None:
        if frame.f_locals.get("operation_name") == "GetObject":
            self.frames = [f"{_module(one)}.{one.f_code.co_name}" for one in _within(frame)][::-1]


def _module(frame: FrameType) -> str | None:
    file = frame.f_code.co_filename
    if not file.startswith(LAMBDA):
        return None
    path = Path(file).relative_to(LAMBDA).with_suffix("")
    return ".".join(path.parts).removesuffix(".__init__").removeprefix("pipeline.")


def _room(module: str) -> str:
    return module.partition(".")[0]


def _within(frame: FrameType | None) -> Any:
    """Yield *frame* and its callers within the function."""
    while frame:
        if _module(frame):
            yield frame
        frame = frame.f_back


def walked(*, in_process: bool) -> Walk:
    """Return the walk of a second upload, rendered *in_process* or in the sandbox."""
    s3 = MemoryS3()
    handler = handlers_of(s3, [800])["pipeline"]
    import index
    from pipeline.sandbox import InProcess

    if in_process:
        index._renderer = InProcess  # type: ignore[assignment]  # noqa: SLF001 - cached, not given
    for name in ("first.jpg", "second.jpg"):
        walk = Walk()
        event = uploaded(s3, name, picture(1600, 1200))
        threading.setprofile(walk)
        sys.setprofile(walk)
        try:
            handler(event, Context())
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return walk


def main() -> None:
    """Run from the command line."""
    with Path(os.devnull).open("w") as log, redirect_stdout(log):
        walk = walked(in_process="--in-process" in sys.argv)
    upwards = walk.upwards(RANKS)
    # The handler and the request are the end points, so they do not count.
    counts = {
        "modules": len(walk.modules),
        "switches": walk.switches.total(),
        "frames": len(walk.frames) - 1,
        "upwards": upwards.total(),
    }
    for name, count in counts.items():
        print(f"{name:10}{count:5}  target {TARGETS[name]}")
    print("\nmodules:", *sorted(walk.modules))
    print("frames:", *walk.frames)
    print("upwards:", *(f"{a} -> {b} {times}" for (a, b), times in upwards.items()))
    for (caller, called), times in walk.switches.most_common():
        print(f"{times:5}  {caller} -> {called}")

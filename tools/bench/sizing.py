"""Measure cold and warm uploads at every memory size, and write the tables of the docs."""

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

from tests.factories import environment, variants
from tools import ROOT
from tools.bench.collection import collect
from tools.bench.one_upload import PROCESSED, Event, uploaded
from tools.bench.runtime_api import Cpu, Function, FunctionFailed, function
from tools.bench.s3 import MemoryS3, longest_wait
from tools.bench.s3_server import served
from tools.build import package
from tools.command_line import parse
from tools.operations.estimate import LAMBDA_GB_SECOND
from tools.progress import Progress

BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "costs.md"
MARKERS = ("<!-- made by make bench-memory -->\n", "<!-- end -->\n")

MEMORIES = (512, 1024, 1769, 3008, 3538)
MB_PER_PROCESSOR = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

DOLLARS_PER_MILLION_INVOCATIONS = 0.20

_COLD_ROUNDS = 3
_WARM_UPLOADS = 10

# A line of `python -X importtime`: microseconds of the module itself, with all others, its name.
_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")
_IMPORT_ROUNDS = 9
_MOST_IMPORTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of picture: the collection it is from and the format it is converted to."""

    name: str
    sources: str
    format: str = "keep"


KINDS = (
    Kind(name="JPEG, 12 megapixels", sources="jpeg of 12 MP"),
    Kind(name="the same, to AVIF", sources="jpeg of 12 MP", format="avif"),
    Kind(name="PNG with alpha, 3 megapixels", sources="png"),
    Kind(name="JPEG, 50 megapixels", sources="50 MP"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a process's life: the processor time it uses, and how long it waits for S3."""

    cpu: Cpu
    waited: float

    def milliseconds(self, memory_mb: int) -> float:
        """Return how long it takes with the processor share that comes with *memory_mb*.

        It cannot use more processors than it has concurrent processes.
        """
        share = memory_mb / MB_PER_PROCESSOR
        in_turn = (self.cpu.own + self.cpu.others) / share
        return self.waited + max(in_turn, self.cpu.own, self.cpu.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements of one kind of picture: the cold start, the first upload, and later ones.

    *memories* are the memory sizes at which the function accepts the picture.
    """

    kind: str
    memories: Sequence[int]
    start: Phase
    first: Phase
    later: Phase


def dollars(architecture: str, memory_mb: int, *phases: Phase) -> float:
    """Return the cost of a million invocations that consist of *phases*."""
    seconds = sum(phase.milliseconds(memory_mb) for phase in phases) / 1000
    price = LAMBDA_GB_SECOND[architecture] * 1_000_000
    return seconds * memory_mb / 1024 * price + DOLLARS_PER_MILLION_INVOCATIONS


def measure(task: Path, kind: Kind, file: Path) -> Measured:
    """Measure *kind*, the best time of each phase. Raises `FunctionFailed`."""
    s3 = MemoryS3()
    event = uploaded(s3, file.name, file.read_bytes())
    rounds = []
    with served(s3) as address:
        for _ in range(_COLD_ROUNDS):
            with function(task, settings(kind, address, max(MEMORIES))) as started:
                start = Phase(cpu=started.cpu(), waited=0)
                rounds.append((start, _upload(started, s3, event), _later(started, s3, event)))
        memories = [
            memory_mb
            for memory_mb in MEMORIES
            if _is_accepted(task, settings(kind, address, memory_mb), s3, event)
        ]
    start, first, later = (min(phases, key=_at_full_share) for phases in zip(*rounds, strict=True))
    return Measured(kind=kind.name, memories=memories, start=start, first=first, later=later)


def _is_accepted(task: Path, given: Mapping[str, str], s3: MemoryS3, event: Event) -> bool:
    s3.empty(PROCESSED)
    # The function fails, for it has no queue to report a rejection to.
    with function(task, given) as started, suppress(FunctionFailed):
        started.invoke(event)
    return bool(s3.keys(PROCESSED))


def _at_full_share(phase: Phase) -> float:
    return phase.milliseconds(MB_PER_PROCESSOR)


def _upload(started: Function, s3: MemoryS3, event: Event) -> Phase:
    s3.empty(PROCESSED)
    s3.calls = []
    before = started.cpu()
    started.invoke(event)
    if not s3.keys(PROCESSED):
        raise FunctionFailed("The upload was rejected.")
    return Phase(cpu=started.cpu().since(before), waited=longest_wait(s3.calls) * 1e3)


def _later(started: Function, s3: MemoryS3, event: Event) -> Phase:
    """Return the mean of several uploads: the kernel counts processor time in hundredths."""
    phases = [_upload(started, s3, event) for _ in range(_WARM_UPLOADS)]
    return Phase(
        cpu=Cpu(
            own=statistics.mean(phase.cpu.own for phase in phases),
            others=statistics.mean(phase.cpu.others for phase in phases),
        ),
        waited=statistics.mean(phase.waited for phase in phases),
    )


def settings(kind: Kind, address: str, memory_mb: int) -> dict[str, str]:
    """Return the function's environment, with S3 at *address*."""
    sizes = {"width": 1024, "height": 1024, "format": kind.format}
    given = environment(
        PROCESSED_BUCKET=PROCESSED,
        VARIANTS=variants(web=sizes),
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory_mb),
        MAX_MEGAPIXELS="60",
        MAX_SOURCE_MEGABYTES="100",
    )
    del given["LAMBDA_TASK_ROOT"]
    return {
        **given,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": f"http://{address}",
        "POWERTOOLS_METRICS_NAMESPACE": "ImagePipeline",
        "POWERTOOLS_SERVICE_NAME": "processor",
    }


def imports(task: Path, event: Event, given: Mapping[str, str]) -> dict[str, float]:
    """Return the milliseconds of each import at a start, excluding nested imports."""
    with tempfile.TemporaryFile("w+") as errors:
        options = ("-X", "importtime")
        with function(task, given, options=options, errors=errors) as started:
            started.invoke(event)
        errors.seek(0)
        return {name: int(own) / 1000 for own, name in _IMPORT.findall(errors.read())}


def by_package(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the milliseconds per top-level package, slowest first, best round per module."""
    packages: dict[str, float] = {}
    for module in dict.fromkeys(name for one in rounds for name in one):
        took = min(one[module] for one in rounds if module in one)
        package = _package_of(module)
        packages[package] = packages.get(package, 0) + took
    return dict(sorted(packages.items(), key=lambda item: -item[1]))


def _package_of(module: str) -> str:
    name = module.partition(".")[0]
    return "Python's own" if name in sys.stdlib_module_names or name == "encodings" else name


def unpacked(folder: Path) -> Path:
    """Build the package for this machine and unpack it into *folder*, as Lambda does."""
    shutil.rmtree(folder, ignore_errors=True)
    archive = folder.with_suffix(".zip")
    package.build(None, archive)
    with ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def tables(measured: Sequence[Measured], packages: Mapping[str, float]) -> str:
    """Return the tables of the docs."""
    return "\n".join([*_sizes(measured), "", *_imports(packages), ""])


def _sizes(measured: Sequence[Measured]) -> Iterator[str]:
    yield "| picture | MB | start | first | later | $ arm64 | $ x86_64 | $ cold, arm64 |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in measured:
        for memory_mb in MEMORIES:
            yield f"| {one.kind} | {memory_mb} | {' | '.join(_cells(one, memory_mb))} |"


def _cells(one: Measured, memory_mb: int) -> list[str]:
    if memory_mb not in one.memories:
        return ["", "rejected", *[""] * 4]
    took = [phase.milliseconds(memory_mb) for phase in (one.start, one.first, one.later)]
    cost = [dollars(architecture, memory_mb, one.later) for architecture in LAMBDA_GB_SECOND]
    cost.append(dollars("arm64", memory_mb, one.start, one.first))
    return [f"{value:.0f}" for value in took] + [f"{value:.2f}" for value in cost]


def _imports(packages: Mapping[str, float]) -> Iterator[str]:
    yield "| imports at a start | ms |"
    yield "| --- | --- |"
    named, total = list(packages.items())[:_MOST_IMPORTS], sum(packages.values())
    for name, milliseconds in named:
        yield f"| {name} | {milliseconds:.0f} |"
    yield f"| all others | {total - sum(took for _, took in named):.0f} |"
    yield f"| **all** | **{total:.0f}** |"


def write(page: Path, made: str) -> None:
    """Replace the text between the markers in *page*. Raises `ValueError` without markers."""
    begin, end = MARKERS
    before, found_begin, rest = page.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page} has no markers for the tables: {begin.strip()} … {end.strip()}")
    page.write_text(f"{before}{begin}{made}{end}{after}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the name of a kind; writes nothing")
    only = parse(parser).only
    sources = collect(BUILD / "sources", None)
    task = unpacked(BUILD / "task")
    with Progress() as progress:
        measured = []
        for kind in KINDS:
            if only in kind.name:
                progress.say(kind.name)
                measured.append(measure(task, kind, sources[kind.sources][0]))
        # The start is the same for all kinds.
        start = min((one.start for one in measured), key=_at_full_share)
        measured = [replace(one, start=start) for one in measured]
        progress.say("Imports")
        made = tables(measured, by_package(_import_rounds(task, sources["jpeg of 12 MP"][0])))
    print(made)
    if not only:
        write(PAGE, made)
        print(f"Written to {os.path.relpath(PAGE)}.")


def _import_rounds(task: Path, file: Path) -> list[Mapping[str, float]]:
    s3 = MemoryS3()
    event = uploaded(s3, file.name, file.read_bytes())
    with served(s3) as address:
        given = settings(KINDS[0], address, MB_PER_PROCESSOR)
        return [imports(task, event, given) for _ in range(_IMPORT_ROUNDS)]


if __name__ == "__main__":
    main()

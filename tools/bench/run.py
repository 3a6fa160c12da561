"""Measure the image engine against its peers and print tables."""

import argparse
import math
import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path

from tools.bench import download, memory
from tools.bench.collection import collect
from tools.bench.engines import Engine, Python, floor, naive, sharp, this_pipeline, thumbnail, vips
from tools.bench.peers import install
from tools.bench.responsive import print_set
from tools.bench.sandbox import print_sandbox
from tools.bench.upload import print_uploads
from tools.bench.work import WORKS, Work
from tools.command_line import parse

BUILD = Path("build/bench")

_PROCESSORS = sorted(os.sched_getaffinity(0))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a directory of JPEG files to measure with")
    parser.add_argument("--only", default="", help="part of the name of the rows to measure")
    arguments = parse(parser)
    modules = install(BUILD.resolve())
    sources = collect(BUILD / "sources", arguments.photos)
    with ExitStack() as stack:
        engines: list[Engine] = [
            Python(
                "pipeline", lambda work, data: this_pipeline(work, data, str(sources["logo"][0]))
            ),
            Python("naive", naive),
            Python("thumbnail", thumbnail),
            Python("libvips", vips),
        ]
        if modules is not None:
            engines.append(stack.enter_context(sharp(modules)))
        _print_speed(engines, sources, arguments.only)
    if not arguments.only:
        _print_quality(modules, sources)
        _print_memory(modules, sources)
        _print_download(sources)
    if arguments.only in "responsive set":
        _allow_processors(1)
        print_set(sources["jpeg of 12 MP"][0], modules)
    if arguments.only in "sandbox":
        # Lambda reportedly lets a function start on two processors, whatever its memory.
        _allow_processors(2)
        print_sandbox(sources["jpeg of 12 MP"][0])
    if arguments.only in "one upload":
        _allow_processors(1)
        print_uploads(BUILD / "sources", sources["jpeg of 12 MP"][0])


def _print_speed(engines: Sequence[Engine], sources: dict[str, list[Path]], only: str) -> None:
    print(f"{'milliseconds':26}" + "".join(f"{engine.name:>11}" for engine in engines))
    for work in WORKS:
        if only not in work.name:
            continue
        times, sizes = measured(work, [*engines, *_yardsticks(work)], sources[work.sources])
        means = {name: _geometric_mean(values) for name, values in times.items()}
        print(f"{work.name:26}" + "".join(f"{means[engine.name]:11.1f}" for engine in engines))
        print(f"{'':26}{_verdict(work, means, sizes)}", flush=True)


def measured(
    work: Work, engines: Sequence[Engine], files: Sequence[Path]
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Return each engine's median milliseconds and bytes per file, from interleaved rounds."""
    _allow_processors(work.threads)
    times: dict[str, list[float]] = {engine.name: [] for engine in engines}
    sizes = dict.fromkeys(times, 0)
    for file in files:
        rounds: dict[str, list[float]] = {name: [] for name in times}
        for number in range(work.rounds):
            for engine in engines:
                milliseconds, size = engine.run(work, file)
                rounds[engine.name].append(milliseconds)
                sizes[engine.name] += size if number == 0 else 0
        for name, values in rounds.items():
            times[name].append(statistics.median(values))
    return times, sizes


def _allow_processors(number: int) -> None:
    """Pin this process and its children to *number* processors."""
    own = os.getpid()
    children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
    for process in (own, *map(int, children)):
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), _PROCESSORS[:number])


def _yardsticks(work: Work) -> list[Engine]:
    found: list[Engine] = []
    if work.mark:
        found.append(Python("unmarked", _unmarked))
    if work.format in ("jpeg", "png") and len(work.widths) == 1:
        found.append(Python("floor", floor))
    return found


def _unmarked(work: Work, data: bytes) -> Sequence[bytes]:
    return this_pipeline(replace(work, mark=""), data)


def _verdict(work: Work, means: dict[str, float], sizes: dict[str, int]) -> str:
    own, parts = means["pipeline"], []
    for peer in ("unmarked", "sharp", "libvips", "naive", "floor"):
        if peer in means:
            target = getattr(work.target, peer, None)
            parts.append(_part(peer, own / means[peer], target))
    if sizes.get("sharp"):
        share = sizes["pipeline"] / sizes["sharp"]
        parts.append(_part("bytes of sharp's", share, work.target.bytes_of_sharp))
    return ", ".join(parts)


def _part(name: str, ratio: float, target: float | None) -> str:
    if target is None:
        return f"{ratio:.2f} x {name}"
    return f"{ratio:.2f} x {name} ({'meets' if ratio <= target else 'misses'} {target:.2f})"


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.mean(map(math.log, values)))


def _print_quality(modules: Path | None, sources: dict[str, list[Path]]) -> None:
    from tools.bench.quality import ENGINES, GUARD, WIDTHS, cases

    _allow_processors(1)
    files = [path.read_bytes() for path in sources["jpeg"]]
    with ExitStack() as stack:
        engines = dict(ENGINES)
        if modules is not None:
            engines["sharp"] = stack.enter_context(sharp(modules)).scaled
            _allow_processors(1)
        found = cases(files, engines)
    print(f"\nSSIM against full decode and LANCZOS, {len(files)} pictures x {len(WIDTHS)} widths")
    print(f"{'':26}{f'>= {GUARD}':>9}{'least':>9}{'median':>9}{'ms':>9}")
    for name, its in found.items():
        similar = [case.similarity for case in its]
        passing = sum(value >= GUARD for value in similar) / len(similar)
        mean = _geometric_mean([case.milliseconds for case in its])
        print(
            f"{name:26}{passing:9.0%}{min(similar):9.4f}{statistics.median(similar):9.4f}{mean:9.1f}"
        )


def _print_memory(modules: Path | None, sources: dict[str, list[Path]]) -> None:
    large = sources["50 MP"][0]
    print("\nmegabytes at the peak, 50 megapixels to 1024")
    for name in memory.PYTHON_ENGINES:
        print(f"{name:12}{memory.python_peak(name, large):8.0f}")
    if modules is not None:
        print(f"{'sharp':12}{memory.sharp_peak(modules, large):8.0f}")


def _print_download(sources: dict[str, list[Path]]) -> None:
    _allow_processors(1)
    print(
        "\nmilliseconds to download and process, S3 on loopback: while it arrives, once it is here"
    )
    jpeg, png = WORKS[0], next(work for work in WORKS if work.sources == "png")
    cases = [(jpeg, "jpeg of 12 MP"), (jpeg, "progressive"), (png, "png")]
    for (work, name), rate in product(cases, download.RATES):
        lazily, wholly = download.medians(work, sources[name][0], rate)
        speed = f"{rate} MB/s" if rate else "full speed"
        print(f"{name + ', ' + speed:26}{lazily:8.1f}{wholly:8.1f}   ratio {lazily / wholly:.2f}")

"""Render damaged files and bombs in the sandbox: each must be rendered or rejected, in time.

python -m tests.unit.imaging.fuzz --count 10000
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from io import BytesIO
from itertools import chain
from time import monotonic

from PIL import Image
from pipeline.errors import PipelineError, Rejected
from pipeline.model import Format, Limits
from pipeline.renderer import Renderer
from pipeline.sandbox import Sandbox

from tests.unit.imaging import profiles
from tests.unit.imaging.multiplied import multiplied
from tests.unit.imaging.pictures import STYLE, corners, heic, saved, scene, variant

MOST_SECONDS = 10

LIMITS = Limits(source_bytes=10_000_000, pixels=20_000_000, memory_bytes=1 << 30)
VARIANTS = [
    variant(name="small", width=40, height=40, format=Format.WEBP),
    variant(name="same", width=5_000, height=5_000),
]


@cache
def seeds() -> dict[str, bytes]:
    """Valid files of every format and most of its kinds."""
    still, cut = scene(60, 40), scene(60, 40)
    cut.putalpha(Image.radial_gradient("L").resize(cut.size))
    exif = Image.Exif()
    exif[274] = 6
    animation = {"save_all": True, "append_images": [corners(60, 40)] * 2, "duration": 80}
    icc = profiles.DISPLAY_P3
    return {
        "jpeg": saved(still, Format.JPEG, exif=exif, icc_profile=icc),
        "progressive": saved(still, Format.JPEG, progressive=True),
        "cmyk": saved(still.convert("CMYK"), Format.JPEG),
        "png": saved(cut, Format.PNG, exif=exif, icc_profile=icc),
        "palette": saved(still.quantize(40), Format.PNG, transparency=2),
        "deep": saved(still.convert("L").convert("I;16"), Format.PNG),
        "apng": saved(still, Format.PNG, **animation),
        "webp": saved(cut, Format.WEBP, exif=exif, icc_profile=icc),
        "lossless": saved(still, Format.WEBP, lossless=True),
        "animated webp": saved(still, Format.WEBP, **animation),
        "avif": saved(cut, Format.AVIF, exif=exif),
        "sequence": saved(still, Format.AVIF, **animation),
        "gif": saved(still.quantize(30), Format.GIF, **animation),
        "tiff": saved(still, Format.TIFF),
        "lzw": saved(cut, Format.TIFF, compression="tiff_lzw"),
        "deflate": saved(still.convert("LAB"), Format.TIFF, compression="tiff_adobe_deflate"),
        "fax": saved(still.convert("1"), Format.TIFF, compression="group4"),
        "bmp": saved(still, Format.BMP),
        "rle": saved(still.quantize(10), Format.BMP),
        "jpeg2000": saved(cut, Format.JPEG2000),
        "heic": heic(still),
    }


def mutant(number: int) -> bytes:
    """Return mutated file *number*; equal numbers give equal files."""
    dice = random.Random(number)
    names = sorted(seeds())
    data = bytearray(seeds()[names[number % len(names)]])
    for _ in range(dice.choice((1, 1, 2, 5))):
        dice.choice(_DAMAGES)(data, dice)
    return bytes(data)


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data) + 1) :]


def _flip(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 3, 20)) if data else 0):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _extremes(data: bytearray, dice: random.Random) -> None:
    """Overwrite a number near the start, in the headers, with a large one or with zero."""
    at = dice.randrange(min(len(data), 200) + 1)
    data[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)))


def _splice(data: bytearray, dice: random.Random) -> None:
    other = seeds()[dice.choice(sorted(seeds()))]
    start = dice.randrange(len(other))
    at = dice.randrange(len(data) + 1)
    data[at : at + dice.randrange(400)] = other[start : start + dice.randrange(400)]


def _repeat(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data) + 1)
    data[at:at] = data[at : at + dice.randrange(2_000)]


_DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _cut,
    _flip,
    _flip,
    _extremes,
    _splice,
    _repeat,
)


def outcome(renderer: Renderer, file: bytes) -> str:
    """Return "rendered", or the reason of the rejection. Anything else is raised."""
    try:
        with renderer.open(BytesIO(file), LIMITS) as source:
            list(source.render(VARIANTS, STYLE))
    except Rejected as rejection:
        return rejection.reason
    return "rendered"


def failures(files: Iterable[bytes], outcomes: Counter[str]) -> Iterator[str]:
    """Render *files* in the sandbox and count their *outcomes*; yield a line for each that fails.

    A file fails if its child crashes, if anything but a rejection is raised, or if it takes longer
    than `MOST_SECONDS`.
    """
    crashes: list[str] = []

    def report(event: str, facts: Mapping[str, object]) -> None:
        if event != "walls":
            crashes.append(f"{event}: {facts.get('detail')}")

    with closing(Sandbox(STYLE, required=True, report=report)) as sandbox:
        for number, file in enumerate(files):
            start = monotonic()
            try:
                outcomes[outcome(sandbox, file)] += 1
            except PipelineError as error:
                yield f"file {number}: {type(error).__name__}: {error}"
            if (took := monotonic() - start) > MOST_SECONDS:
                yield f"file {number}: {took:.0f} s"
            if crashes:
                yield f"file {number}: {crashes}"
                crashes.clear()


def main() -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--bombs", action="store_true", help="try all of `multiplied` as well")
    arguments = parser.parse_args()
    numbers = range(arguments.start, arguments.start + arguments.count)
    outcomes: Counter[str] = Counter()
    found = 0
    files = map(mutant, numbers)
    bombs = (file for format_ in Format for _, file in multiplied(format_))
    for line in failures(chain(files, bombs) if arguments.bombs else files, outcomes):
        found += 1
        print(line, flush=True)
    print(", ".join(f"{count} {name}" for name, count in outcomes.most_common()))
    print(f"{outcomes.total()} files, {found} failures")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

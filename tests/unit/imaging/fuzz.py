"""Mutated files: each must give a result or a `Rejected`, in a process of limited memory and time.

python -m tests.unit.imaging.fuzz --count 10000
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO

from PIL import Image
from pipeline import imaging
from pipeline.errors import Rejected
from pipeline.model import Format, Limits

from tests.unit.imaging import profiles
from tests.unit.imaging.pictures import STYLE, corners, heic, saved, scene, variant

MEMORY_BYTES = 3 << 30  # of addresses, of which codecs' threads reserve more than they use
SECONDS = 10
BATCH = 250

LIMITS = Limits(source_bytes=10_000_000, pixels=20_000_000, memory_bytes=1 << 30)
VARIANTS = [
    variant(name="small", width=40, height=40, format=Format.WEBP),
    variant(name="same", width=5_000, height=5_000),
]


@cache
def seeds() -> dict[str, bytes]:
    """Sound files of every format and most of its kinds."""
    still, cut = scene(60, 40), scene(60, 40)
    cut.putalpha(Image.radial_gradient("L").resize(cut.size))
    exif = Image.Exif()
    exif[274] = 6
    film = {"save_all": True, "append_images": [corners(60, 40)] * 2, "duration": 80}
    icc = profiles.DISPLAY_P3
    return {
        "jpeg": saved(still, Format.JPEG, exif=exif, icc_profile=icc),
        "progressive": saved(still, Format.JPEG, progressive=True),
        "cmyk": saved(still.convert("CMYK"), Format.JPEG),
        "png": saved(cut, Format.PNG, exif=exif, icc_profile=icc),
        "palette": saved(still.quantize(40), Format.PNG, transparency=2),
        "deep": saved(still.convert("L").convert("I;16"), Format.PNG),
        "apng": saved(still, Format.PNG, **film),
        "webp": saved(cut, Format.WEBP, exif=exif, icc_profile=icc),
        "lossless": saved(still, Format.WEBP, lossless=True),
        "film": saved(still, Format.WEBP, **film),
        "avif": saved(cut, Format.AVIF, exif=exif),
        "sequence": saved(still, Format.AVIF, **film),
        "gif": saved(still.quantize(30), Format.GIF, **film),
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
    """Return mutated file *number*; the same number gives the same file."""
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
    """Overwrite an early number, where headers are, with one that is large or nothing."""
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


def outcome(file: bytes) -> str:
    """Return "made", or the reason of the rejection; anything else is raised."""
    try:
        with imaging.open_image(BytesIO(file), LIMITS) as source:
            imaging.render(source, VARIANTS, STYLE)
    except Rejected as rejection:
        return rejection.reason
    return "made"


def work(numbers: range) -> None:
    """Try *numbers* in this process, each within `SECONDS`; print each number with its outcome."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for number in numbers:
        sys.stdout.write(f"{number} ")
        sys.stdout.flush()
        # Its default action ends the process, also from within a codec.
        signal.alarm(SECONDS)
        sys.stdout.write(f"{outcome(mutant(number))}\n")
        signal.alarm(0)


def failures(numbers: range) -> Iterator[str]:
    """Try *numbers* in processes of their own; yield a line for each that did not end well."""
    start = numbers.start
    while start < numbers.stop:
        stop = min(start + BATCH, numbers.stop)
        run = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--work", str(start), str(stop)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        last = run.stdout.splitlines()[-1].split()[0] if run.stdout else str(start)
        if run.returncode:
            yield f"file {last}: exit {run.returncode}: {run.stderr.strip()[-600:]}"
            stop = int(last) + 1
        start = stop


def main() -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(range(*arguments.work))
        return 0
    found = 0
    for line in failures(range(arguments.start, arguments.start + arguments.count)):
        found += 1
        print(line, flush=True)
    print(f"{arguments.count} mutated files, {found} failures")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

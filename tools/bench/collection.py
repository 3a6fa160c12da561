"""The sample files that the benchmarks read, generated once and cached."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image

from tools.bench.photos import CAMERAS, cut_out, jpeg, photograph

_MIDDLE_PIXELS = 12_000_000
_LARGE = (8192, 6144)


def collect(folder: Path, given: Path | None) -> dict[str, list[Path]]:
    """Return the files of each collection, the JPEG files from *given* if it is not None."""
    folder.mkdir(parents=True, exist_ok=True)
    jpegs = _made(folder) if given is None else _found(given)
    middle = min(jpegs, key=_distance_from_middle)
    picture = partial(Image.open, middle)
    return {
        "jpeg": jpegs,
        "jpeg of 12 MP": [middle],
        "progressive": [
            _kept(folder / f"{middle.stem}-progressive.jpg", lambda: _progressive(picture()))
        ],
        "png": [_kept(folder / f"{middle.stem}-alpha.png", lambda: _cut_out(picture(), 2))],
        "logo": [_kept(folder / f"{middle.stem}-logo.png", lambda: _cut_out(picture(), 6))],
        "50 MP": [
            _kept(folder / f"{middle.stem}-large.jpg", lambda: jpeg(picture().resize(_LARGE)))
        ],
    }


def _found(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg")]


def _made(folder: Path) -> list[Path]:
    return [
        _kept(folder / f"{width}x{height}.jpg", partial(_photograph, width, height, seed))
        for seed, (width, height) in enumerate(CAMERAS)
    ]


def _kept(path: Path, make: Callable[[], bytes]) -> Path:
    if not path.exists():
        path.write_bytes(make())
    return path


def _photograph(width: int, height: int, seed: int) -> bytes:
    return jpeg(photograph(width, height, seed))


def _progressive(image: Image.Image) -> bytes:
    return jpeg(image.convert("RGB"), progressive=True)


def _cut_out(image: Image.Image, reduction: int) -> bytes:
    buffer = BytesIO()
    cut_out(image.convert("RGB").reduce(reduction)).save(buffer, "PNG")
    return buffer.getvalue()


def _distance_from_middle(path: Path) -> int:
    with Image.open(path) as image:
        return abs(image.width * image.height - _MIDDLE_PIXELS)

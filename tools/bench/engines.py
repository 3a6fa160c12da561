"""The engines under comparison: each maps the bytes of a file to the bytes of its results."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, BinaryIO, Protocol
from zlib import Z_RLE

from PIL import Image
from pipeline import imaging
from pipeline.model import Contrast, Format, Limits, Position, Style, Variant, Watermark

from tools.bench.work import Work

LIMITS = Limits(source_bytes=1 << 30, pixels=150_000_000, memory_bytes=1 << 40)


class Engine(Protocol):
    """A program or library that scales images down."""

    name: str

    def run(self, work: Work, file: Path) -> tuple[float, int]:
        """Do *work* on *file*; return the milliseconds it took and the bytes of the results."""


class Python:
    """An engine that runs in this process."""

    def __init__(self, name: str, make: Any) -> None:
        self.name = name
        self._make = make
        self._files: dict[Path, bytes] = {}

    def run(self, work: Work, file: Path) -> tuple[float, int]:
        data = self._files.setdefault(file, file.read_bytes())
        start = perf_counter()
        results = self._make(work, data)
        return (perf_counter() - start) * 1e3, sum(map(len, results))


class Sharp:
    """sharp, in a Node process that measures itself."""

    name = "sharp"

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, work: Work, file: Path) -> tuple[float, int]:
        return self._ask(work.as_words() | {"file": str(file)})

    @property
    def process_id(self) -> int:
        """The Node process."""
        return self._process.pid

    def scaled(self, data: bytes, width: int) -> tuple[Image.Image, float]:
        """Return the picture in *data* at *width* before it is encoded, and the milliseconds."""
        with TemporaryDirectory() as folder:
            source, target = Path(folder) / "source", Path(folder) / "target.png"
            source.write_bytes(data)
            milliseconds, _ = self._ask(
                {"file": str(source), "widths": [width], "pixels": str(target), "threads": 1}
            )
            with Image.open(target) as image:
                return image.convert("RGB"), milliseconds

    def responsive_set(
        self, file: Path, widths: Sequence[int], qualities: Mapping[str, int]
    ) -> tuple[float, int]:
        """Make every width in every format on one thread; return milliseconds and bytes."""
        return self._ask(
            {"file": str(file), "widths": [*widths], "qualities": {**qualities}, "threads": 1}
        )

    def _ask(self, question: dict[str, object]) -> tuple[float, int]:
        assert self._process.stdin is not None  # noqa: S101 - opened with pipes below
        assert self._process.stdout is not None  # noqa: S101 - likewise
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        response = json.loads(self._process.stdout.readline())
        return response["milliseconds"], response["bytes"]


@contextmanager
def sharp(modules: Path) -> Iterator[Sharp]:
    """Start Node with the copy of sharp installed in *modules*."""
    script = Path(__file__).with_name("sharp.js")
    process = subprocess.Popen(
        ["node", str(script), str(modules / "sharp")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Sharp(process)
    finally:
        process.terminate()
        process.wait()


def this_pipeline(work: Work, data: bytes, logo: str | None = None) -> Sequence[bytes]:
    """The deployed code, called as the handler calls it."""
    return processed(work, BytesIO(data), logo)


def processed(work: Work, file: BinaryIO, logo: str | None = None) -> Sequence[bytes]:
    """The same for a *file*."""
    variants = [
        Variant(
            name=str(width),
            width=width,
            height=width,
            format=Format(work.format),
            quality=work.quality,
            watermark=bool(work.mark),
        )
        for width in work.widths
    ]
    with imaging.open_image(file, LIMITS) as source:
        made = imaging.render(source, variants, style(_watermark(work, logo)))
        return [rendition.body for rendition in made]


def style(watermark: Watermark | None = None) -> Style:
    """The style that a deployment uses by default."""
    return Style(
        watermark=watermark,
        background=(255, 255, 255),
        keep_copyright=False,
        keep_provenance=True,
        exif_facts=(),
        blurred_placeholder=False,
    )


def _watermark(work: Work, logo: str | None) -> Watermark | None:
    if not work.mark:
        return None
    return Watermark(
        text="© The Benchmark" if work.mark == "text" else None,
        logo=logo if work.mark == "logo" else None,
        font=None,
        position=Position.BOTTOM_RIGHT,
        width_percent=20,
        margin_percent=2,
        opacity_percent=60,
        rotation_degrees=0,
        color=(255, 255, 255),
        contrast=Contrast.OUTLINE,
    )


def naive(work: Work, data: bytes) -> Sequence[bytes]:
    """What a tutorial does: open, convert, resize, save."""
    results = []
    for width in work.widths:
        image: Image.Image = Image.open(BytesIO(data))
        image = image.convert("RGBA" if work.sources == "png" else "RGB")
        size = _fitted(image.size, width)
        results.append(_saved(image.resize(size, Image.Resampling.LANCZOS), work))
    return results


def thumbnail(work: Work, data: bytes) -> Sequence[bytes]:
    """Pillow's own shortcut."""
    results = []
    for width in work.widths:
        image = Image.open(BytesIO(data))
        image.thumbnail((width, width))
        results.append(_saved(image, work))
    return results


def floor(work: Work, data: bytes) -> Sequence[bytes]:
    """The least work Pillow can do: decode at a scale libjpeg offers, and encode.

    The results have the right size but show only a corner of the picture.
    """
    results = []
    for width in work.widths:
        image = Image.open(BytesIO(data))
        size = _fitted(image.size, width)
        image.draft(None, size)
        results.append(_saved(image.crop((0, 0, *size)), work, compress_type=Z_RLE))
    return results


def vips(work: Work, data: bytes) -> Sequence[bytes]:
    """libvips through pyvips."""
    # pyvips comes without types.
    import pyvips  # type: ignore[import-untyped]

    options: dict[str, Any] = {} if work.format == "png" else {"Q": work.quality}
    if work.format == "jpeg":
        options["interlace"] = work.progressive
    if work.format == "avif":
        options |= {"effort": 1, "subsample_mode": "on"}  # as sharp.js
    return [
        pyvips.Image.thumbnail_buffer(data, width, height=width, size="down").write_to_buffer(
            f".{work.format}", keep="none", **options
        )
        for width in work.widths
    ]


def _fitted(size: tuple[int, int], width: int) -> tuple[int, int]:
    scale = width / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _saved(image: Image.Image, work: Work, **options: Any) -> bytes:
    buffer = BytesIO()
    options |= {"quality": work.quality, "progressive": work.progressive}
    image.save(buffer, work.format, **options)
    return buffer.getvalue()

"""Renders one file in a process of its own and prints what that added to its memory.

python -m tests.unit.imaging.peak FILE WIDTH FORMAT
"""

import json
import sys
from io import BytesIO
from pathlib import Path

from pipeline import imaging
from pipeline.imaging.geometry import lay_out
from pipeline.imaging.memory import estimate
from pipeline.model import Format, Limits, Style, Variant, output_format

LIMITS = Limits(source_bytes=1 << 30, pixels=1 << 30, memory_bytes=1 << 40)


def peak_bytes() -> int:
    """Return the largest resident size that this process has had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak() -> None:
    """Let `peak_bytes` count from now on: proc(5), /proc/pid/clear_refs."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(file: bytes, variant: Variant, style: Style) -> dict[str, int]:
    """Return the bytes that rendering was estimated to take, and those that it took."""
    before = peak_bytes()
    with imaging.open_image(BytesIO(file), LIMITS) as source:
        picture = source.picture
        format_ = output_format(variant, picture)
        layouts = [lay_out(picture.size, variant)]
        estimated = estimate(source, layouts, [format_], moving=picture.frames > 1)
        list(imaging.render(source, [variant], style))
    return {"estimated": estimated, "measured": peak_bytes() - before + len(file)}


def main(path: str, width: str, format_: str) -> None:
    """Run from the command line."""
    # Its own values: what the tests use of other packages would be in memory already.
    variant = Variant(
        name="peak",
        width=int(width),
        height=int(width),
        format=Format(format_),
        watermark=False,
    )
    style = Style(
        watermark=None,
        background=(255, 255, 255),
        keep_copyright=False,
        keep_provenance=True,
        exif_facts=(),
        blurred_placeholder=False,
    )
    print(json.dumps(measure(Path(path).read_bytes(), variant, style)))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Render one file in a fresh process and print how much memory that added.

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
    """Return the peak resident size of this process."""
    return _status("VmHWM")


def _status(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def forget_peak() -> None:
    """Reset `peak_bytes`: proc(5), /proc/pid/clear_refs."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(file: bytes, variant: Variant, style: Style) -> dict[str, int]:
    """Return the estimated and the measured bytes of rendering, and those of *libraries*.

    These are pages of files that the kernel maps meanwhile. How many it maps at once depends on how
    the files came into its cache, so they are not in what is measured.
    """
    before, libraries_before = peak_bytes(), _status("RssFile")
    with imaging.open_image(BytesIO(file), LIMITS) as source:
        picture = source.picture
        format_ = output_format(variant, picture)
        layouts = [lay_out(picture.size, variant)]
        estimated = estimate(source, layouts, [format_], moving=picture.frames > 1)
        list(imaging.render(source, [variant], style))
    libraries = _status("RssFile") - libraries_before
    measured = peak_bytes() - before - libraries + len(file)
    return {"estimated": estimated, "measured": measured, "libraries": libraries}


def main(path: str, width: str, format_: str) -> None:
    """Run from the command line."""
    # Not from the tests' helpers, whose imports would be in memory already.
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

"""Check the rendering of a folder of small pictures, each of a kind that was once rendered wrongly.

    PYTHONPATH=lambda:. python -m tests.unit.imaging.faults FOLDER

Prints a line for each file and ends with status 1 if any is wrong. The pictures are not part of the
project: its tests make such files in memory.
"""

import struct
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageChops, ImageStat
from pipeline.errors import Rejected
from pipeline.imaging.watermark import draw_watermark
from pipeline.model import Format, Position

from tests.unit.imaging import raw
from tests.unit.imaging.pictures import Rendered, opened, rendered, scene, variant, watermark

Check: TypeAlias = Callable[[bytes, Path], tuple[bool, str]]
"""Returns whether a file is rendered correctly, and a description of the result."""

LEVELS = 3
SIDE = 256


def made(file: bytes) -> Rendered:
    return rendered(file, variant(width=SIDE, height=SIDE, format=Format.PNG))


def shown(file: bytes) -> Image.Image:
    return opened(made(file).renditions[0].body)


def pixel(x: int, y: int, *expected: int, levels: int = LEVELS, noted: bool = False) -> Check:
    """Expect a colour, opaque unless it has four channels, and at least *noted* warnings."""

    def check(file: bytes, path: Path) -> tuple[bool, str]:
        result = made(file)
        found = opened(result.renditions[0].body).convert("RGBA").getpixel((x, y))
        assert isinstance(found, tuple)
        right = all(abs(a - b) <= levels for a, b in zip(found, (*expected, 255)[:4], strict=True))
        warnings = result.picture.warnings
        return right and bool(warnings) >= noted, f"{found} at ({x}, {y}) {warnings or ''}"

    return check


def reason(code: str) -> Check:
    def check(file: bytes, path: Path) -> tuple[bool, str]:
        try:
            made(file)
        except Rejected as rejection:
            return rejection.reason == code, f"{rejection.reason}: {rejection}"
        return False, "a picture"

    return check


def like(expected: Callable[[bytes], Image.Image]) -> Check:
    """Expect the picture that *expected* returns for the file."""

    def check(file: bytes, path: Path) -> tuple[bool, str]:
        found, right = shown(file).convert("RGBA"), expected(file).convert("RGBA")
        if found.size != right.size:
            return False, f"{found.size}, not {right.size}"
        apart = max(ImageStat.Stat(ImageChops.difference(found, right)).mean)
        return apart <= LEVELS, f"{apart:.2f} levels apart"

    return check


def every_second_is_clear(file: bytes, path: Path) -> tuple[bool, str]:
    alpha = shown(file).getchannel("A")
    row = list(alpha.tobytes()[: alpha.width])
    return set(row[::2]) != set(row[1::2]) and set(row) == {0, 255}, f"alpha {row}"


def copied(file: bytes, path: Path) -> tuple[bool, str]:
    """Expect the pixels of the file where the result has its size and format."""
    source = opened(file).convert("RGB")
    same = variant(width=source.width, height=source.height, quality=90)
    (rendition,) = rendered(file, same).renditions
    moved = ImageChops.difference(opened(rendition.body).convert("RGB"), source)
    apart = max(ImageStat.Stat(moved).mean)
    return apart <= LEVELS, f"{apart:.2f} levels apart {rendition.warnings}"


def logo(file: bytes, path: Path) -> tuple[bool, str]:
    mark = watermark(
        text=None,
        logo=str(path),
        width_percent=100,
        opacity_percent=100,
        margin_percent=0,
        position=Position.TOP_LEFT,
    )
    ground = Image.new("RGB", (200, 200), "grey")
    image = draw_watermark(ground, mark)
    box = ImageChops.difference(image, ground).getbbox()
    left = image.getpixel((10, 10))
    return box == (0, 0, 200, 50) and left == (255, 0, 0), f"{box}, {left} on the left"


def ramp(file: bytes, path: Path) -> tuple[bool, str]:
    image = shown(file).convert("L")
    row = list(image.tobytes()[: image.width])
    return row == sorted(row) and row[-1] - row[0] > SIDE // 2, f"from {row[0]} to {row[-1]}"


def without_extra(file: bytes) -> Image.Image:
    at = next(
        file.index(head)
        for order in "<>"
        if (head := struct.pack(order + "HHI", 338, 3, 1)) in file
    )
    return shown(file[: at + 8] + bytes(4) + file[at + 12 :])


def in_eight_bits(file: bytes) -> Image.Image:
    order = "<" if file[:2] == b"II" else ">"
    source = Image.open(BytesIO(file))
    starts: Sequence[int] = source.tag_v2[273]  # type: ignore[attr-defined]  # of TIFF files
    size = source.width * source.height
    upper = 1 if order == "<" else 0
    planes = [file[start : start + 2 * size][upper::2] for start in starts]
    return shown(raw.tiff(*source.size, planes, bits=(8,) * 4, shown=raw.CMYK))


def with_alpha(file: bytes) -> Image.Image:
    picture = scene()
    picture.putalpha(Image.radial_gradient("L").resize(picture.size))
    return picture.resize((256, 192))


EXPECTED: dict[str, Check] = {
    "planar16.tif": pixel(32, 24, 129, 130, 128),
    "planar16-cmyk.tif": like(in_eight_bits),
    "planar-la.tif": pixel(32, 24, 129, 129, 129, 255),
    "planar-la-raw.tif": pixel(32, 24, 129, 129, 129, 255),
    "cmyk-extra1.tif": like(without_extra),
    "cmyk-extra2.tif": like(without_extra),
    "signed8.tif": ramp,
    "bigtiff-be.tif": pixel(32, 24, 129, 129, 129),
    "webp-in.tif": reason("unsupported-format"),
    "jpeg2000-in.tif": reason("unsupported-format"),
    "raw.dng": reason("unsupported-format"),
    "unci.heic": reason("unsupported-format"),
    "jpeg.heic": reason("unsupported-format"),
    "vvc1.heic": reason("unsupported-format"),
    "clap.heic": like(lambda file: scene().crop((150, 110, 250, 190))),
    "two-ipma.avif": like(with_alpha),
    "nclx-p3.avif": pixel(9, 9, 217, 42, 52),
    "nclx-rec2020.avif": pixel(9, 9, 247, 0, 53),
    "nclx-pq.avif": pixel(9, 9, 255, 0, 0),
    "nclx-hlg.avif": pixel(9, 9, 230, 0, 39),
    "large.avif": reason("image-too-large"),
    "odd-yuv420p.jp2": pixel(16, 16, 127, 127, 127),
    "odd-yuv422p.jp2": pixel(16, 16, 127, 127, 127),
    "cdef.jp2": pixel(9, 9, 50, 100, 200),
    "cicp-gama.png": pixel(9, 9, 200, 40, 40),
    "cicp_p3.png": pixel(16, 16, 216, 69, 50),
    "cicp_pq.png": pixel(16, 16, 125, 66, 39),
    "icc-after.png": pixel(9, 9, 200, 40, 40),
    "icc-large.png": pixel(9, 9, 233, 35, 35),
    "one-frame.png": pixel(9, 9, 0, 255, 0),
    "logo_turned.png": logo,
    "a1r5g5b5.bmp": every_second_is_clear,
    "a8-birgb.bmp": every_second_is_clear,
    "icc.bmp": pixel(4, 4, 233, 35, 35),
    "jfif_and_adobe_0.jpg": copied,
    "jfif_with_ids_rgb.jpg": copied,
    "no_end.jpg": pixel(9, 9, 201, 80, 61, noted=True),
    "short_jfif.jpg": pixel(9, 9, 201, 80, 61, noted=True),
    "short_icc.jpg": pixel(9, 9, 201, 80, 61, noted=True),
}


def main(folder: Path) -> int:
    wrong = 0
    for name, check in EXPECTED.items():
        path = folder / name
        try:
            right, seen = check(path.read_bytes(), path)
        except (Rejected, OSError) as error:
            right, seen = False, f"{type(error).__name__}: {error}"
        wrong += not right
        print(f"{'right' if right else 'WRONG'}  {name:22} {seen}")
    print(f"{len(EXPECTED) - wrong} of {len(EXPECTED)} are right")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Draw the pictures of docs/images.md: fits and watermarks on a sample photograph."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw
from pipeline import imaging
from pipeline.model import (
    Contrast,
    Fit,
    Format,
    Limits,
    Position,
    Style,
    Variant,
    Watermark,
)

from tools import ROOT
from tools.local.contact_sheet import font

SAMPLES = ROOT / "tools" / "samples"
PICTURES = ROOT / "tools" / "pictures"
LIMITS = Limits(source_bytes=10_000_000, pixels=10_000_000, memory_bytes=1 << 30)

BOX: Final = (300, 200)
VARIANT = Variant(
    name="picture",
    width=BOX[0],
    height=BOX[1],
    format=Format.PNG,
)
TEXT = Watermark(
    text="© Example",
    logo=None,
    font=None,
    position=Position.BOTTOM_RIGHT,
    width_percent=40,
    margin_percent=3,
    opacity_percent=80,
    rotation_degrees=0,
    color=(255, 255, 255),
    contrast=Contrast.OUTLINE,
)
CENTERED = replace(TEXT, position=Position.CENTER, width_percent=60)

FITS: Mapping[str, Variant] = {
    'fit = "inside"': VARIANT,
    'fit = "outside"': replace(VARIANT, fit=Fit.OUTSIDE),
    'fit = "contain"': replace(VARIANT, fit=Fit.CONTAIN),
    'fit = "fill"': replace(VARIANT, fit=Fit.FILL),
    'fit = "cover"': replace(VARIANT, fit=Fit.COVER),
    'position = "top"': replace(VARIANT, fit=Fit.COVER, position=Position.TOP),
    'position = "bottom"': replace(VARIANT, fit=Fit.COVER, position=Position.BOTTOM),
    'position = "entropy"': replace(VARIANT, fit=Fit.COVER, position=None),
}
WATERMARKS: Mapping[str, Watermark] = {
    'contrast = "outline"': TEXT,
    'contrast = "shadow"': replace(CENTERED, contrast=Contrast.SHADOW),
    "rotation_degrees = 30": replace(CENTERED, text="ΑΩ Жя Åß", rotation_degrees=30),
    'position = "tile"': replace(
        TEXT, position=None, width_percent=25, rotation_degrees=30, opacity_percent=50
    ),
}

_COLUMNS: Final = 4
_CELL: Final = (300, 300)
_GAP: Final = 28
_LINE: Final = 40
_PAPER, _FRAME, _INK = "#ffffff", "#d0d7de", "#16191d"


def rendered(sample: str, variant: Variant, watermark: Watermark | None) -> Image.Image:
    """Render *variant* of a sample photograph with the image engine."""
    style = Style(
        watermark=watermark,
        background=(234, 238, 242),
        keep_copyright=False,
        keep_provenance=True,
        exif_facts=(),
        blurred_placeholder=False,
    )
    file = BytesIO((SAMPLES / sample).read_bytes())
    with imaging.open_image(file, LIMITS) as source:
        [rendition] = imaging.render(source, [variant], style)
    return Image.open(BytesIO(rendition.body)).convert("RGB")


def draw(pictures: Sequence[tuple[str, Image.Image]], cell: tuple[int, int], target: Path) -> None:
    """Write *pictures*, each with a caption and its bounding box."""
    width, height = cell
    rows = -(-len(pictures) // _COLUMNS)
    sheet = Image.new(
        "RGB",
        (_GAP + _COLUMNS * (width + _GAP), _GAP + rows * (height + _LINE + _GAP)),
        _PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    for number, (caption, picture) in enumerate(pictures):
        row, column = divmod(number, _COLUMNS)
        left, top = _GAP + column * (width + _GAP), _GAP + row * (height + _LINE + _GAP)
        corner = left + (width - picture.width) // 2, top + (height - picture.height) // 2
        sheet.paste(picture, corner)
        box = left + (width - BOX[0]) // 2, top + (height - BOX[1]) // 2
        pen.rectangle((*box, box[0] + BOX[0] - 1, box[1] + BOX[1] - 1), outline=_FRAME)
        pen.text((left, top + height + _LINE), caption, _INK, font(weight=400), anchor="ls")
    target.parent.mkdir(exist_ok=True)
    sheet.save(target, quality=85, optimize=True)
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Draw both pictures."""
    fits = [
        (caption, rendered("astronaut.png", variant, None)) for caption, variant in FITS.items()
    ]
    draw(fits, _CELL, PICTURES / "fits.jpg")
    watermarks = [
        (caption, rendered("coffee.png", VARIANT, watermark))
        for caption, watermark in WATERMARKS.items()
    ]
    draw(watermarks, BOX, PICTURES / "watermarks.jpg")

"""Photographs before and after, side by side on one labelled sheet."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path

import pillow_heif
from PIL import Image, ImageCms, ImageDraw, ImageFont, ImageOps

pillow_heif.register_heif_opener()

_MAX_BYTES = 400_000  # for a README

# Raised by Pillow for files that are truncated, damaged, of an unknown format or too large.
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

_TILE = 400
_GAP = 28
_LINE = 30
_PAPER, _FRAME, _INK, _FAINT, _WARNING = "#ffffff", "#f1f3f5", "#16191d", "#6a737d", "#b3261e"

Corner = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Side:
    """A photograph's file before or after; *pixels* is empty if unknown."""

    file: Path
    pixels: str
    size: int
    variant: str = ""

    @property
    def text(self) -> str:
        """Its dimensions and size, as a caption."""
        measures = [self.pixels, f"{self.size / 1000:,.0f} kB"]
        return ", ".join(filter(None, measures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A photograph with one result for each variant, or with the reason for having none."""

    before: Side
    after: Sequence[Side] = ()
    milliseconds: float = 0
    failure: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.before.file.name

    def change(self, side: Side) -> str:
        """How much larger or smaller a result is than the photograph."""
        return f"{side.size / max(1, self.before.size) - 1:+.0%} bytes".replace("-", "\u2212")


def draw(photographs: Sequence[Photograph], target: Path) -> None:
    """Write the sheet as a JPEG: a column for each photograph, its results below it."""
    width = _GAP + len(photographs) * (_TILE + _GAP)
    row = _TILE + 2 * _LINE + _GAP
    rows = 1 + max(1, *(len(photograph.after) for photograph in photographs))
    sheet = Image.new("RGB", (width, _GAP + rows * row), _PAPER)
    for column, photograph in enumerate(photographs):
        left = _GAP + column * (_TILE + _GAP)
        _draw_tile(sheet, (left, _GAP), photograph.before, photograph.name)
        for number, side in enumerate(photograph.after, 1):
            title = ", ".join(filter(None, [side.variant, photograph.change(side)]))
            _draw_tile(sheet, (left, _GAP + number * row), side, title)
        if not photograph.after:
            corner = left, _GAP + row
            _draw_picture(sheet, corner, None)
            _draw_caption(sheet, corner, "not processed", photograph.failure, color=_WARNING)
    for quality in range(90, 0, -5):
        body = BytesIO()
        sheet.save(body, "JPEG", quality=quality, optimize=True)
        if body.tell() <= _MAX_BYTES:
            break
    target.write_bytes(body.getvalue())


def _draw_tile(sheet: Image.Image, corner: Corner, side: Side, title: str) -> None:
    _draw_picture(sheet, corner, side.file)
    _draw_caption(sheet, corner, title, side.text)


def _draw_picture(sheet: Image.Image, corner: Corner, file: Path | None) -> None:
    tile = Image.new("RGB", (_TILE, _TILE), _FRAME)
    with suppress(*_UNREADABLE), Image.open(file or BytesIO()) as image:
        upright = _in_srgb(ImageOps.exif_transpose(image)).convert("RGBA")
        picture = ImageOps.contain(upright, tile.size, Image.Resampling.LANCZOS)
        place = (_TILE - picture.width) // 2, (_TILE - picture.height) // 2
        tile.paste(picture, place, picture)
    sheet.paste(tile, corner)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Convert to sRGB, the colour space of the results."""
    if profile := image.info.get("icc_profile"):
        with suppress(ImageCms.PyCMSError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            mode = "RGBA" if image.mode == "RGBA" else "RGB"
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode=mode)
            return converted or image
    return image


def _draw_caption(
    sheet: Image.Image, corner: Corner, title: str, text: str, *, color: str = _INK
) -> None:
    left, top = corner[0], corner[1] + _TILE + _LINE
    pen = ImageDraw.Draw(sheet)
    bold, plain = font(weight=700), font(weight=400)
    pen.text((left, top), _shortened(title, bold, _TILE), color, bold, anchor="ls")
    text = _shortened(text, plain, _TILE)
    pen.text((left, top + _LINE), text, _FAINT, plain, anchor="ls")


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while font.getlength(text) > width:
        text = text.removesuffix("…")[:-1] + "…"
    return text


@cache
def font(*, weight: int) -> ImageFont.FreeTypeFont:
    """The font of the sheets: weight 400 is regular, 700 is bold."""
    with as_file(files("fontpkg_open_sans") / "files" / "OpenSans[wdth,wght].ttf") as path:
        lettering = ImageFont.truetype(path, 21)
    lettering.set_variation_by_axes([weight, 100])  # and a width of 100 percent
    return lettering

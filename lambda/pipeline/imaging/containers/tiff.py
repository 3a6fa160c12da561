"""TIFF files: the page that is the picture, brought into a form that Pillow reads.

Where Pillow misreads a layout, the file gets new directories after its end; its pixels stay where
they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from PIL import Image, ImageChops
from PIL.ExifTags import Base as Tag
from PIL.ImageFile import _Tile
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from pipeline.errors import UnsupportedFormat
from pipeline.imaging.containers.tiff_directories import (
    PREMULTIPLIED,
    Directory,
    Entry,
    Photometric,
    Reader,
    with_directories,
)

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

_UNSIGNED, _SIGNED, _UNTYPED = 1, 2, 4  # of SampleFormat
_PLANE_DEPTHS = frozenset({1, 2, 4, 8, 16})
_MAX_DIRECTORIES = 64
_SIGN = 128

_RAW_MARK = b"CR"  # after the header of a Canon raw file
_RAW_PHOTOMETRICS = frozenset({32803, 34892})  # a colour filter array, linear raw

_UNREAD_COMPRESSIONS = {
    32909: "PixarLog",
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    34661: "JBIG",
    34887: "LERC",
    34892: "lossy JPEG",
    50001: "WebP",
    **dict.fromkeys((50002, 52546), "JPEG XL"),
}
_NUMBERS = {2: "signed ", 3: "floating ", 5: "complex ", 6: "complex "}

# What a plane has in common with the whole picture.
_OF_PLANES = (
    *(Tag.ImageWidth, Tag.ImageLength, Tag.Compression, Tag.FillOrder, Tag.Orientation),
    *(Tag.RowsPerStrip, Tag.T4Options, Tag.T6Options, Tag.Predictor, Tag.TileWidth),
    *(Tag.TileLength, Tag.JPEGTables),
)
_OF_ONE_PLANE = (Tag.StripOffsets, Tag.StripByteCounts, Tag.TileOffsets, Tag.TileByteCounts)
_NOT_OF_WHOLE = (
    *_OF_ONE_PLANE,
    *(Tag.Compression, Tag.ExtraSamples, Tag.FillOrder, Tag.PlanarConfiguration),
    Tag.RowsPerStrip,
    *(Tag.SampleFormat, Tag.TileLength, Tag.TileWidth),
)

P = TypeVar("P", bound=TiffImageFile)


_COLOR_NAMES: dict[int, str] = {
    Photometric.RGB: "RGB",
    Photometric.PALETTE: "palette",
    Photometric.CMYK: "CMYK",
    Photometric.YCBCR: "YCbCr",
    Photometric.LAB: "Lab",
}
_COLOR_CHANNELS: dict[int, int] = {
    Photometric.RGB: 3,
    Photometric.CMYK: 4,
    Photometric.YCBCR: 3,
    Photometric.LAB: 3,
}


class Picture(TiffImageFile):
    """A page that Pillow reads, with what it misunderstands corrected."""

    def _setup(self) -> None:
        super()._setup()
        if self.mode == "YCbCr" and not self.use_load_libtiff:
            # Pillow assumes that each pixel has colours of its own; libtiff knows subsampling.
            self._mode = "RGB"
            self.use_load_libtiff = True
            whole = (0, 0, *self._tile_size)
            self.tile = [_Tile("libtiff", whole, 0, ("RGBX", False, self.tag_v2.offset))]

    def load(self) -> "PixelAccess | None":
        """Decode the pixels."""
        is_signed = self.tag_v2.get(Tag.SampleFormat) == (_SIGNED,) and self.mode == "L"
        if self.tile and is_signed:
            super().load()
            self.im = _signed_to_levels(self).im
        return super().load()


class PlanarPicture(TiffImageFile):
    """A first page that describes the whole, followed by one page for each of its planes."""

    is_white_zero = False

    def load(self) -> "PixelAccess | None":
        """Decode the planes and merge them."""
        if self.tile:
            self.im = self._merged([self._plane(n) for n in range(len(self.getbands()))]).im
            self.tile = []
            self.readonly = 0
        return super().load()

    def _plane(self, number: int) -> Image.Image:
        file = cast("BinaryIO", self._fp)
        file.seek(0)
        page = _Plane(file)
        page.seek(1 + number)
        page.load()
        plane = page.convert("L")
        return ImageChops.invert(plane) if self.is_white_zero and number == 0 else plane

    def _merged(self, planes: Sequence[Image.Image]) -> Image.Image:
        if self.mode == "LAB":
            lightness, *colors = planes
            return Image.merge("LAB", (lightness, *(_flip_sign(color) for color in colors)))
        if PREMULTIPLIED in self.tag_v2.get(Tag.ExtraSamples, ()):
            return Image.merge(self.mode[:-1] + "a", planes).convert(self.mode)
        return Image.merge(self.mode, planes)


class _Plane(TiffImageFile):
    """The pages of a planar picture; of 16 bits the upper half, as Pillow reads other ones."""

    def _setup(self) -> None:
        super()._setup()
        if self.mode.startswith("I;16"):
            self._mode = "L"
            self.tile = [_upper_half(tile) for tile in self.tile]


def open_tiff(file: BinaryIO) -> tuple[BinaryIO, TiffImageFile]:
    """Open the picture in *file*: its first page that is neither reduced nor a mask.

    Returns the file that the picture reads, another one where *file* has to be rewritten. Raises
    `UnsupportedFormat` for camera raw files and pixels that are not read, anything for damage.
    """
    reader = Reader(file)
    first, page = _first_and_shown(reader)
    compression = page.number(Tag.Compression, 1)
    if compression in _UNREAD_COMPRESSIONS or compression not in COMPRESSION_INFO:
        name = _UNREAD_COMPRESSIONS.get(compression, f"the compression {compression}")
        raise UnsupportedFormat(f"a TIFF with {name} in it is not read here")
    if page.is_planar:
        pages = _pages_of_planes(page)
        if not pages:
            raise _unsupported(page)
    elif page is not first or (reader.is_big and reader.order == ">") or page.has_hidden_extra:
        pages = [_normalised(page)]
    else:
        return file, _opened(Picture, file, page)
    file = with_directories(file, reader.order, pages)
    if len(pages) == 1:
        return file, _opened(Picture, file, page)
    picture = _opened(PlanarPicture, file, page)
    picture.is_white_zero = page.photometric == Photometric.WHITE_IS_ZERO
    return file, picture


def _opened(kind: type[P], file: BinaryIO, page: Directory) -> P:
    file.seek(0)
    try:
        return kind(file, "")
    except SyntaxError as error:
        if str(error) == "unknown pixel mode":
            raise _unsupported(page) from error
        raise


def _first_and_shown(reader: Reader) -> tuple[Directory, Directory]:
    """Return the first page, and the one that is the picture."""
    chain = reader.directories(reader.first)
    first = next(chain)
    if reader.read(8, 2) == _RAW_MARK or Tag.DNGVersion in first.entries:
        raise UnsupportedFormat("a camera's raw file is not read here")
    pages = [first]
    if first.is_auxiliary or Tag.SubIFDs in first.entries:
        pages += islice(chain, _MAX_DIRECTORIES)
        pages += list(islice(_children(pages), _MAX_DIRECTORIES))
    if any(page.photometric in _RAW_PHOTOMETRICS for page in pages):
        raise UnsupportedFormat("a camera's raw file is not read here")
    return first, next((page for page in pages if not page.is_auxiliary), first)


def _children(pages: Iterable[Directory]) -> Iterator[Directory]:
    for page in pages:
        for start in page.numbers(Tag.SubIFDs):
            yield from page.reader.directories(start)


def _unsupported(page: Directory) -> UnsupportedFormat:
    is_grey = page.photometric < Photometric.RGB
    name = _COLOR_NAMES.get(page.photometric, f"photometric {page.photometric}")
    bits = "+".join(map(str, page.numbers(Tag.BitsPerSample) or (1,)))
    numbers = _NUMBERS.get(page.number(Tag.SampleFormat, 1), "")
    return UnsupportedFormat(
        f"a TIFF of {'grey' if is_grey else name} in {numbers}samples of {bits} bits"
        " is not read here"
    )


def _normalised(page: Directory) -> dict[int, Entry]:
    """Return the fields of *page* as Pillow reads them: classic, without alpha beside inks."""
    entries = page.classic()
    if page.has_hidden_extra:
        entries[Tag.ExtraSamples] = page.longs(*(0 for _ in page.numbers(Tag.ExtraSamples)))
    return entries


def _pages_of_planes(page: Directory) -> list[dict[int, Entry]]:
    """Return what `PlanarPicture` reads in place of *page*: the whole, then each plane that shows.

    Of one plane it is a page on its own, of planes that differ or are not integers no page.
    """
    bits = page.numbers(Tag.BitsPerSample) or (1,)
    samples = page.number(Tag.SamplesPerPixel, len(bits))
    shown = _COLOR_CHANNELS.get(page.photometric, 1) + bool(page.alpha(samples))
    formats = set(page.numbers(Tag.SampleFormat)) - {_UNSIGNED, _UNTYPED}
    is_read = len(set(bits)) == 1 and (shown == 1 or (bits[0] in _PLANE_DEPTHS and not formats))
    if samples < shown or not is_read:
        return []
    if shown > 1:
        return [_whole(page, shown), *(_plane(page, number, samples) for number in range(shown))]
    entries = page.classic()
    for tag in (Tag.PlanarConfiguration, Tag.ExtraSamples):
        entries.pop(tag, None)
    meaning = {tag: entries[tag] for tag in [Tag.PhotometricInterpretation] if tag in entries}
    return [entries | _plane(page, 0, samples) | meaning]


def _plane(page: Directory, number: int, samples: int) -> dict[int, Entry]:
    """Return the fields of plane *number* of the *samples* that *page* has."""
    entries = page.classic()
    plane: dict[int, Entry] = {tag: entries[tag] for tag in _OF_PLANES if tag in entries}
    plane[Tag.BitsPerSample] = page.longs(page.number(Tag.BitsPerSample, 1))
    plane[Tag.SamplesPerPixel] = page.longs(1)
    plane[Tag.PhotometricInterpretation] = page.longs(Photometric.BLACK_IS_ZERO)
    for tag in _OF_ONE_PLANE:
        if parts := page.numbers(tag):
            each = len(parts) // samples
            plane[tag] = page.longs(*parts[number * each : (number + 1) * each])
    return plane


def _whole(page: Directory, count: int) -> dict[int, Entry]:
    """Return the fields of *page* as if it were *count* interleaved samples of 8 bits."""
    entries = page.classic()
    for tag in _NOT_OF_WHOLE:
        entries.pop(tag, None)
    photometric = max(page.photometric, Photometric.BLACK_IS_ZERO)
    entries |= {
        Tag.BitsPerSample: page.longs(*[8] * count),
        Tag.PhotometricInterpretation: page.longs(photometric),
        Tag.SamplesPerPixel: page.longs(count),
        Tag.StripOffsets: page.longs(0),
    }
    if alpha := page.alpha(page.number(Tag.SamplesPerPixel, count)):
        entries[Tag.ExtraSamples] = page.longs(alpha)
    return entries


def _upper_half(tile: _Tile) -> _Tile:
    rawmode, *rest = cast("tuple[str, int, int]", tile.args)
    return tile._replace(args=("L;16B" if rawmode.endswith("B") else "L;16", *rest))


def _flip_sign(image: Image.Image) -> Image.Image:
    """Return the signed bytes of *image* with 128 for 0, or the other way round."""
    return image.point([level ^ _SIGN for level in range(256)])


def _signed_to_levels(image: Image.Image) -> Image.Image:
    """Return the signed bytes of *image* as levels, its least being black if it is below zero."""
    levels = _flip_sign(image)
    low, high = cast("tuple[int, int]", levels.getextrema())
    if low >= _SIGN:
        low, high = _SIGN, _SIGN + 255
    span = (high - low) or 1
    return levels.point([round(255 * min(max(v - low, 0), span) / span) for v in range(256)])

"""TIFF files: the page that is the picture, brought into a form that Pillow reads.

Directories are read as TIFF 6.0 (section 2) and BigTIFF describe them. Where Pillow misreads a
layout, the file gets new directories after its end; its pixels stay where they are.
"""

import io
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import islice
from shutil import copyfileobj
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar, cast

from PIL import Image, ImageChops
from PIL.ExifTags import Base as Tag
from PIL.ImageFile import _Tile
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from pipeline.errors import UnsupportedFormat

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

_CLASSIC, _BIG = 42, 43
_LONG = 4
_BIG_KINDS = {16: 8, 17: 8, 18: 8}
_KIND_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    **_BIG_KINDS,
}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_REDUCED, _MASK = 1, 4  # of NewSubfileType
_OLD_REDUCED = 2  # of SubfileType
_UNSIGNED, _SIGNED, _UNTYPED = 1, 2, 4  # of SampleFormat
_PREMULTIPLIED, _ALPHA = 1, 2  # of ExtraSamples
_PLANAR = 2
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


class _Photometric(IntEnum):
    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    LAB = 8


_COLOR_NAMES: dict[int, str] = {
    _Photometric.RGB: "RGB",
    _Photometric.PALETTE: "palette",
    _Photometric.CMYK: "CMYK",
    _Photometric.YCBCR: "YCbCr",
    _Photometric.LAB: "Lab",
}
_COLOR_CHANNELS: dict[int, int] = {
    _Photometric.RGB: 3,
    _Photometric.CMYK: 4,
    _Photometric.YCBCR: 3,
    _Photometric.LAB: 3,
}


class _Entry(NamedTuple):
    """One field: *amount* values of a *kind*, in *body*, or at *offset* if that is not 0."""

    kind: int
    amount: int
    body: bytes
    offset: int = 0


class _Directory:
    """The fields of one page by their tags."""

    def __init__(self, reader: "_Reader", entries: Mapping[int, _Entry]) -> None:
        self.reader = reader
        self.entries = entries
        self.photometric = self.number(Tag.PhotometricInterpretation, 0)

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the integers of *tag*, none if it is missing or of another kind."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _INTEGERS:
            return ()
        body = entry.body
        if entry.offset:
            body = self.reader.read(entry.offset, entry.amount * _KIND_BYTES[entry.kind])
        return struct.unpack(f"{self.reader.order}{entry.amount}{_INTEGERS[entry.kind]}", body)

    def number(self, tag: int, default: int) -> int:
        """Return the first integer of *tag*."""
        return next(iter(self.numbers(tag)), default)

    def longs(self, *numbers: int) -> _Entry:
        """Return a field of *numbers* of 32 bits, in the byte order of the file."""
        packed = struct.pack(f"{self.reader.order}{len(numbers)}I", *numbers)
        return _Entry(_LONG, len(numbers), packed)

    def classic(self) -> dict[int, _Entry]:
        """Return the fields as classic TIFF has them, without the kinds of BigTIFF."""
        return {
            tag: self.longs(*self.numbers(tag)) if entry.kind in _BIG_KINDS else entry
            for tag, entry in self.entries.items()
        }

    @property
    def is_auxiliary(self) -> bool:
        """Whether this is a reduced picture or a mask."""
        kind = self.number(Tag.NewSubfileType, 0)
        return bool(kind & (_REDUCED | _MASK)) or self.number(Tag.SubfileType, 0) == _OLD_REDUCED

    @property
    def is_planar(self) -> bool:
        """Whether its channels are apart, except in YCbCr, which libtiff combines."""
        is_planar = self.number(Tag.PlanarConfiguration, 1) == _PLANAR
        return is_planar and self.photometric != _Photometric.YCBCR

    @property
    def has_hidden_extra(self) -> bool:
        """Whether there is an alpha channel beside inks, for which Pillow has no mode."""
        return self.photometric == _Photometric.CMYK and any(self.numbers(Tag.ExtraSamples))

    def alpha(self, samples: int) -> int:
        """Return the kind of alpha channel after the colours of *samples* in all, 0 for none."""
        if self.photometric in (_Photometric.CMYK, _Photometric.LAB, _Photometric.PALETTE):
            return 0
        has_extra = Tag.ExtraSamples in self.entries
        if self.photometric == _Photometric.RGB and samples == 4 and not has_extra:
            return _ALPHA
        extra = self.number(Tag.ExtraSamples, 0)
        return extra if extra in (_PREMULTIPLIED, _ALPHA) else 0


class _Reader:
    """Read the directories of *file*; raise `ValueError` or `struct.error` on damage."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, io.SEEK_END)
        head = self.read(0, 8)
        self.order = "<" if head[:2] == b"II" else ">"
        (version,) = struct.unpack_from(self.order + "H", head, 2)
        self.is_big = version == _BIG
        self.first = self._unpack("Q", 8) if self.is_big else self._unpack("I", 4)

    def read(self, offset: int, length: int) -> bytes:
        """Return *length* bytes from *offset*."""
        if offset + length > self._length:
            raise ValueError(f"{length} bytes at {offset} are beyond the end of the file")
        self._file.seek(offset)
        return self._file.read(length)

    def directories(self, start: int) -> Iterator[_Directory]:
        """Yield the chain of directories from *start* on, each once."""
        width, inline, pointer = (20, 8, "Q") if self.is_big else (12, 4, "I")
        seen = set()
        while start and start not in seen:
            seen.add(start)
            count = self._unpack("Q" if self.is_big else "H", start)
            start += 8 if self.is_big else 2
            block = self.read(start, count * width)
            entries = {}
            for at in range(0, len(block), width):
                tag, kind, amount = struct.unpack_from(f"{self.order}HH{pointer}", block, at)
                value = block[at + width - inline : at + width]
                length = amount * _KIND_BYTES.get(kind, 0)
                if length > inline:
                    (offset,) = struct.unpack(self.order + pointer, value)
                    entries[tag] = _Entry(kind, amount, b"", offset)
                elif length:
                    entries[tag] = _Entry(kind, amount, value[:length])
            following = self._unpack(pointer, start + len(block))
            yield _Directory(self, entries)
            start = following

    def _unpack(self, code: str, offset: int) -> int:
        (value,) = struct.unpack(self.order + code, self.read(offset, struct.calcsize(code)))
        return int(value)


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
        if _PREMULTIPLIED in self.tag_v2.get(Tag.ExtraSamples, ()):
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
    reader = _Reader(file)
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
    file = _with_directories(file, reader.order, pages)
    if len(pages) == 1:
        return file, _opened(Picture, file, page)
    picture = _opened(PlanarPicture, file, page)
    picture.is_white_zero = page.photometric == _Photometric.WHITE_IS_ZERO
    return file, picture


def _opened(kind: type[P], file: BinaryIO, page: _Directory) -> P:
    file.seek(0)
    try:
        return kind(file, "")
    except SyntaxError as error:
        if str(error) == "unknown pixel mode":
            raise _unsupported(page) from error
        raise


def _first_and_shown(reader: _Reader) -> tuple[_Directory, _Directory]:
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


def _children(pages: Iterable[_Directory]) -> Iterator[_Directory]:
    for page in pages:
        for start in page.numbers(Tag.SubIFDs):
            yield from page.reader.directories(start)


def _unsupported(page: _Directory) -> UnsupportedFormat:
    is_grey = page.photometric < _Photometric.RGB
    name = _COLOR_NAMES.get(page.photometric, f"photometric {page.photometric}")
    bits = "+".join(map(str, page.numbers(Tag.BitsPerSample) or (1,)))
    numbers = _NUMBERS.get(page.number(Tag.SampleFormat, 1), "")
    return UnsupportedFormat(
        f"a TIFF of {'grey' if is_grey else name} in {numbers}samples of {bits} bits"
        " is not read here"
    )


def _normalised(page: _Directory) -> dict[int, _Entry]:
    """Return the fields of *page* as Pillow reads them: classic, without alpha beside inks."""
    entries = page.classic()
    if page.has_hidden_extra:
        entries[Tag.ExtraSamples] = page.longs(*(0 for _ in page.numbers(Tag.ExtraSamples)))
    return entries


def _pages_of_planes(page: _Directory) -> list[dict[int, _Entry]]:
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


def _plane(page: _Directory, number: int, samples: int) -> dict[int, _Entry]:
    """Return the fields of plane *number* of the *samples* that *page* has."""
    entries = page.classic()
    plane: dict[int, _Entry] = {tag: entries[tag] for tag in _OF_PLANES if tag in entries}
    plane[Tag.BitsPerSample] = page.longs(page.number(Tag.BitsPerSample, 1))
    plane[Tag.SamplesPerPixel] = page.longs(1)
    plane[Tag.PhotometricInterpretation] = page.longs(_Photometric.BLACK_IS_ZERO)
    for tag in _OF_ONE_PLANE:
        if parts := page.numbers(tag):
            each = len(parts) // samples
            plane[tag] = page.longs(*parts[number * each : (number + 1) * each])
    return plane


def _whole(page: _Directory, count: int) -> dict[int, _Entry]:
    """Return the fields of *page* as if it were *count* interleaved samples of 8 bits."""
    entries = page.classic()
    for tag in _NOT_OF_WHOLE:
        entries.pop(tag, None)
    photometric = max(page.photometric, _Photometric.BLACK_IS_ZERO)
    entries |= {
        Tag.BitsPerSample: page.longs(*[8] * count),
        Tag.PhotometricInterpretation: page.longs(photometric),
        Tag.SamplesPerPixel: page.longs(count),
        Tag.StripOffsets: page.longs(0),
    }
    if alpha := page.alpha(page.number(Tag.SamplesPerPixel, count)):
        entries[Tag.ExtraSamples] = page.longs(alpha)
    return entries


def _with_directories(
    file: BinaryIO, order: str, pages: Sequence[Mapping[int, _Entry]]
) -> io.BytesIO:
    """Return a copy of the TIFF *file* whose directories are *pages*, written after its end."""
    copy = io.BytesIO()
    file.seek(0)
    copyfileobj(file, copy)
    copy.write(bytes(copy.tell() % 2))
    start = copy.tell()
    for page in pages:
        copy.write(_packed(page, order, copy.tell(), is_last=page is pages[-1]))
    copy.seek(0)
    copy.write((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", _CLASSIC, start))
    return copy


def _packed(page: Mapping[int, _Entry], order: str, start: int, *, is_last: bool) -> bytes:
    """Return the directory of *page*, to be written at *start*, with its values after it."""
    after = start + 2 + 12 * len(page) + 4
    table, values = struct.pack(order + "H", len(page)), b""
    for tag, (kind, count, body, offset) in sorted(page.items()):
        table += struct.pack(order + "HHI", tag, kind, count)
        if offset or len(body) > 4:
            table += struct.pack(order + "I", offset or after + len(values))
            values += body + bytes(len(body) % 2)
        else:
            table += body.ljust(4, b"\0")
    following = 0 if is_last else after + len(values)
    return table + struct.pack(order + "I", following) + values


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

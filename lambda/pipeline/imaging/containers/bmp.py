"""Windows bitmaps: alpha, masks of any shape and profiles, which Pillow ignores.

Read as browsers read them: without colour masks, a bitmap of version 4 or 5 has alpha in the
highest of its 32 bits if it has an alpha mask, and one of version 3 has none. Pixels that a bitmap
of runs skips are black.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from PIL import Image, ImageChops, ImagePalette
from PIL.BmpImagePlugin import BmpImageFile

from pipeline.errors import UnsupportedFormat

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

_HEADER = 14  # where the header of the picture starts
_OS2_SHORT, _OS2, _VERSION_3, _WITH_ALPHA, _VERSION_4, _VERSION_5 = 16, 64, 40, 56, 108, 124
_PLAIN, _MASKED, _MASKED_WITH_ALPHA = 0, 3, 6
_EMBEDDED = b"DEBM"  # "MBED", its lowest byte first

_BYTES = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_READ_BY_PILLOW = frozenset(
    {
        (16, (0xF800, 0x7E0, 0x1F, 0)),
        (16, (0x7C00, 0x3E0, 0x1F, 0)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0)),
        (32, _BYTES),
    }
)
_END_OF_ROW, _END_OF_PICTURE, _MOVE = 0, 1, 2  # escapes, after a run of no pixels
_WORD = 16
_ROWS = 64  # unpacked at a time


class _Header(NamedTuple):
    bits: int
    compression: int
    masks: tuple[int, ...]  # of red, green, blue and alpha
    profile: bytes


class Bitmap(BmpImageFile):
    """A bitmap whose channels are where *masks* have ones, if there are any."""

    masks: Sequence[int] = ()

    def use_masks(self, masks: Sequence[int]) -> None:
        """Read red, green, blue and alpha by *masks* instead of Pillow's choice."""
        self._mode = "RGBA" if masks[3] else "RGB"
        if masks == _BYTES:
            self._unpack_as("BGRA")
        else:
            self.masks = masks

    def load(self) -> "PixelAccess | None":
        """Decode the pixels."""
        if self.tile and self.tile[0].codec_name == "bmp_rle":
            self._unpack_runs()
        elif self.tile and self.masks:
            mode, size = self.mode, self.size
            words = self.info["bits"] // _WORD
            self._mode, self._size = "I;16", (words * size[0], size[1])
            self._unpack_as("I;16")
            super().load()
            picture = _channels(self, words, self.masks, mode)
            self._mode, self._size, self.im = mode, size, picture.im
        return super().load()

    def _unpack_runs(self) -> None:
        """Decode runs, which may skip pixels and end before the last row."""
        (tile,) = self.tile
        _, in_halves, direction = cast("tuple[str, bool, int]", tile.args)
        file = cast("BinaryIO", self.fp)
        file.seek(tile.offset)
        numbers, covered = _unpacked(file.read(), self.width, self.height, in_halves=in_halves)
        mode = "P" if self.mode == "P" else "L"
        picture = Image.frombytes(mode, self.size, numbers, "raw", mode, 0, direction)
        if self.mode == "P" and 0 in covered:
            skipped = Image.frombytes("L", self.size, covered, "raw", "L;I", 0, direction)
            picture.paste(self._black(), mask=skipped)
        if self.mode == "1":
            picture = picture.point([0, *[255] * 255]).convert("1")
        self.im = picture.im
        self.tile = []

    def _black(self) -> int:
        """Return the number of black, which is added to the palette if there is room."""
        palette = cast("ImagePalette.ImagePalette", self.palette)
        colors = bytes(palette.palette).ljust(4 * 256, b"\0")
        self.palette = ImagePalette.raw("BGRX", colors)
        return min(range(256), key=lambda number: sum(colors[4 * number : 4 * number + 3]))

    def _unpack_as(self, rawmode: str) -> None:
        (tile,) = self.tile
        _, *layout = cast("tuple[str, int, int]", tile.args)
        self.tile = [tile._replace(extents=(0, 0, *self.size), args=(rawmode, *layout))]


def open_bmp(file: BinaryIO) -> tuple[BinaryIO, Bitmap]:
    """Open the bitmap *file*.

    Returns the file that it reads, another one where *file* has to be rewritten. Raises
    `UnsupportedFormat` for compressions of OS/2, and anything for damaged files.
    """
    file.seek(0)
    # A small picture of version 3 may be shorter than the header of version 5.
    head = file.read(_HEADER + _VERSION_5).ljust(_HEADER + _VERSION_5, b"\0")
    size = int.from_bytes(head[_HEADER : _HEADER + 4], "little")
    header = _read(file, head, size)
    if size == _OS2_SHORT or (header.masks and header.compression != _PLAIN):
        file.seek(0)
        file = io.BytesIO(_normalised(file.read(), size))
    file.seek(0)
    image = Bitmap(file, "")
    image.info["bits"] = header.bits
    if header.masks:
        image.use_masks(header.masks)
    if header.profile:
        image.info["icc_profile"] = header.profile
    return file, image


def _read(file: BinaryIO, head: bytes, size: int) -> _Header:
    if size in (_OS2_SHORT, 12):
        return _Header(0, _PLAIN, (), b"")
    bits, compression = struct.unpack_from("<HI", head, _HEADER + 14)
    if size == _OS2 and compression >= _MASKED:
        raise UnsupportedFormat(f"an OS/2 bitmap of compression {compression} is not read here")
    masks = _masks(head, size, bits, compression)
    return _Header(bits, compression, masks, _profile(file, head) if size == _VERSION_5 else b"")


def _masks(head: bytes, size: int, bits: int, compression: int) -> tuple[int, ...]:
    """Return the masks by which to read the pixels, none if Pillow reads them right."""
    red, green, blue, alpha = struct.unpack_from("<4I", head, _HEADER + _VERSION_3)
    if compression == _PLAIN:
        return _BYTES if bits == 32 and size >= _VERSION_4 and alpha else ()
    if bits not in (16, 32) or compression not in (_MASKED, _MASKED_WITH_ALPHA):
        return ()
    if compression == _MASKED and size < _WITH_ALPHA:
        alpha = 0
    masks = red, green, blue, alpha
    is_read = compression == _MASKED and (bits, masks) in _READ_BY_PILLOW
    return () if is_read or not any(masks) else masks


def _profile(file: BinaryIO, head: bytes) -> bytes:
    if head[_HEADER + 56 : _HEADER + 60] != _EMBEDDED:
        return b""
    start, length = struct.unpack_from("<II", head, _HEADER + 112)
    file.seek(_HEADER + start)
    return file.read(length)


def _normalised(data: bytes, size: int) -> bytes:
    """Return the bitmap *data* without masks, or with its short OS/2 header as one of version 3."""
    if size != _OS2_SHORT:
        compression = _HEADER + 16
        return data[:compression] + bytes(4) + data[compression + 4 :]
    added = _VERSION_3 - size
    (start,) = struct.unpack_from("<I", data, 10)
    longer = struct.pack("<II", start + added, _VERSION_3)
    return data[:10] + longer + data[18 : _HEADER + size] + bytes(added) + data[_HEADER + size :]


def _channels(image: Image.Image, words: int, masks: Sequence[int], mode: str) -> Image.Image:
    """Return the picture in *image*, whose pixels are *words* of 16 bits each, lowest first."""
    width, height = image.width // words, image.height
    picture = Image.new(mode, (width, height))
    for top in range(0, height, _ROWS):
        rows = image.crop((0, top, image.width, min(top + _ROWS, height)))
        parts = [part.convert("I") for part in _words(rows, words)]
        bands = [_channel(parts, mask) for mask in masks[: len(mode)]]
        picture.paste(Image.merge(mode, bands), (0, top))
    return picture


def _unpacked(
    data: bytes, width: int, height: int, *, in_halves: bool
) -> tuple[bytearray, bytearray]:
    """Return a byte for each pixel of the runs in *data*, and 255 for each that they cover."""
    pixels, covered = bytearray(width * height), bytearray(width * height)
    at = x = y = 0
    while y < height:
        if at + 2 > len(data):
            raise ValueError(f"the runs end in row {y} of {height}")
        count, value = data[at : at + 2]
        at += 2
        if count:
            run = bytes([value >> 4, value & 15] if in_halves else [value]) * count
        elif value == _END_OF_ROW:
            x, y = 0, y + 1
            continue
        elif value == _END_OF_PICTURE:
            break
        elif value == _MOVE:
            x, y = x + data[at], y + data[at + 1]
            at += 2
            continue
        else:
            count, size = value, (value + 1) // 2 if in_halves else value
            run = data[at : at + size]
            run = bytes(half for byte in run for half in divmod(byte, 16)) if in_halves else run
            at += size + size % 2
        run = run[: min(count, max(0, width - x))]
        start = y * width + x
        pixels[start : start + len(run)] = run
        covered[start : start + len(run)] = b"\xff" * len(run)
        x += count
    return pixels, covered


def _words(rows: Image.Image, words: int) -> Iterator[Image.Image]:
    size = rows.width // words, rows.height
    for word in range(words):
        start = word + 0.5 - words / 2
        yield rows.transform(size, Image.Transform.AFFINE, (words, 0, start, 0, 1, 0))


def _channel(parts: Sequence[Image.Image], mask: int) -> Image.Image:
    levels = [part.point(_table(mask, word), "L") for word, part in enumerate(parts)]
    return reduce(ImageChops.add_modulo, levels)


@lru_cache(maxsize=8)
def _table(mask: int, word: int) -> list[int]:
    """Return what each value of a 16-bit *word* of a pixel adds to the level under *mask*."""
    lowest = mask & -mask or 1
    white = mask // lowest or 1
    shift = _WORD * word
    return [
        round(255 * (((number << shift) & mask) // lowest) / white) for number in range(1 << _WORD)
    ]

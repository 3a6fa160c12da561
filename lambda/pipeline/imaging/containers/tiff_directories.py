"""Directories of TIFF files: the fields of their pages, read and written.

As TIFF 6.0 (section 2) and BigTIFF describe them. `Reader` raises `ValueError` or `struct.error` on
damage.
"""

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from shutil import copyfileobj
from typing import BinaryIO, NamedTuple

from PIL.ExifTags import Base as Tag

PREMULTIPLIED, _ALPHA = 1, 2  # of ExtraSamples
_CLASSIC, _BIG = 42, 43
_LONG = 4
_BIG_KINDS = {16: 8, 17: 8, 18: 8}
_KIND_BYTES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1)) | _BIG_KINDS
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_REDUCED, _MASK = 1, 4  # of NewSubfileType
_OLD_REDUCED = 2  # of SubfileType
_PLANAR = 2


class Photometric(IntEnum):
    """What samples mean: PhotometricInterpretation."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    LAB = 8


class Entry(NamedTuple):
    """One field: *amount* values of a *kind*, in *body*, or at *offset* if that is not 0."""

    kind: int
    amount: int
    body: bytes
    offset: int = 0


class Directory:
    """The fields of one page by their tags."""

    def __init__(self, reader: "Reader", entries: Mapping[int, Entry]) -> None:
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

    def longs(self, *numbers: int) -> Entry:
        """Return a field of *numbers* of 32 bits, in the byte order of the file."""
        packed = struct.pack(f"{self.reader.order}{len(numbers)}I", *numbers)
        return Entry(_LONG, len(numbers), packed)

    def classic(self) -> dict[int, Entry]:
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
        return is_planar and self.photometric != Photometric.YCBCR

    @property
    def has_hidden_extra(self) -> bool:
        """Whether there is an alpha channel beside inks, for which Pillow has no mode."""
        return self.photometric == Photometric.CMYK and any(self.numbers(Tag.ExtraSamples))

    def alpha(self, samples: int) -> int:
        """Return the kind of alpha channel after the colours of *samples* in all, 0 for none."""
        if self.photometric in (Photometric.CMYK, Photometric.LAB, Photometric.PALETTE):
            return 0
        has_extra = Tag.ExtraSamples in self.entries
        if self.photometric == Photometric.RGB and samples == 4 and not has_extra:
            return _ALPHA
        extra = self.number(Tag.ExtraSamples, 0)
        return extra if extra in (PREMULTIPLIED, _ALPHA) else 0


class Reader:
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

    def directories(self, start: int) -> Iterator[Directory]:
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
                    entries[tag] = Entry(kind, amount, b"", offset)
                elif length:
                    entries[tag] = Entry(kind, amount, value[:length])
            following = self._unpack(pointer, start + len(block))
            yield Directory(self, entries)
            start = following

    def _unpack(self, code: str, offset: int) -> int:
        (value,) = struct.unpack(self.order + code, self.read(offset, struct.calcsize(code)))
        return int(value)


def with_directories(
    file: BinaryIO, order: str, pages: Sequence[Mapping[int, Entry]]
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


def _packed(page: Mapping[int, Entry], order: str, start: int, *, is_last: bool) -> bytes:
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

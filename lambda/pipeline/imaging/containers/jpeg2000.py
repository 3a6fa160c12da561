"""JPEG 2000 files (ITU-T T.800): channel order, profiles, subsampled colours, decoding costs.

Where a file's sides are odd, subsampled colours are misread: OpenJPEG decodes the channels one
after the other, each in its own size, and Pillow expects each in the size of the picture divided
without a remainder. No channel is lost, because the next one starts where the last one ends, except
what comes after the last channel. So the file gets one more channel, for which nothing is coded,
and its pixels are the rest.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from pipeline.errors import UnsupportedFormat
from pipeline.imaging.containers.boxes import Box, box, children, top_level

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

_CODESTREAM = b"\xff\x4f\xff\x51"
_COD, _COC, _POC, _SOT, _SOD = 0xFF52, 0xFF53, 0xFF5F, 0xFF90, 0xFF93
_SIZE_BYTES = 38  # of the segment of sizes, without its channels
_MANY_COMPONENTS = 257  # from which on their numbers take two bytes
_MIN_BLOCK = 2  # the exponent of a side is stored less this
_MAX_PRECINCT = 15
_MAX_LEVELS = 33
_MAX_TILES = 1 << 16

_ENUMERATED = 1
_SYCC = 18
_READ_SPACES = frozenset({0, 12, 15, 16, 17, _SYCC})
_MAX_CHANNELS = 4
_COLORS = 3
_COLOR, _ALPHA, _PREMULTIPLIED = 0, 1, 2
_COLOR_MODES = {"LA": "L", "RGB": "RGB", "RGBA": "RGB"}


class _Header(NamedTuple):
    """What a JP2 header declares."""

    space: int | None = None  # an enumerated colour space
    profile: bytes = b""
    definitions: Sequence[tuple[int, int, int]] = ()  # number, type and association of each channel


class _Part(NamedTuple):
    """A rectangle, its right and lower edges excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top


class _Channel(NamedTuple):
    """A channel of *depth*, as coded, with one sample for *across* x *down* points."""

    depth: int
    across: int
    down: int

    def part(self, area: _Part) -> _Part:
        """Return the samples of the channel that lie in *area*."""
        left, top, right, bottom = area
        across, down = self.across, self.down
        return _Part(-(-left // across), -(-top // down), -(-right // across), -(-bottom // down))


_WHOLE = _Channel(0, 1, 1)


class _Grid(NamedTuple):
    """The points that the picture covers, its first tile and its channels."""

    area: _Part
    tile: _Part
    channels: Sequence[_Channel]

    @property
    def is_regular(self) -> bool:
        """Whether each channel has its samples where Pillow expects them."""
        (left, top, right, bottom), tile = self.area, self.tile
        columns = [left, right] if tile.right >= right else [left, right, tile.left, tile.right]
        rows = [top, bottom] if tile.bottom >= bottom else [top, bottom, tile.top, tile.bottom]
        return not any(
            edge % step
            for channel in self.channels
            for step, edges in ((channel.across, columns), (channel.down, rows))
            for edge in edges
        )

    def tiles(self) -> Iterator[_Part]:
        """Yield the part of the picture that is in each tile."""
        area, (wide, high) = self.area, self.tile.size
        for top in range(self.tile.top, area.bottom, high):
            for left in range(self.tile.left, area.right, wide):
                yield _Part(
                    *(max(left, area.left), max(top, area.top)),
                    *(min(left + wide, area.right), min(top + high, area.bottom)),
                )


class Picture(Jpeg2KImageFile):
    """A picture whose channels are stored in another order, if there is an *order*."""

    order: Sequence[int] = ()
    stored_mode = ""

    def arrange(self, order: Sequence[int], *, has_alpha: bool) -> None:
        """Show the channels in *order*, the last of them as alpha if it *has_alpha*."""
        self.order, self.stored_mode = order, self.mode
        self._mode = _COLOR_MODES[self.mode] + ("A" if has_alpha else "")

    def load(self) -> "PixelAccess | None":
        """Decode the pixels."""
        if self.tile and self.order:
            mode, self._mode = self.mode, self.stored_mode
            super().load()
            bands = self.split()
            self.im = Image.merge(mode, [bands[number] for number in self.order]).im
            self._mode = mode
        return super().load()


class SubsampledPicture(Jpeg2KImageFile):
    """A picture of a *grid* of three channels, YCC or RGB, coded with a fourth one."""

    grid: _Grid
    is_ycc = True

    def arrange(self, grid: _Grid, *, is_ycc: bool) -> None:
        """Show the first three channels."""
        self.grid, self.is_ycc = grid, is_ycc
        self._mode = "RGB"

    def load(self) -> "PixelAccess | None":
        """Decode the pixels."""
        if self.tile:
            self._mode = "RGBA"
            super().load()
            first, *bands = self.split()
            others = _full_size_channels(self.grid, bands)
            picture = Image.merge("YCbCr" if self.is_ycc else "RGB", (first, *others))
            self._mode = "RGB"
            self.im = picture.convert("RGB").im
        return super().load()


def open_jpeg2000(file: BinaryIO) -> tuple[BinaryIO, Picture | SubsampledPicture]:
    """Open the picture in *file*.

    Returns the file that it reads, another one where *file* has to be rewritten. Raises
    `UnsupportedFormat` for channels that are not read, and anything for damaged files.
    """
    file.seek(0)
    header, code = _read(memoryview(file.read()))
    grid = _grid(code)
    if len(grid.channels) > _MAX_CHANNELS:
        raise UnsupportedFormat(
            f"a JPEG 2000 picture of {len(grid.channels)} channels is not read here"
        )
    if header.space is not None and header.space not in _READ_SPACES:
        raise UnsupportedFormat(
            f"a JPEG 2000 picture in the colour space {header.space} is not read here"
        )
    picture: Picture | SubsampledPicture
    if grid.is_regular and grid.channels[0][1:] == (1, 1):
        file.seek(0)
        picture = Picture(file, "")
        _arrange(picture, header.definitions)
    else:
        file = io.BytesIO(_with_fourth_channel(bytes(code), grid))
        picture = SubsampledPicture(file, "")
        picture.arrange(grid, is_ycc=header.space in (None, _SYCC))
    if header.profile:
        picture.info["icc_profile"] = header.profile
    return file, picture


def smallest_block_pixels(data: bytes) -> int:
    """Return the area of the smallest blocks in which the file *data* codes any of its tiles.

    A decoder keeps a record of each block. The area is 1 for files that cannot be followed.
    """
    start = data.find(_CODESTREAM)
    if start < 0:
        return 1
    try:
        (components,) = struct.unpack_from(">H", data, start + 40)
        return min(_blocks(data, start + 2, components), default=1)
    except (struct.error, IndexError):
        return 1


def _read(data: memoryview) -> tuple[_Header, memoryview]:
    """Return the header and the codestream of the file *data*."""
    if data[:4] == _CODESTREAM:
        return _Header(), data
    header = _Header()
    for each in top_level(data):
        if each.kind == "jp2h":
            header = _header(each)
        elif each.kind == "jp2c":
            return header, each.body
    raise ValueError("a JPEG 2000 file has no codestream")


def _header(parent: Box) -> _Header:
    header = _Header()
    for each in children(parent.body, parent.kind):
        if each.kind == "cdef":
            header = header._replace(definitions=list(struct.iter_unpack(">HHH", each.body[2:])))
        elif each.kind == "colr" and header.space is None and not header.profile:
            if each.body[0] == _ENUMERATED:
                header = header._replace(space=int.from_bytes(each.body[3:7]))
            else:
                header = header._replace(profile=bytes(each.body[3:]))
    return header


def _grid(code: memoryview) -> _Grid:
    """Return the sizes and the sampling of the codestream *code*."""
    right, bottom, left, top, wide, high, x, y, count = struct.unpack_from(">8IH", code, 8)
    channels = [_Channel(*each) for each in struct.iter_unpack("3B", code[42 : 42 + 3 * count])]
    if len(channels) < count:
        raise ValueError("a JPEG 2000 picture ends within its header")
    if not (wide and high and all(each.across and each.down for each in channels)):
        raise ValueError("a JPEG 2000 picture has tiles or samples without a size")
    return _Grid(_Part(left, top, right, bottom), _Part(x, y, x + wide, y + high), channels)


def _arrange(picture: Picture, definitions: Sequence[tuple[int, int, int]]) -> None:
    """Have *picture* show its channels by their *definitions*."""
    if not definitions or picture.mode not in _COLOR_MODES:
        return
    colors = {meaning: number for number, kind, meaning in definitions if kind == _COLOR}
    count = len(_COLOR_MODES[picture.mode])
    if sorted(colors)[:count] != list(range(1, count + 1)):
        return
    alphas = [number for number, kind, _ in definitions if kind in (_ALPHA, _PREMULTIPLIED)]
    order = [*(colors[meaning] for meaning in range(1, count + 1)), *alphas[:1]]
    if max(order) < len(picture.getbands()) and order != list(range(len(picture.getbands()))):
        picture.arrange(order, has_alpha=bool(alphas))


def _with_fourth_channel(code: bytes, grid: _Grid) -> bytes:
    """Return a file of the codestream *code* with a fourth channel, which no packet belongs to."""
    first, *others = grid.channels
    is_read = len(others) == _COLORS - 1 and (first.across, first.down) == (1, 1)
    if not is_read or len({channel.depth for channel in grid.channels}) > 1:
        raise UnsupportedFormat("a JPEG 2000 picture subsampled in this way is not read here")
    across = (grid.area.right - grid.tile.left) / grid.tile.size[0]
    if across * (grid.area.bottom - grid.tile.top) / grid.tile.size[1] > _MAX_TILES:
        raise ValueError(f"a JPEG 2000 picture has more than {_MAX_TILES} tiles")
    at = 2 + 2 + _SIZE_BYTES + 3 * _COLORS
    head = code[:4] + struct.pack(">H", _SIZE_BYTES + 3 * (_COLORS + 1)) + code[6:40]
    head += struct.pack(">H", _COLORS + 1) + code[42:at] + bytes((first.depth, 1, 1))
    end, order, layers = at, 0, 1
    while (marker := 0xFF00 | code[end + 1]) != _SOT:
        if marker == _POC:
            raise UnsupportedFormat("a subsampled JPEG 2000 picture in parts is not read here")
        if marker == _COD:
            order, layers = struct.unpack_from(">BH", code, end + 5)
        end += 2 + int.from_bytes(code[end + 2 : end + 4])
    # A progression order change for the first three channels only.
    change = struct.pack(">HHBBHBBB", _POC, 9, 0, 0, layers, _MAX_LEVELS, 3, order)
    # Declared as RGBA, so that the decoder converts no colours.
    width, height = grid.area.size
    ihdr = struct.pack(">IIHBBBB", height, width, _COLORS + 1, 7, 7, 0, 0)
    return b"".join(
        (
            box("jP  ", b"\r\n\x87\n"),
            box("ftyp", b"jp2 \0\0\0\0jp2 "),
            box("jp2h", box("ihdr", ihdr), box("colr", b"\1\0\0\0\0\0\x10")),
            box("jp2c", head, code[at:end], change, code[end:]),
        )
    )


def _full_size_channels(grid: _Grid, bands: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the second and third channel in full size, from what Pillow took for three."""
    channels = grid.channels[1:]
    wholes = [channel.part(grid.area) for channel in channels]
    planes = [Image.new("L", whole.size) for whole in wholes]
    for tile in grid.tiles():
        samples = b"".join(
            _misread_samples(grid, tile, channel, band)
            for channel, band in zip((*channels, _WHOLE), bands, strict=True)
        )
        # In a strip of one pixel, one sample may be missing.
        samples += samples[-1:]
        for channel, whole, plane in zip(channels, wholes, planes, strict=True):
            part = channel.part(tile)
            count = part.size[0] * part.size[1]
            if count:
                block = Image.frombytes("L", part.size, samples[:count])
                plane.paste(block, (part.left - whole.left, part.top - whole.top))
            samples = samples[count:]
    return [
        _enlarged(plane, channel, grid.area)
        for plane, channel in zip(planes, channels, strict=True)
    ]


def _misread_samples(grid: _Grid, tile: _Part, channel: _Channel, band: Image.Image) -> bytes:
    """Return the samples that Pillow took for those of *channel* in *tile*."""
    _, across, down = channel
    left, top = tile.left - grid.area.left, tile.top - grid.area.top
    wide, high = tile.size[0] // across, tile.size[1] // down
    if not wide * high:
        return b""
    part = (left, top, left + wide * across, top + high * down)
    return band.resize((wide, high), Image.Resampling.NEAREST, part).tobytes()


def _enlarged(plane: Image.Image, channel: _Channel, area: _Part) -> Image.Image:
    _, across, down = channel
    width, height = area.size
    whole = channel.part(area)
    left = max(0.0, area.left / across - whole.left)
    top = max(0.0, area.top / down - whole.top)
    right, bottom = min(plane.width, left + width / across), min(plane.height, top + height / down)
    return plane.resize(area.size, Image.Resampling.BILINEAR, (left, top, right, bottom))


def _blocks(data: bytes, at: int, components: int) -> Iterator[int]:
    """Yield the areas of the blocks that the main header and those of tile-parts choose."""
    tile_end = 0
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _SOT:
            (part_bytes,) = struct.unpack_from(">I", data, at + 6)
            tile_end = at + part_bytes if part_bytes else len(data)
        elif marker == _COD:
            yield _block(data, at + 9, has_precincts=bool(data[at + 4] & 1))
        elif marker == _COC:
            parameters = at + 5 + (2 if components >= _MANY_COMPONENTS else 1)
            yield _block(data, parameters, has_precincts=bool(data[parameters - 1] & 1))
        elif marker == _SOD:
            if tile_end <= at:
                return
            at = tile_end
            continue
        elif marker < 0xFF4F:
            return
        at += 2 + length


def _block(data: bytes, at: int, *, has_precincts: bool) -> int:
    """Return the area of a block by the parameters at *at*: levels, sides, style, filter."""
    levels, wide, high = data[at], data[at + 1] & 15, data[at + 2] & 15
    sides = data[at + 5 : at + 6 + levels] if has_precincts else b""
    across = min((side & 15 for side in sides), default=_MAX_PRECINCT)
    down = min((side >> 4 for side in sides), default=_MAX_PRECINCT)
    # A precinct of a band is half as wide as that of its resolution.
    exponent = min(wide + _MIN_BLOCK, max(across - 1, 0)) + min(high + _MIN_BLOCK, max(down - 1, 0))
    return 1 << exponent

"""HEIF and AVIF stills, checked before native code sees them (ISO/IEC 23008-12, AVIF 1.1).

The decoder gets a file written here, in the simplest shape: the primary picture with its tiles, its
alpha, its properties and its metadata. It never sees the rest.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, NamedTuple

from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.imaging.containers.boxes import Box, Fields, box, children, full_box, top_level
from pipeline.imaging.containers.coded_size import av1_sizes, hevc_sizes
from pipeline.imaging.profiles import CodePoints
from pipeline.model import Format

MAX_ITEMS = 4096
"""More than any camera writes: a picture of 200 megapixels has some 800 tiles."""

_MAX_EXTENTS = _MAX_REFERENCES = 16_384
_MAX_ASSOCIATION_BYTES = 1 << 18
_MAX_TILES = 1000  # as many as libheif takes
_SINGLE = frozenset({"hdlr", "pitm", "iinf", "iloc", "iprp", "iref", "idat"})
_FILE, _IDAT = 0, 1  # construction methods: what offsets count from

_CODED = {Format.HEIC: "hvc1", Format.AVIF: "av01"}
_BRANDS = {Format.HEIC: b"heic", Format.AVIF: b"avif"}
_GRID = "grid"
_LARGEST_BLOCK = 64
_MIN_CONFIGURATION_BYTES = 22

# What browsers and phones use: codecs, sizes, colours, orientation, crops, layers, kinds of alpha.
_PROPERTIES = frozenset(
    {"hvcC", "av1C", "ispe", "pixi", "colr", "irot", "imir", "clap", "auxC", "pasp"}
    | {"a1op", "a1lx", "lsel"}
)
_ALPHA = frozenset(
    {
        "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
        "urn:mpeg:hevc:2015:auxid:1",
        "urn:mpeg:avc:2015:auxid:1",
    }
)
_GAIN_MAPS = frozenset(
    {"urn:com:apple:photo:2020:aux:hdrgainmap", "urn:com:samsung:photo:2023:aux:hdrgainmap"}
)
_XMP = "application/rdf+xml"

_KINDS = {
    "avc1": "AVC",
    "av01": "AV1 under the name of another format",
    "hvc1": "HEVC under the name of another format",
    "iden": "derived from another picture",
    "iovl": "put together of overlays",
    "j2k1": "JPEG 2000",
    "jpeg": "JPEG",
    "lhv1": "layered HEVC",
    "tmap": "tone-mapped",
    "unci": "uncompressed",
    "vvc1": "VVC",
}


class Aperture(NamedTuple):
    """The part of a coded picture that is shown, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One picture in a *file* of its own.

    *width* and *height* are those before clean aperture and rotation; *coded_pixels* are decoded.
    """

    file: bytes
    width: int
    height: int
    coded_pixels: int
    aperture: Aperture | None
    points: CodePoints | None
    has_gain_map: bool


class _Extent(NamedTuple):
    """A part of an item's data: of the file, or *in_idat* of that box."""

    offset: int
    length: int
    in_idat: bool


class _Property(NamedTuple):
    """What a file says of an item. A reader must not show items with unknown *essential* ones."""

    number: int  # counted from 1, among all of the file
    box: Box
    essential: bool


class _Reference(NamedTuple):
    """One item refers to others: by `dimg` to its tiles, by `auxl` to its picture."""

    kind: str
    origin: int
    targets: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class _Item:
    kind: str
    content_type: str = ""
    is_protected: bool = False
    is_elsewhere: bool = False  # in another file, or made of other items' data
    extents: list[_Extent] = field(default_factory=list)
    properties: list[_Property] = field(default_factory=list)

    def find(self, kind: str) -> memoryview | None:
        return next((each.box.body for each in self.properties if each.box.kind == kind), None)

    @property
    def auxiliary_type(self) -> str:
        """What the item adds to a picture, empty if nothing."""
        body = self.find("auxC")
        return Fields(body[4:], "auxC").text() if body else ""

    @property
    def size(self) -> tuple[int, int]:
        body = self.find("ispe")
        if body is None:
            raise CorruptImage("a picture has no size")
        fields = Fields(body, "ispe")
        fields.take(4)
        width, height = fields.number(4), fields.number(4)
        if not width * height:
            raise CorruptImage(f"a picture of {width} x {height} has no pixels")
        return width, height


def read_still(file: BinaryIO, format_: Format) -> Still:
    """Return the picture that *file* shows.

    Raises `UnsupportedFormat`, which says what kind of picture it is, or `CorruptImage`.
    """
    file.seek(0)
    data = memoryview(file.read())
    meta = next((each.body for each in top_level(data) if each.kind == "meta"), None)
    if meta is None:
        raise UnsupportedFormat(f"{format_} without a still picture is not read here")
    selection = _Selection(data, meta, format_)
    primary = selection.items[selection.primary]
    width, height = primary.size
    return Still(
        file=selection.file(),
        width=width,
        height=height,
        coded_pixels=max(selection.coded_pixels, width * height),
        aperture=_aperture(primary),
        points=next(filter(None, map(nclx, selection.colors())), None),
        has_gain_map=any(
            item.kind == "tmap" or item.auxiliary_type in _GAIN_MAPS
            for item in selection.items.values()
        ),
    )


def nclx(body: memoryview) -> CodePoints | None:
    """Return the code points in the body of a `colr` box, None if it holds a profile."""
    fields = Fields(body, "colr")
    if fields.name() != "nclx":
        return None
    return CodePoints(fields.number(2), fields.number(2)).as_in_video


class _Selection:
    """What is kept of the file *data*: items by their old numbers, in the order of the new ones."""

    def __init__(self, data: memoryview, meta: memoryview, format_: Format) -> None:
        parts = _parts(meta)
        self._data = data
        self._format = format_
        self._idat = parts.get("idat", memoryview(b""))
        self._references = _references(parts.get("iref", memoryview(bytes(4))))
        self._alphas: set[int] = set()
        self._metadata: set[int] = set()
        self._kept: dict[int, _Item] = {}
        self.items = _items(parts)
        self.primary = _primary(parts)
        pixels = self._add_picture(self.primary)
        self.coded_pixels = max(pixels, sum(map(self._add_alpha, list(self._kept))))
        self._add_metadata()
        # Encoders write equal tiles once. Other overlaps could multiply the file without end.
        distinct = {tuple(item.extents) for item in self._kept.values()}
        total = sum(extent.length for extents in distinct for extent in extents)
        if total > len(data):
            raise CorruptImage(f"the items have {total} bytes, the file {len(data)}")

    def colors(self) -> list[memoryview]:
        """Return the colour properties of the picture, or of its first tile."""
        for number, item in self._kept.items():
            found = [each.box.body for each in item.properties if each.box.kind == "colr"]
            if found or number in self._alphas:
                return found
        return []

    def file(self) -> bytes:
        """Return a file of the kept items alone, numbered from 1, the picture first."""
        bodies: dict[tuple[_Extent, ...], bytes] = {}
        for item in self._kept.values():
            extents = tuple(item.extents)
            if extents not in bodies:
                bodies[extents] = self._body(item)
            _check_coded_size(item, bodies[extents])
        brand = _BRANDS[self._format]
        head = box("ftyp", brand, bytes(4), brand + b"mif1")
        # The length of `meta` does not depend on the offsets in it.
        start = len(head) + len(self._meta(bodies, 0)) + len(box("mdat"))
        return b"".join([head, self._meta(bodies, start), box("mdat", *bodies.values())])

    def _add_picture(self, number: int) -> int:
        """Keep a picture and its tiles; return how many pixels are coded for it."""
        item = self._keep(number, {_CODED[self._format], _GRID})
        if item.kind != _GRID:
            return item.size[0] * item.size[1]
        tiles = self._targets("dimg", number)
        fields = Fields(memoryview(self._body(item)), _GRID)
        fields.take(2)
        rows, columns = fields.number(1) + 1, fields.number(1) + 1
        if len(tiles) != rows * columns:
            raise CorruptImage(f"a grid of {rows} x {columns} has {len(tiles)} tiles")
        if len(tiles) > _MAX_TILES:
            raise UnsupportedFormat(f"a picture of {len(tiles)} tiles: {_MAX_TILES} are read")
        sizes = [self._keep(tile, {_CODED[self._format]}).size for tile in tiles]
        return sum(width * height for width, height in sizes)

    def _add_alpha(self, number: int) -> int:
        """Keep the alpha of the picture or tile *number*; return its coded pixels."""
        pixels = 0
        for origin in self._origins("auxl", number):
            item = self.items.get(origin)
            if origin not in self._kept and item and item.auxiliary_type in _ALPHA:
                pixels += self._add_picture(origin)
                self._alphas.add(origin)
        return pixels

    def _add_metadata(self) -> None:
        """Keep the EXIF and XMP data of the picture."""
        for origin in self._origins("cdsc", self.primary):
            item = self.items.get(origin)
            if item and (item.kind == "Exif" or item.content_type == _XMP):
                self._kept.setdefault(origin, item)
                self._metadata.add(origin)

    def _keep(self, number: int, kinds: set[str]) -> _Item:
        item = self.items.get(number)
        if item is None:
            raise CorruptImage(f"the item {number} is missing")
        if item.kind not in kinds:
            kind = _KINDS.get(item.kind, f"of the kind {item.kind!r}")
            raise UnsupportedFormat(f"pictures in {self._format} that are {kind} are not read here")
        if item.is_protected:
            raise UnsupportedFormat("encrypted pictures are not read here")
        for each in item.properties:
            if each.essential and each.box.kind not in _PROPERTIES:
                raise UnsupportedFormat(
                    f"pictures with the property {each.box.kind!r} are not read here"
                )
        self._kept[number] = item
        return item

    def _targets(self, kind: str, origin: int) -> list[int]:
        """Return the items that *origin* refers to by *kind*."""
        found = (each for each in self._references if (each.kind, each.origin) == (kind, origin))
        return [target for each in found for target in each.targets]

    def _origins(self, kind: str, target: int) -> list[int]:
        """Return the items that refer to *target* by *kind*."""
        found = (each for each in self._references if each.kind == kind)
        return [each.origin for each in found if target in each.targets]

    def _body(self, item: _Item) -> bytes:
        """Return the data of *item*; raise `CorruptImage` if part of it is missing."""
        if item.is_elsewhere:
            raise UnsupportedFormat("pictures with data in another file or item are not read here")
        parts = []
        for offset, length, in_idat in item.extents:
            whole, name = (self._idat, "box 'idat'") if in_idat else (self._data, "file")
            if offset + length > len(whole):
                raise CorruptImage(f"{length} bytes at {offset} are beyond the end of the {name}")
            parts.append(whole[offset : offset + length])
        return b"".join(parts)

    def _meta(self, bodies: Mapping[tuple[_Extent, ...], bytes], start: int) -> bytes:
        """Return the `meta` box for the kept items, whose *bodies* lie from *start* on."""
        numbers = {number: new for new, number in enumerate(self._kept, 1)}
        references = self._kept_references()
        return full_box(
            "meta",
            0,
            0,
            full_box("hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full_box("pitm", 0, 0, struct.pack(">H", numbers[self.primary])),
            self._iloc(bodies, start),
            self._iinf(references),
            _iref(references, numbers),
            self._iprp(),
        )

    def _kept_references(self) -> list[_Reference]:
        """Return how the kept items refer to one another, as far as decoders need it."""
        origins = {
            "dimg": {number for number, item in self._kept.items() if item.kind == _GRID},
            "auxl": self._alphas,
            "prem": self._kept.keys() - self._alphas - self._metadata,
            "cdsc": self._metadata,
        }
        return [
            _Reference(kind, origin, targets)
            for kind, of_kind in origins.items()
            for origin in sorted(of_kind)
            if (targets := tuple(t for t in self._targets(kind, origin) if t in self._kept))
        ]

    def _iloc(self, bodies: Mapping[tuple[_Extent, ...], bytes], start: int) -> bytes:
        places = {}
        for extents, body in bodies.items():
            places[extents] = start, len(body)
            start += len(body)
        entries = [
            struct.pack(">HHHII", number, 0, 1, *places[tuple(item.extents)])
            for number, item in enumerate(self._kept.values(), 1)
        ]
        return full_box("iloc", 0, 0, struct.pack(">HH", 0x4400, len(entries)), *entries)

    def _iinf(self, references: Iterable[_Reference]) -> bytes:
        """Return the item information, with tiles as hidden items."""
        tiles = {tile for each in references if each.kind == "dimg" for tile in each.targets}
        entries = [
            full_box(
                "infe",
                2,
                int(number in tiles),
                struct.pack(">HH4sx", new, 0, item.kind.encode("latin-1")),
                item.content_type.encode("latin-1") + b"\0",
            )
            for new, (number, item) in enumerate(self._kept.items(), 1)
        ]
        return full_box("iinf", 0, 0, struct.pack(">H", len(entries)), *entries)

    def _iprp(self) -> bytes:
        """Return the properties that are known here, with their associations."""
        numbers: dict[int, int] = {}
        bodies, entries = [], []
        for new, item in enumerate(self._kept.values(), 1):
            known = [each for each in item.properties if each.box.kind in _PROPERTIES]
            for each in known:
                if each.number not in numbers:
                    bodies.append(bytes(each.box.whole))
                    numbers[each.number] = len(bodies)
            associations = [numbers[each.number] | each.essential << 15 for each in known]
            entries.append(struct.pack(f">HB{len(known)}H", new, len(known), *associations))
        ipma = full_box("ipma", 0, 1, struct.pack(">I", len(entries)), *entries)
        return box("iprp", box("ipco", *bodies), ipma)


def _iref(references: Iterable[_Reference], numbers: Mapping[int, int]) -> bytes:
    boxes = []
    for kind, origin, targets in references:
        links = [numbers[origin], len(targets), *(numbers[target] for target in targets)]
        boxes.append(box(kind, struct.pack(f">{len(links)}H", *links)))
    return full_box("iref", 0, 0, *boxes) if boxes else b""


def _aperture(item: _Item) -> Aperture | None:
    """Return the part of *item* that is shown, None for all of it (14496-12, section 12.1.4)."""
    body = item.find("clap")
    if body is None:
        return None
    # Not at the top: few pictures are cropped, and a cold start need not wait for it.
    from fractions import Fraction

    terms = struct.unpack(">II II iI iI", Fields(body, "clap").take(32))
    if not all(terms[1::2]):
        raise CorruptImage("a clean aperture is divided by zero")
    width, height, right, down = map(Fraction, terms[::2], terms[1::2])
    whole = item.size
    left = (whole[0] - width) / 2 + right
    top = (whole[1] - height) / 2 + down
    aperture = Aperture(*(round(each) for each in (left, top, left + width, top + height)))
    inside = 0 <= aperture.left < aperture.right <= whole[0]
    if not (inside and 0 <= aperture.top < aperture.bottom <= whole[1]):
        raise CorruptImage(f"a clean aperture of {tuple(aperture)} is not within {whole}")
    return aperture


def _check_coded_size(item: _Item, data: bytes) -> None:
    """Raise `CorruptImage` if the pictures coded in *data* are larger than *item* says.

    Decoders allocate them first. Codecs work in whole blocks of up to 64 x 64.
    """
    sizes: Iterable[tuple[int, int]] = ()
    configuration = item.find("hvcC")
    if item.kind == "av01":
        sizes = chain(av1_sizes(bytes((item.find("av1C") or b"")[4:])), av1_sizes(data))
    elif item.kind == "hvc1":
        if configuration is None or len(configuration) <= _MIN_CONFIGURATION_BYTES:
            raise CorruptImage("a picture in HEVC has no configuration")
        sizes = hevc_sizes(configuration, data)
    for across, down in sizes:
        width, height = item.size
        if across > _in_blocks(width) or down > _in_blocks(height):
            raise CorruptImage(f"a picture of {width} x {height} is coded as {across} x {down}")


def _in_blocks(side: int) -> int:
    return -(-side // _LARGEST_BLOCK) * _LARGEST_BLOCK


def _parts(meta: memoryview) -> dict[str, memoryview]:
    """Return the bodies of the boxes in the body of a `meta` box by their kinds."""
    fields = Fields(meta, "meta")
    fields.version_and_flags()
    parts: dict[str, memoryview] = {}
    for child in children(fields.rest(), "meta"):
        if child.kind in _SINGLE and child.kind in parts:
            raise CorruptImage(f"there are two boxes {child.kind!r}")
        parts[child.kind] = child.body
    return parts


def _fields(parts: Mapping[str, memoryview], kind: str) -> Fields:
    if kind not in parts:
        raise CorruptImage(f"the box {kind!r} is missing")
    return Fields(parts[kind], kind)


def _primary(parts: Mapping[str, memoryview]) -> int:
    fields = _fields(parts, "pitm")
    version, _ = fields.version_and_flags()
    return fields.number(4 if version else 2)


def _items(parts: Mapping[str, memoryview]) -> dict[int, _Item]:
    items = _item_infos(_fields(parts, "iinf"))
    _locate(items, _fields(parts, "iloc"))
    _associate(items, _fields(parts, "iprp"))
    return items


def _item_infos(fields: Fields) -> dict[int, _Item]:
    version, _ = fields.version_and_flags()
    fields.number(4 if version else 2)
    items: dict[int, _Item] = {}
    for count, entry in enumerate(children(fields.rest(), "iinf")):
        if count == MAX_ITEMS:
            raise CorruptImage(f"the file has more than {MAX_ITEMS} items")
        info = Fields(entry.body, entry.kind)
        version, _ = info.version_and_flags()
        # Earlier versions have no type, so no image is among them.
        if entry.kind != "infe" or version not in (2, 3):
            continue
        number = info.number(2 if version == 2 else 4)
        if number in items:
            raise CorruptImage(f"the item {number} is there twice")
        is_protected = info.number(2) != 0
        kind = info.name()
        info.text()
        content_type = info.text() if kind == "mime" else ""
        items[number] = _Item(kind=kind, is_protected=is_protected, content_type=content_type)
    return items


def _locate(items: dict[int, _Item], fields: Fields) -> None:
    """Read where the data of *items* lie."""
    version, _ = fields.version_and_flags()
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> at & 15 for at in (12, 8, 4, 0))
    number_size = 4 if version > 1 else 2
    total = 0
    for _ in range(fields.number(number_size)):
        item = items.get(fields.number(number_size), _Item(kind=""))
        method = fields.number(2) & 15 if version else _FILE
        item.is_elsewhere = bool(fields.number(2)) or method not in (_FILE, _IDAT)
        base = fields.number(base_size)
        count = fields.number(2)
        total += count
        if total > _MAX_EXTENTS:
            raise CorruptImage(f"the items are in more than {_MAX_EXTENTS} parts")
        for _ in range(count):
            fields.take(index_size if version else 0)
            offset = base + fields.number(offset_size)
            item.extents.append(_Extent(offset, fields.number(length_size), method == _IDAT))


def _associate(items: dict[int, _Item], fields: Fields) -> None:
    """Give *items* their properties, by any number of `ipma` boxes."""
    properties: list[Box] = []
    association_bytes = 0
    for child in children(fields.rest(), "iprp"):
        if child.kind == "ipco":
            properties += children(child.body, "ipco")
        elif child.kind == "ipma":
            association_bytes += len(child.body)
            if association_bytes > _MAX_ASSOCIATION_BYTES:
                raise CorruptImage(f"{association_bytes} bytes say which properties items have")
            for number, index, essential in _associations(Fields(child.body, "ipma")):
                if index > len(properties):
                    raise CorruptImage(
                        f"the item {number} has a property {index}, which is missing"
                    )
                if index and number in items:
                    of_item = _Property(index, properties[index - 1], essential)
                    items[number].properties.append(of_item)


def _associations(fields: Fields) -> Iterator[tuple[int, int, bool]]:
    version, flags = fields.version_and_flags()
    size = 2 if flags & 1 else 1
    essential = 1 << (8 * size - 1)
    for _ in range(fields.number(4)):
        number = fields.number(4 if version else 2)
        for _ in range(fields.number(1)):
            association = fields.number(size)
            yield number, association & ~essential, bool(association & essential)


def _references(body: memoryview) -> list[_Reference]:
    fields = Fields(body, "iref")
    version, _ = fields.version_and_flags()
    size = 4 if version else 2
    references = []
    links = 0
    for child in children(fields.rest(), "iref"):
        reference = Fields(child.body, child.kind)
        origin, count = reference.number(size), reference.number(2)
        links += 1 + count
        if links > _MAX_REFERENCES:
            raise CorruptImage(f"the items have more than {_MAX_REFERENCES} references")
        targets = tuple(reference.number(size) for _ in range(count))
        references.append(_Reference(child.kind, origin, targets))
    return references

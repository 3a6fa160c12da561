"""What is kept of a HEIF file, and the new file of that alone."""

import struct
from collections.abc import Iterable, Mapping
from itertools import chain

from pipeline.errors import CorruptImage, UnsupportedFormat
from pipeline.imaging.containers.boxes import Fields, box, full_box
from pipeline.imaging.containers.coded_size import av1_sizes, hevc_sizes
from pipeline.imaging.containers.heif_items import (
    Extent,
    Item,
    Reference,
    read_items,
    read_parts,
    read_primary,
    read_references,
)
from pipeline.model import Format

_MAX_TILES = 1000  # as many as libheif takes

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


class Selection:
    """What is kept of the file *data*: items by their old numbers, in the order of the new ones."""

    def __init__(self, data: memoryview, meta: memoryview, format_: Format) -> None:
        parts = read_parts(meta)
        self._data = data
        self._format = format_
        self._idat = parts.get("idat", memoryview(b""))
        self._references = read_references(parts.get("iref", memoryview(bytes(4))))
        self._alphas: set[int] = set()
        self._metadata: set[int] = set()
        self._kept: dict[int, Item] = {}
        self.items = read_items(parts)
        self.primary = read_primary(parts)
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
        bodies: dict[tuple[Extent, ...], bytes] = {}
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

    def _keep(self, number: int, kinds: set[str]) -> Item:
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

    def _body(self, item: Item) -> bytes:
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

    def _meta(self, bodies: Mapping[tuple[Extent, ...], bytes], start: int) -> bytes:
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

    def _kept_references(self) -> list[Reference]:
        """Return how the kept items refer to one another, as far as decoders need it."""
        origins = {
            "dimg": {number for number, item in self._kept.items() if item.kind == _GRID},
            "auxl": self._alphas,
            "prem": self._kept.keys() - self._alphas - self._metadata,
            "cdsc": self._metadata,
        }
        return [
            Reference(kind, origin, targets)
            for kind, of_kind in origins.items()
            for origin in sorted(of_kind)
            if (targets := tuple(t for t in self._targets(kind, origin) if t in self._kept))
        ]

    def _iloc(self, bodies: Mapping[tuple[Extent, ...], bytes], start: int) -> bytes:
        places = {}
        for extents, body in bodies.items():
            places[extents] = start, len(body)
            start += len(body)
        entries = [
            struct.pack(">HHHII", number, 0, 1, *places[tuple(item.extents)])
            for number, item in enumerate(self._kept.values(), 1)
        ]
        return full_box("iloc", 0, 0, struct.pack(">HH", 0x4400, len(entries)), *entries)

    def _iinf(self, references: Iterable[Reference]) -> bytes:
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


def _iref(references: Iterable[Reference], numbers: Mapping[int, int]) -> bytes:
    boxes = []
    for kind, origin, targets in references:
        links = [numbers[origin], len(targets), *(numbers[target] for target in targets)]
        boxes.append(box(kind, struct.pack(f">{len(links)}H", *links)))
    return full_box("iref", 0, 0, *boxes) if boxes else b""


def _check_coded_size(item: Item, data: bytes) -> None:
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

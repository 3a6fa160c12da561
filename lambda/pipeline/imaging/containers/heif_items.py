"""The items of a HEIF file, which its `meta` box describes (ISO/IEC 23008-12, 14496-12).

Everything here raises `CorruptImage` if a box is missing, cut off, or larger than any camera needs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.errors import CorruptImage
from pipeline.imaging.containers.boxes import Box, Fields, children

MAX_ITEMS = 4096
"""More than any camera writes: a picture of 200 megapixels has some 800 tiles."""

_MAX_EXTENTS = _MAX_REFERENCES = 16_384
_MAX_ASSOCIATION_BYTES = 1 << 18
_SINGLE = frozenset({"hdlr", "pitm", "iinf", "iloc", "iprp", "iref", "idat"})
_FILE, _IDAT = 0, 1  # construction methods: what offsets count from


class Extent(NamedTuple):
    """A part of an item's data: of the file, or *in_idat* of that box."""

    offset: int
    length: int
    in_idat: bool


class Property(NamedTuple):
    """What a file says of an item. A reader must not show items with unknown *essential* ones."""

    number: int  # counted from 1, among all of the file
    box: Box
    essential: bool


class Reference(NamedTuple):
    """One item refers to others: by `dimg` to its tiles, by `auxl` to its picture."""

    kind: str
    origin: int
    targets: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Item:
    """A coded image, a grid of images, or metadata, by its *kind*."""

    kind: str
    content_type: str = ""
    is_protected: bool = False
    is_elsewhere: bool = False  # in another file, or made of other items' data
    extents: list[Extent] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)

    def find(self, kind: str) -> memoryview | None:
        """Return the body of the first property of this *kind*."""
        return next((each.box.body for each in self.properties if each.box.kind == kind), None)

    @property
    def auxiliary_type(self) -> str:
        """What the item adds to a picture, empty if nothing."""
        body = self.find("auxC")
        return Fields(body[4:], "auxC").text() if body else ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height before any rotation. Raises `CorruptImage`."""
        body = self.find("ispe")
        if body is None:
            raise CorruptImage("a picture has no size")
        fields = Fields(body, "ispe")
        fields.take(4)
        width, height = fields.number(4), fields.number(4)
        if not width * height:
            raise CorruptImage(f"a picture of {width} x {height} has no pixels")
        return width, height


def read_parts(meta: memoryview) -> dict[str, memoryview]:
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


def read_primary(parts: Mapping[str, memoryview]) -> int:
    """Return the number of the item that is shown."""
    fields = _fields(parts, "pitm")
    version, _ = fields.version_and_flags()
    return fields.number(4 if version else 2)


def read_items(parts: Mapping[str, memoryview]) -> dict[int, Item]:
    """Return all images and metadata by their numbers, with their places and properties."""
    items = _item_infos(_fields(parts, "iinf"))
    _locate(items, _fields(parts, "iloc"))
    _associate(items, _fields(parts, "iprp"))
    return items


def _item_infos(fields: Fields) -> dict[int, Item]:
    version, _ = fields.version_and_flags()
    fields.number(4 if version else 2)
    items: dict[int, Item] = {}
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
        items[number] = Item(kind=kind, is_protected=is_protected, content_type=content_type)
    return items


def _locate(items: dict[int, Item], fields: Fields) -> None:
    """Read where the data of *items* lie."""
    version, _ = fields.version_and_flags()
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> at & 15 for at in (12, 8, 4, 0))
    number_size = 4 if version > 1 else 2
    total = 0
    for _ in range(fields.number(number_size)):
        item = items.get(fields.number(number_size), Item(kind=""))
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
            item.extents.append(Extent(offset, fields.number(length_size), method == _IDAT))


def _associate(items: dict[int, Item], fields: Fields) -> None:
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
                    of_item = Property(index, properties[index - 1], essential)
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


def read_references(body: memoryview) -> list[Reference]:
    """Return the references in the *body* of an `iref` box."""
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
        references.append(Reference(child.kind, origin, targets))
    return references

"""HEIF files assembled box by box, around pictures that a library has encoded."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image
from pipeline.model import Format

from tests.unit.imaging.pictures import heic, saved

CODED = {Format.AVIF: (b"av01", b"av1C"), Format.HEIC: (b"hvc1", b"hvcC")}
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
HIDDEN = 1


@dataclass(kw_only=True)
class Item:
    """An item to write: its entries in `iinf`, `iloc` and `ipma`, and its *data*."""

    kind: bytes
    data: bytes = b""
    properties: list[bytes] = field(default_factory=list)
    essential: frozenset[bytes] = frozenset({b"av1C", b"hvcC", b"clap", b"irot", b"imir"})
    content_type: bytes = b""
    flags: int = 0
    method: int = 0
    protection: int = 0
    data_reference: int = 0
    parts: int = 1  # how often its data are repeated


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def size(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def nclx(primaries: int, transfer: int, matrix: int, full_range: bool = True) -> bytes:
    numbers = struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7)
    return box(b"colr", b"nclx", numbers)


def aperture(width: int, height: int, right: int = 0, down: int = 0) -> bytes:
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right, 1, down, 1))


def auxiliary(name: bytes) -> bytes:
    return full(b"auxC", name + b"\0")


def coded(image: Image.Image, format_: Format, *properties: bytes, **options: object) -> Item:
    """Return *image* as a coded item with its size and configuration, then *properties*."""
    file = heic(image, **options) if format_ is Format.HEIC else saved(image, format_, **options)
    kind, configuration = CODED[format_]
    start = file.index(configuration) - 4
    end = start + int.from_bytes(file[start : start + 4])
    depth = full(b"pixi", bytes([len(image.getbands()), *[8] * len(image.getbands())]))
    return Item(
        kind=kind,
        data=file[file.index(b"mdat") + 4 :],
        properties=[size(*image.size), file[start:end], depth, *properties],
    )


def grid(rows: int, columns: int, width: int, height: int, *properties: bytes) -> Item:
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return Item(kind=b"grid", data=data, properties=[size(width, height), *properties])


def container(
    items: Mapping[int, Item],
    references: Sequence[tuple[bytes, int, Sequence[int]]] = (),
    *,
    brand: bytes = b"avif",
    primary: int = 1,
    one_ipma: bool = True,
    wide: bool = False,
) -> bytes:
    """Return a file of *items*; *wide* selects the longest forms of numbers and positions."""
    head = box(b"ftyp", brand, bytes(4), brand + b"mif1miaf")
    data = b"".join(item.data for item in items.values() if item.method == 0)

    def meta(start: int) -> bytes:
        return full(
            b"meta",
            full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            full(b"pitm", struct.pack(">I" if wide else ">H", primary), version=wide),
            _locations(items, start, wide),
            _infos(items, wide),
            _references(references, wide),
            _properties(items, one_ipma=one_ipma, wide=wide),
            box(b"idat", *(item.data for item in items.values() if item.method == 1)),
        )

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", data)


def _locations(items: Mapping[int, Item], start: int, wide: bool) -> bytes:
    entries = []
    positions = {0: start, 1: 0, 2: 0}
    for number, item in items.items():
        at = positions[item.method]
        positions[item.method] += len(item.data)
        head = struct.pack(">I" if wide else ">H", number)
        head += struct.pack(">HH", item.method, item.data_reference)
        if wide:
            part = struct.pack(">QQQ", 0, at, len(item.data))
            entries.append(head + struct.pack(">QH", 0, item.parts) + part * item.parts)
        else:
            part = struct.pack(">II", at, len(item.data))
            entries.append(head + struct.pack(">H", item.parts) + part * item.parts)
    counted = struct.pack(">HI" if wide else ">HH", 0x8888 if wide else 0x4400, len(items))
    return full(b"iloc", counted, *entries, version=2 if wide else 1)


def _infos(items: Mapping[int, Item], wide: bool) -> bytes:
    entries = [
        full(
            b"infe",
            struct.pack(">IH" if wide else ">HH", number, item.protection),
            item.kind + b"name\0",
            item.content_type + b"\0" if item.kind == b"mime" else b"",
            version=3 if wide else 2,
            flags=item.flags,
        )
        for number, item in items.items()
    ]
    return full(b"iinf", struct.pack(">I" if wide else ">H", len(items)), *entries, version=wide)


def _references(references: Sequence[tuple[bytes, int, Sequence[int]]], wide: bool) -> bytes:
    code = "I" if wide else "H"
    links = [
        box(kind, struct.pack(f">{code}H{len(targets)}{code}", origin, len(targets), *targets))
        for kind, origin, targets in references
    ]
    return full(b"iref", *links, version=wide) if links else b""


def _properties(items: Mapping[int, Item], *, one_ipma: bool, wide: bool) -> bytes:
    boxes: list[bytes] = []
    entries = []
    for number, item in items.items():
        associations = []
        for each in item.properties:
            boxes.append(each)
            essential = each[4:8] in item.essential
            associations.append(len(boxes) | essential << (15 if wide else 7))
        code = f"{len(associations)}{'H' if wide else 'B'}"
        head = struct.pack(">IB" if wide else ">HB", number, len(associations))
        entries.append(head + struct.pack(f">{code}", *associations))
    groups = [entries] if one_ipma else [[entry] for entry in entries]
    tables = [
        full(b"ipma", struct.pack(">I", len(group)), *group, version=wide, flags=wide)
        for group in groups
    ]
    return box(b"iprp", box(b"ipco", *boxes), *tables)

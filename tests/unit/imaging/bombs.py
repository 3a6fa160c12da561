"""Small files that need much memory or time, by their header, pixels, frames, tiles or metadata."""

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from PIL import Image
from pipeline.model import Format

from tests.unit.imaging.pictures import heic, saved

HUGE: Final = 250_000_000
"""The inflated size of a part of a file: zeros, which compress to a thousandth."""


def png(*chunks: tuple[bytes, bytes], width: int = 4, height: int = 4, depth: int = 8) -> bytes:
    """Return a grey PNG of *width* x *height*, with *chunks* between its header and its data."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min((width * depth // 8 + 1) * height, 20_000_000)))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


@cache
def zeros(length: int = HUGE) -> bytes:
    """Return *length* zeros, compressed."""
    whole, rest = divmod(length, 1 << 20)
    packer = zlib.compressobj(9, wbits=-15)
    # After a full flush, equal input compresses to equal output.
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(rest)) + packer.flush()
    checksum = struct.pack(">HH", length % 65_521, 1)
    return b"\x78\xda" + piece * whole + end + checksum


def apng(frames: int, width: int = 4, height: int = 4) -> bytes:
    return png((b"acTL", struct.pack(">II", frames, 0)), width=width, height=height)


def gif(frames: int, width: int, height: int) -> bytes:
    """Return a GIF of *width* x *height* whose *frames* have one pixel each."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return header + frame * frames + b"\x3b"


def tiff(**tags: tuple[int, ...]) -> bytes:
    """Return a grey TIFF of 4 x 4 with *tags*, named like `t322`, changed: all are 32 bits wide."""
    values: dict[int, tuple[int, ...]] = {
        256: (4,),
        257: (4,),
        258: (8,),
        259: (1,),
        262: (1,),
        273: (8,),
        277: (1,),
    }
    values |= {278: (4,), 279: (16,)} | {int(name[1:]): value for name, value in tags.items()}
    entries, extra = b"", b""
    after = 8 + 16 + 2 + 12 * len(values) + 4
    for tag, numbers in sorted(values.items()):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        entries += struct.pack("<HHI", tag, 4, len(numbers))
        entries += packed if len(packed) == 4 else struct.pack("<I", after + len(extra))
        extra += packed if len(packed) > 4 else b""
    directory = struct.pack("<H", len(values)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + directory + extra


def jpeg(*, width: int, height: int, before: bytes = b"", data: bytes = b"") -> bytes:
    """Return a grey JPEG whose header says *width* x *height*, with *data* instead of pixels."""
    file = saved(Image.new("L", (8, 8)), Format.JPEG)
    frame, scan = file.index(b"\xff\xc0"), file.index(b"\xff\xda")
    changed = bytearray(file)
    changed[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    start = scan + 2 + int.from_bytes(file[scan + 2 : scan + 4], "big")
    return bytes(changed[:2]) + before + bytes(changed[2:start]) + data + b"\xff\xd9"


def scans(count: int) -> bytes:
    """Return a progressive JPEG of 10,000 x 10,000 with *count* more scans than it needs."""
    image = Image.new("L", (10_000, 10_000))
    file = saved(image, Format.JPEG, progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:-2] + file[last:-2] * count + b"\xff\xd9"


def with_size(file: bytes, width: int, height: int) -> bytes:
    """Return an AVIF or HEIC file whose header says *width* x *height*."""
    at = file.index(b"ispe") + 8
    return file[:at] + struct.pack(">II", width, height) + file[at + 8 :]


def webp(chunk: bytes, body: bytes) -> bytes:
    return riff(chunk + struct.pack("<I", len(body)) + body)


def riff(chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def webp_film(frames: int, width: int, height: int) -> bytes:
    """Return a WebP of *width* x *height* whose *frames* have one pixel each."""
    still = saved(Image.new("RGB", (1, 1)), Format.WEBP, lossless=True)[12:]
    frame = bytes(16) + still
    canvas = b"\2\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    animation = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    animation += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * frames
    return riff(b"VP8X" + struct.pack("<I", len(canvas)) + canvas + animation)


def bmp(width: int, height: int) -> bytes:
    """Return a BMP of *width* x *height* whose run-length code is empty."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1080, 0, 0, 1078) + header + bytes(1024) + b"\0\1"


def jpeg2000(width: int, height: int, tile: int, components: int = 1) -> bytes:
    """Return the header of a JPEG 2000 codestream, and one byte of data."""
    size = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, tile, tile, 0, 0, components)
    size += b"\7\1\1" * components
    coding = b"\xff\x52\0\x0c\0\0\0\1\0\0\4\4\0\1"
    quantization = b"\xff\x5c\0\4\x40\x40"
    return (
        b"\xff\x4f\xff\x51"
        + struct.pack(">H", len(size) + 2)
        + size
        + coding
        + quantization
        + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1\xff\x93\0\xff\xd9"
    )


def sequential_scans(count: int, side: int = 12_000) -> bytes:
    """Return a JPEG that is not progressive, whose *count* scans of one component hold no data."""
    file = saved(Image.new("RGB", (16, 16)), Format.JPEG, subsampling=0)
    head = bytearray(file[: file.index(b"\xff\xda")])
    at = head.index(b"\xff\xc0") + 5
    head[at : at + 4] = struct.pack(">HH", side, side)
    tables = {1: 0x00, 2: 0x11, 3: 0x11}
    scans = [
        b"\xff\xda\0\x08\1" + bytes([component, tables[component]]) + b"\0\x3f\0"
        for component in (1, 2, 3, *[1] * count)
    ]
    return bytes(head) + b"".join(scans) + b"\xff\xd9"


def blocks(side: int, *, late: bool = False, precincts: bool = False) -> bytes:
    """Return a JPEG 2000 in blocks of 4 x 4, *late* for one of a tile, or *precincts* of 1 x 1."""
    size = struct.pack(">HIIIIIIIIH", 0, side, side, 0, 0, side, side, 0, 0, 1) + b"\7\1\1"
    coding = b"\xff\x52\0\x0c\0\0\0\1\0\0%s\0\1" % (b"\4\4" if late or precincts else b"\0\0")
    if precincts:
        coding = b"\xff\x52\0\x0d\1\0\0\1\0\0\4\4\0\1\x11"
    again = coding.replace(b"\4\4", b"\0\0") if late else b""
    return (
        b"\xff\x4f\xff\x51"
        + struct.pack(">H", len(size) + 2)
        + size
        + coding
        + b"\xff\x5c\0\4\x40\x40"
        + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1"
        + again
        + b"\xff\x93\0\xff\xd9"
    )


def large_tile(side: int = 46_000) -> bytes:
    """Return a TIFF of 4 x 4 in one tile of *side* x *side*, compressed to a thousandth."""
    data = zeros(side * side)
    return tiff(t259=(8,), t322=(side,), t323=(side,), t324=(8,), t325=(len(data),)) + data


def chain(stages: int) -> bytes:
    """Return a PNG whose profile sends colours through *stages* identical stages."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    curve = b"curf" + bytes(4) + struct.pack(">HH", 1, 0) + b"parf" + bytes(8)
    curve += struct.pack(">4f", 1.0001, 1, 0, 0)
    element = b"cvst" + bytes(4) + struct.pack(">HH", 3, 3)
    element += struct.pack(">II", 36, len(curve)) * 3 + curve
    elements = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, stages)
    elements += struct.pack(">II", 16 + 8 * stages, len(element)) * stages + element
    tone = b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2)
    tags = {b"D2B1": elements, b"rTRC": tone, b"gTRC": tone, b"bTRC": tone}
    points = {
        b"wtpt": (0.9642, 1, 0.8249),
        b"rXYZ": (0.4361, 0.2225, 0.0139),
        b"gXYZ": (0.3851, 0.7169, 0.0971),
        b"bXYZ": (0.1431, 0.0606, 0.7141),
    }
    for name, values in points.items():
        tags[name] = b"XYZ " + bytes(4) + b"".join(map(fixed, values))
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = b"lcms\4\x40\0\0mntrRGB XYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    header += bytes(24) + struct.pack(">I", 1) + fixed(0.9642) + fixed(1) + fixed(0.8249)
    header += b"lcms" + bytes(44)
    profile = struct.pack(">I", 128 + len(table + body)) + header + table + body
    return saved(Image.new("RGB", (64, 64)), Format.PNG, icc_profile=profile)


def overlay(times: int, side: int = 2048) -> bytes:
    """Return a HEIC that lays one picture *times* over itself (ISO/IEC 23008-12, 6.6.2.2)."""
    file = heic(Image.new("RGB", (side, side), (3, 200, 9)), quality=40)
    at = file.index(b"hvcC") - 4
    coding = file[at : at + int.from_bytes(file[at : at + 4])]
    media = file[file.index(b"mdat") + 4 :]
    numbers = range(1, times + 1)

    def box(name: bytes, *parts: bytes) -> bytes:
        return struct.pack(">I4s", 8 + sum(map(len, parts)), name) + b"".join(parts)

    def full(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
        return box(name, struct.pack(">I", version << 24 | flags), *parts)

    whole = struct.pack(">BB4HII", 0, 1, 0, 0, 0, 65535, side, side) + bytes(8 * times)
    infos = [
        full(b"infe", 2, 1, struct.pack(">HH4s", number, 0, b"hvc1") + b"\0") for number in numbers
    ]
    infos.append(full(b"infe", 2, 0, struct.pack(">HH4s", times + 1, 0, b"iovl") + b"\0"))
    owned = [struct.pack(">HB", number, 2) + b"\x81\x82" for number in numbers]
    owned.append(struct.pack(">HB", times + 1, 1) + b"\x82")
    size = full(b"ispe", 0, 0, struct.pack(">II", side, side))
    properties = box(
        b"iprp",
        box(b"ipco", coding, size),
        full(b"ipma", 0, 0, struct.pack(">I", times + 1), *owned),
    )
    parts = struct.pack(f">HH{times}H", times + 1, times, *numbers)

    def meta(base: int) -> bytes:
        places = [struct.pack(">HHHII", number, 0, 1, base, len(media)) for number in numbers]
        places.append(struct.pack(">HHHII", times + 1, 0, 1, base + len(media), len(whole)))
        return full(
            b"meta",
            0,
            0,
            full(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13)),
            full(b"pitm", 0, 0, struct.pack(">H", times + 1)),
            full(b"iloc", 0, 0, b"\x44\0" + struct.pack(">H", times + 1), *places),
            full(b"iinf", 0, 0, struct.pack(">H", times + 1), *infos),
            properties,
            full(b"iref", 0, 0, box(b"dimg", parts)),
        )

    start = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    base = len(start) + len(meta(0)) + 8
    return start + meta(base) + box(b"mdat", media, whole)


def animation(format_: Format, frames: int, side: int = 64) -> bytes:
    """Return an animation of *frames* of *side* x *side* that alternate between two colours."""
    images = [Image.new("RGB", (side, side), color) for color in ("red", "blue")]
    rest = [images[number % 2] for number in range(1, frames)]
    return saved(images[0], format_, save_all=True, append_images=rest)


def webp_animation(frames: int) -> bytes:
    """Return the same as WebP, in a hundredth of the time."""
    file = animation(Format.WEBP, 2)
    start = file.index(b"ANMF")
    return riff(file[12:start] + file[start:] * (frames // 2))


def small(format_: Format) -> bytes:
    return saved(Image.new("RGB", (64, 64)), format_)


BOMBS: Final[Mapping[str, Callable[[], bytes]]] = {
    "png canvas": lambda: png(width=60_000, height=60_000),
    "png at the limit": lambda: png(width=12_000, height=12_000, depth=1),
    "png profile that inflates": lambda: png((b"iCCP", b"p\0\0" + zeros())),
    "png text that inflates": lambda: png((b"zTXt", b"k\0\0" + zeros())),
    "png unicode text that inflates": lambda: png((b"iTXt", b"k\0\1\0\0\0" + zeros())),
    "png with many texts": lambda: png(*[(b"tEXt", b"k\0v")] * 300_000),
    "png frames": lambda: apng(2**31 - 1),
    "png frames on a large canvas": lambda: apng(2000, 9000, 9000),
    "gif canvas": lambda: gif(1, 65_535, 65_535),
    "gif frames on a large canvas": lambda: gif(5000, 5000, 5000),
    "gif with a million frames": lambda: gif(1_000_000, 1, 1),
    "tiff canvas": lambda: tiff(t256=(2**31 - 1,), t257=(2**31 - 1,)),
    "tiff tiles": lambda: tiff(t322=(2**24,), t323=(2**24,), t324=(8,), t325=(16,)),
    "tiff strips": lambda: tiff(t278=(2**31 - 1,), t279=(2**31 - 1,)),
    "tiff deflated strips": lambda: tiff(t259=(8,), t256=(12_000,), t257=(12_000,)),
    "tiff samples": lambda: tiff(t277=(65_535,), t258=(8,) * 65_535),
    "tiff with many strips": lambda: tiff(
        t257=(300_000,), t278=(1,), t273=(8,) * 300_000, t279=(4,) * 300_000
    ),
    "webp canvas": lambda: webp(b"VP8X", bytes(4) + b"\xff\x3f\0\xff\x3f\0"),
    "webp lossless canvas": lambda: webp(b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(9)),
    "webp frames on a large canvas": lambda: webp_film(2000, 9000, 9000),
    "webp with many frames": lambda: webp_film(200_000, 1, 1),
    "avif canvas": lambda: with_size(small(Format.AVIF), 65_535, 65_535),
    "avif that claims the limit": lambda: with_size(small(Format.AVIF), 12_000, 12_000),
    "heic canvas": lambda: with_size(heic(Image.new("RGB", (64, 64))), 65_535, 65_535),
    "heic that claims the limit": lambda: with_size(
        heic(Image.new("RGB", (64, 64))), 12_000, 12_000
    ),
    "jpeg canvas": lambda: jpeg(width=65_500, height=65_500),
    "jpeg restart markers": lambda: jpeg(
        width=12_000,
        height=12_000,
        before=b"\xff\xdd\0\4\0\1",
        data=b"".join(bytes((0xFF, 0xD0 + n % 8)) for n in range(8)) * 1_000_000,
    ),
    "jpeg scans": lambda: scans(1000),
    "jpeg with a million comments": lambda: jpeg(
        width=8, height=8, before=b"\xff\xfe\0\3x" * 1_000_000
    ),
    "jpeg with a large profile": lambda: jpeg(
        width=8,
        height=8,
        before=b"".join(
            b"\xff\xe2\xff\xffICC_PROFILE\0" + bytes((n, 255)) + bytes(65_519)
            for n in range(1, 256)
        ),
    ),
    "bmp canvas": lambda: bmp(60_000, 60_000),
    "bmp at the limit": lambda: bmp(12_000, 12_000),
    "jpeg 2000 canvas": lambda: jpeg2000(2**31 - 1, 2**31 - 1, 2**31 - 1),
    "jpeg 2000 at the limit": lambda: jpeg2000(12_000, 12_000, 12_000),
    "jpeg 2000 tiles": lambda: jpeg2000(12_000, 12_000, 47),
    "jpeg 2000 components": lambda: jpeg2000(2000, 2000, 2000, components=16_384),
    "jpeg 2000 blocks": lambda: blocks(12_000),
    "jpeg 2000 blocks of a tile": lambda: blocks(12_000, late=True),
    "jpeg 2000 precincts": lambda: blocks(12_000, precincts=True),
    "jpeg sequential scans": lambda: sequential_scans(3500),
    "tiff large tile": large_tile,
    "png chain of profile stages": lambda: chain(10_000),
    "heic overlay": lambda: overlay(900),
    "gif tiny frames": lambda: gif(36_500, 64, 64),
    "avif tiny frames": lambda: animation(Format.AVIF, 3000),
    "webp tiny frames": lambda: webp_animation(20_000),
    "png tiny frames": lambda: animation(Format.PNG, 20_000),
}

"""Small files that ask for much: memory or time, in headers, pixels, frames, tiles or metadata.

python -m tests.unit.imaging.bombs NAME
"""

import json
import resource
import struct
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Final

from PIL import Image
from pipeline import imaging
from pipeline.errors import Rejected
from pipeline.model import Format, Limits

from tests.unit.imaging.peak import peak_bytes
from tests.unit.imaging.pictures import STYLE, heic, saved, variant

# What a function has by default.
LIMITS: Final = Limits(source_bytes=100_000_000, pixels=150_000_000, memory_bytes=1769 << 20)

ADDRESS_SPACE: Final = 3 << 30  # codecs' threads reserve more than they use

HUGE: Final = 250_000_000
"""Bytes that a part of a file unpacks to: zeros, which shrink to a thousandth."""


def png(*chunks: tuple[bytes, bytes], width: int = 4, height: int = 4, depth: int = 8) -> bytes:
    """Return a grey PNG of *width* x *height*, with *chunks* between its header and its data."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min((width * depth // 8 + 1) * height, 20_000_000)))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def zeros() -> bytes:
    """Return `HUGE` zeros, compressed."""
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(1 << 20)) for _ in range(HUGE >> 20)]
    return b"".join(pieces) + packer.flush()


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
    """Return a grey JPEG whose header says *width* x *height*; *data* is in place of its pixels."""
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
    part = chunk + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(part) + 4) + b"WEBP" + part


def webp_film(frames: int, width: int, height: int) -> bytes:
    """Return a WebP of *width* x *height* whose *frames* have one pixel each."""
    still = saved(Image.new("RGB", (1, 1)), Format.WEBP, lossless=True)[12:]
    frame = bytes(16) + still
    canvas = b"\2\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    film = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    film += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * frames
    body = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas + film
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int) -> bytes:
    """Return a BMP of *width* x *height* of which a run-length code says nothing."""
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
}


def outcome(file: bytes) -> str:
    """Return "made", or the reason of the rejection; anything else is raised."""
    try:
        with imaging.open_image(BytesIO(file), LIMITS) as source:
            imaging.render(source, [variant(width=1600, height=1600)], STYLE)
    except Rejected as rejection:
        return rejection.reason
    return "made"


def main(name: str) -> None:
    """Set off one bomb and print what came of it."""
    file = BOMBS[name]()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    start = time.monotonic()
    ended = outcome(file)
    seconds = time.monotonic() - start
    print(json.dumps({"outcome": ended, "seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])

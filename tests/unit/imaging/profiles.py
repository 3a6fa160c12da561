"""ICC profiles made from their published numbers (ICC.1:2001-04, matrix and curve)."""

import struct

Chromaticity = tuple[float, float]

D50 = (0.9642, 1.0, 0.8249)
# Linear Bradford, from a white of 6504 K to that of the profile connection space.
_D65_TO_D50 = (
    (1.0478112, 0.0228866, -0.0501270),
    (0.0295424, 0.9904844, -0.0170491),
    (-0.0092345, 0.0150436, 0.7521316),
)


def rgb_profile(
    red: Chromaticity, green: Chromaticity, blue: Chromaticity, gamma: float, *, d65: bool
) -> bytes:
    """Return a profile of these primaries and *gamma*, its white D65 or D50."""
    white = (0.95047, 1.0, 1.08883) if d65 else D50
    columns = [_xyz(point) for point in (red, green, blue)]
    amounts = _solve(columns, white)
    colorants = [
        [amount * c for c in column] for column, amount in zip(columns, amounts, strict=True)
    ]
    if d65:
        colorants = [_times(_D65_TO_D50, colorant) for colorant in colorants]
    tags = {b"wtpt": _xyz_tag(D50), b"desc": _description(), b"cprt": b"text\0\0\0\0none\0"}
    for letter, colorant in zip(b"rgb", colorants, strict=True):
        tags[bytes([letter]) + b"XYZ"] = _xyz_tag(tuple(colorant))
        tags[bytes([letter]) + b"TRC"] = _curve(gamma)
    return _file(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """Return a profile of grey with *gamma*."""
    tags = {b"wtpt": _xyz_tag(D50), b"desc": _description(), b"cprt": b"text\0\0\0\0none\0"}
    return _file(b"GRAY", tags | {b"kTRC": _curve(gamma)})


def _xyz(point: Chromaticity) -> tuple[float, float, float]:
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _solve(
    columns: list[tuple[float, float, float]], target: tuple[float, float, float]
) -> list[float]:
    """Return the coefficients of the three *columns* that add up to *target* (Cramer's rule)."""
    whole = _determinant(columns)
    return [
        _determinant([*columns[:i], target, *columns[i + 1 :]]) / whole for i in range(len(columns))
    ]


def _determinant(columns: list[tuple[float, float, float]]) -> float:
    (a, d, g), (b, e, h), (c, f, i) = columns
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _times(matrix: tuple[tuple[float, ...], ...], vector: list[float]) -> list[float]:
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz_tag(value: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, value))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _description() -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)


def _file(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    body = table + data
    header = struct.pack(
        ">I4sI4s4s4s12s4s4s24s12s48s",
        128 + len(body),
        b"test",
        0x02100000,
        b"mntr",
        space,
        b"XYZ ",
        bytes(12),
        b"acsp",
        b"test",
        bytes(24),
        b"".join(map(_fixed, D50)),
        bytes(48),
    )
    return header + body


DISPLAY_P3 = rgb_profile((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), 2.2, d65=True)
ADOBE_RGB = rgb_profile((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), 2.19921875, d65=True)
PROPHOTO = rgb_profile((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), 1.8, d65=False)
DARK_GREY = grey_profile(1.0)

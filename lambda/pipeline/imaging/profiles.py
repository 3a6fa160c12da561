"""ICC profiles made safe to read, or written from chromaticities and code points (ICC.1:2022).

Coding-independent code points (ITU-T H.273) declare colours by numbers: PNG (cICP), AVIF and HEIC
(nclx) have them. They are interpreted as browsers do.

High dynamic range (ITU-R BT.2100) is brought to a standard screen. Light is relative to paper
white, 203 cd/m2 (ITU-R BT.2408). Brighter light is rolled off, up to the peak of the picture, by
the reference white tone mapping of SMPTE ST 2094-50, annex D. Its curve is read at the strongest of
red, green and blue in BT.2020, and all three are scaled alike, so that hues stay.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import exp, log2, sqrt
from typing import NamedTuple, TypeAlias

Vector: TypeAlias = Sequence[float]
Matrix: TypeAlias = Sequence[Vector]
"""Three rows."""

Chromaticity: TypeAlias = tuple[float, float]
Curve: TypeAlias = bytes
"""The body of a tag: light by signal, both from 0 to 1."""

LARGEST_PROFILE = 16 << 20
"""In bytes. Profiles of presses have three megabytes; a JPEG can hold no more than this."""

DEFAULT_PEAK = 1000.0
"""In cd/m2, for pictures that do not declare their peak: what most are made for."""

_D50: Vector = (0.9642, 1.0, 0.8249)  # the white of ICC profiles, in XYZ
_D65 = (0.3127, 0.3290)
_BRADFORD: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)

_HEADER_BYTES, _ENTRY_BYTES = 128, 12
_VERSION = 0x04400000
_HALF, _DEEPEST = 0x8000, 0xFFFF
_GAMMA, _LINEAR_BELOW = 0, 3
_GAMMAS = (1 / 100, 100.0)

# multiProcessElements of any number of stages, which lcms runs for every colour: 500 bytes can take
# minutes. The tags beside them say the same to readers that ignore them.
_STAGES = frozenset(way + bytes([intent]) for way in (b"D2B", b"B2D") for intent in b"0123")

_WHITE = 203.0
_LUMINANCE = (0.2627, 0.6780, 0.0593)  # of BT.2020
_HANDLE = 0.65  # of the curve between white and peak: its distance from white
_NODES = 33  # per channel: with these, one colour of a hundred is off by three levels


class Primaries(NamedTuple):
    """Three colours and the white that they add up to, each as x and y of CIE 1931."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity = _D65

    def to_xyz(self) -> Matrix:
        """Return the matrix from linear light to XYZ (SMPTE RP 177); white has a Y of 1.

        Raises `ValueError` if the colours span no gamut.
        """
        columns = list(zip(*map(_xyz, (self.red, self.green, self.blue)), strict=True))
        factors = _apply(_inverse(columns), _xyz(self.white))
        return [[a * b for a, b in zip(row, factors, strict=True)] for row in columns]

    def to_d50(self) -> Matrix:
        """Return the matrix from linear light to XYZ under D50, as ICC profiles have it."""
        cones = _apply(_BRADFORD, _xyz(self.white))
        if not all(cones):
            raise ValueError(f"white at {self.white}")
        ratios = [there / here for there, here in zip(_apply(_BRADFORD, _D50), cones, strict=True)]
        adapted = [[a * b for b in row] for a, row in zip(ratios, _BRADFORD, strict=True)]
        return _product(_product(_inverse(_BRADFORD), adapted), self.to_xyz())


SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_EBU = Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06))
_SMPTE170M = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_DCI = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351))
_P3 = _DCI._replace(white=_D65)


def gamma(exponent: float) -> Curve:
    """Return the curve of light that is the signal to the power of *exponent*."""
    least, most = _GAMMAS
    return _parametric(_GAMMA, min(max(exponent, least), most))


def srgb_curve() -> Curve:
    """Return sRGB's curve (IEC 61966-2-1)."""
    return _parametric(_LINEAR_BELOW, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def matrix_profile(primaries: Primaries, curve: Curve) -> bytes:
    """Return a profile of RGB with these *primaries* and one *curve* for all three.

    Raises `ValueError` if the primaries span no gamut.
    """
    tags = {}
    for name, colorant in zip(
        (b"r", b"g", b"b"), zip(*primaries.to_d50(), strict=True), strict=True
    ):
        tags[name + b"XYZ"] = _xyz_tag(colorant)
        tags[name + b"TRC"] = curve
    return _profile(tags)


def without_stages(profile: bytes) -> bytes:
    """Return *profile* with its multiProcessElements (D2B, B2D) renamed, so that nothing runs them.

    Raises `ValueError` if it is too large or too short.
    """
    if len(profile) > LARGEST_PROFILE:
        raise ValueError(f"a profile of {len(profile):,} bytes, of {LARGEST_PROFILE:,} allowed")
    if len(profile) < _HEADER_BYTES + 4:
        raise ValueError(f"a profile of {len(profile)} bytes")
    safe = bytearray(profile)
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    start = _HEADER_BYTES + 4
    end = min(start + count * _ENTRY_BYTES, len(profile) - 4)
    for at in range(start, end, _ENTRY_BYTES):
        if profile[at : at + 4] in _STAGES:
            safe[at : at + 4] = profile[at : at + 4].lower()
    return bytes(safe)


class Transfer(NamedTuple):
    """How signals become light: *light* is that of the scene, 0 to 1, by the signal.

    A screen shows it at *peak* cd/m2, its luminance to the power of *gamma*.
    """

    light: Callable[[float], float]
    gamma: float
    peak: float


def _pq(signal: float) -> float:
    """BT.2100, table 4."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root: float = signal ** (1 / m2)
    light: float = (max(root - c1, 0.0) / (c2 - c3 * root)) ** (1 / m1)
    return light


def _hlg(signal: float) -> float:
    """BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return signal * signal / 3 if signal <= 1 / 2 else (exp((signal - c) / a) + b) / 12


PQ = Transfer(light=_pq, gamma=1.0, peak=10_000.0)
HLG = Transfer(light=_hlg, gamma=1.2, peak=1000.0)

_BT709, _UNSPECIFIED, _SRGB_TRANSFER = 1, 2, 13
_VIDEO_TRANSFERS = (_BT709, 6, 14, 15)
_PRIMARIES: Mapping[int, Primaries] = {
    1: SRGB,
    5: _EBU,
    6: _SMPTE170M,
    7: _SMPTE170M,
    9: BT2020,
    11: _DCI,
    12: _P3,
}
# The curve of video is that of its camera: screens show it by a gamma of 2.4 (BT.1886).
_GAMMA_BY_TRANSFER = {**dict.fromkeys(_VIDEO_TRANSFERS, 2.4), 4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: PQ, 18: HLG}
_TRANSFERS = frozenset({*_GAMMA_BY_TRANSFER, *_HDR, _SRGB_TRANSFER})


class CodePoints(NamedTuple):
    """Colour *primaries* and *transfer* characteristics; *peak* is the brightest, in cd/m2."""

    primaries: int
    transfer: int
    peak: float = DEFAULT_PEAK

    @property
    def is_supported(self) -> bool:
        """Whether they declare colours that are known here."""
        return self.primaries in _PRIMARIES and self.transfer in _TRANSFERS

    @property
    def is_unspecified(self) -> bool:
        """Whether they leave the colours to other metadata, or to sRGB."""
        return _UNSPECIFIED in (self.primaries, self.transfer)

    @property
    def as_in_video(self) -> "CodePoints":
        """Return those that AVIF and HEIC mean, where browsers take a camera's curve for sRGB's."""
        is_video = self.transfer in _VIDEO_TRANSFERS
        return self._replace(transfer=_SRGB_TRANSFER) if is_video else self

    def __str__(self) -> str:
        return f"primaries {self.primaries}, transfer {self.transfer}"

    def profiles(self) -> tuple[bytes, ...]:
        """Return the ICC profiles to apply one after the other.

        High dynamic range is tone-mapped within its own primaries first, because colours outside of
        sRGB cannot be interpolated well.
        """
        return _profiles(self)


@lru_cache(maxsize=8)
def _profiles(points: CodePoints) -> tuple[bytes, ...]:
    primaries = _PRIMARIES[points.primaries]
    if points.transfer not in _HDR:
        is_srgb = points.transfer == _SRGB_TRANSFER
        curve = srgb_curve() if is_srgb else gamma(_GAMMA_BY_TRANSFER[points.transfer])
        return (matrix_profile(primaries, curve),)
    transfer = _HDR[points.transfer]
    lights = [transfer.light(node / (_NODES - 1)) for node in range(_NODES)]
    nodes = list(_tone_mapped(lights, primaries, transfer, points.peak))
    tone_map = _profile({b"A2B0": _lattice(nodes, primaries.to_d50())})
    return tone_map, matrix_profile(primaries, srgb_curve())


def _tone_mapped(
    lights: Sequence[float], primaries: Primaries, transfer: Transfer, peak: float
) -> Iterator[float]:
    """Yield red, green and blue as a screen shows them, of all colours that have these *lights*."""
    gain = _gain(peak / _WHITE)
    conversion = _product(_inverse(BT2020.to_xyz()), primaries.to_xyz())
    (rr, rg, rb), (gr, gg, gb), (br, bg, bb) = conversion
    y_red, y_green, y_blue = _LUMINANCE
    for red in lights:
        for green in lights:
            for blue in lights:
                r = rr * red + rg * green + rb * blue
                g = gr * red + gg * green + gb * blue
                b = br * red + bg * green + bb * blue
                luminance = max(0.0, y_red * r + y_green * g + y_blue * b)
                scale = luminance ** (transfer.gamma - 1) * transfer.peak / _WHITE
                scale *= gain(max(r, g, b) * scale)
                yield _srgb_signal(red * scale)
                yield _srgb_signal(green * scale)
                yield _srgb_signal(blue * scale)


def _gain(peak: float) -> Callable[[float], float]:
    """Return the factor for light relative to white, for a picture with that relative *peak*."""
    if peak <= 1:
        return lambda _: 1.0
    # Paper white is mapped to this; from there a quadratic Bezier curve leads to the peak.
    white = 1 - 0.5 * min(log2(peak) / log2(DEFAULT_PEAK / _WHITE), 1.0)
    x_rise, y_rise = 2 * _HANDLE * (1 / white - 1), 2 * _HANDLE * (1 - white)
    x_bend, y_bend = peak - 1 - x_rise, 1 - white - y_rise

    def gain(light: float) -> float:
        if light <= 1:
            return white
        if light >= peak:
            return 1 / light
        along = (sqrt(x_rise * x_rise + 4 * x_bend * (light - 1)) - x_rise) / (2 * x_bend)
        return (white + along * (y_rise + along * y_bend)) / light

    return gain


def _srgb_signal(light: float) -> float:
    """IEC 61966-2-1."""
    if light >= 1:
        return 1.0
    signal: float = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return signal


def _profile(tags: Mapping[bytes, bytes]) -> bytes:
    """Return a profile of an RGB display with *tags*."""
    tags = {b"wtpt": _xyz_tag(_D50), **tags}
    table, bodies = struct.pack(">I", len(tags)), b""
    start = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags)
    for name, body in tags.items():
        table += struct.pack(">4sII", name, start + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    size = start + len(bodies)
    header = struct.pack(">I4xI4s4s4s12x4s28x", size, _VERSION, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return (header + _fixed(*_D50)).ljust(_HEADER_BYTES, b"\0") + table + bodies


def _lattice(nodes: Sequence[float], to_d50: Matrix) -> bytes:
    """Return a lutAToBType (section 10.12): curves, lattice, curves, matrix, curves.

    *nodes* are red, green and blue with sRGB's curve; blue rises fastest and red slowest.
    """
    side = round((len(nodes) / 3) ** (1 / 3))
    levels = [round(node * _DEEPEST) for node in nodes]
    lattice = struct.pack(f">3B13xB3x{len(levels)}H", side, side, side, 2, *levels)
    # XYZ of 1 is stored as the middle of the range.
    matrix = _fixed(*(_HALF / _DEEPEST * number for row in to_d50 for number in row), 0, 0, 0)
    body, places = b"", []
    for part in (gamma(1) * 3, matrix, srgb_curve() * 3, lattice, gamma(1) * 3):
        places.append(32 + len(body))
        body += part + bytes(-len(part) % 4)
    return struct.pack(">4s4x2B2x5I", b"mAB ", 3, 3, *places) + body


def _parametric(kind: int, *numbers: float) -> Curve:
    return b"para" + struct.pack(">4xH2x", kind) + _fixed(*numbers)


def _xyz_tag(xyz: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*xyz)


def _fixed(*numbers: float) -> bytes:
    try:
        return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    except struct.error as error:
        raise ValueError(f"{numbers} are more than a profile can hold") from error


def _xyz(point: Chromaticity) -> Vector:
    x, y = point
    if y <= 0:
        raise ValueError(f"a chromaticity of {x}, {y}")
    return x / y, 1.0, (1 - x - y) / y


def _apply(matrix: Matrix, vector: Vector) -> Vector:
    x, y, z = vector
    return [a * x + b * y + c * z for a, b, c in matrix]


def _product(left: Matrix, right: Matrix) -> Matrix:
    columns = [_apply(left, column) for column in zip(*right, strict=True)]
    return list(zip(*columns, strict=True))


def _inverse(matrix: Matrix) -> Matrix:
    """Return the inverse of *matrix*; raise `ValueError` if it has none."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    minors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    determinant = a * minors[0][0] + b * minors[1][0] + c * minors[2][0]
    if abs(determinant) < 1e-9:
        raise ValueError("primaries on one line")
    return [[minor / determinant for minor in row] for row in minors]

"""Greys of every depth, sample format and polarity are rendered correctly."""

import struct
from typing import Any

import pytest
from pipeline.model import Format

from tests.unit.imaging import raw
from tests.unit.imaging.pictures import result

SIDE = 64
RAMP = [x * 255 // (SIDE - 1) for x in range(SIDE)]
UNITS = [level / 255 for level in RAMP]


def shown(file: bytes) -> list[int]:
    """Return the levels of the first row of the rendered *file*."""
    image = result(file, width=SIDE, height=SIDE, format=Format.PNG)
    return list(image.convert("L").tobytes()[:SIDE])


def shorts(levels: list[int], **options: Any) -> bytes:
    data = struct.pack(options.get("order", "<") + f"{SIDE}H", *[v * 257 for v in levels])
    return raw.tiff(SIDE, SIDE, data * SIDE, bits=(16,), **options)


def floats(levels: list[float], **options: Any) -> bytes:
    data = struct.pack(f"<{SIDE}f", *UNITS) * (SIDE - 1) + struct.pack(f"<{SIDE}f", *levels)
    return raw.tiff(SIDE, SIDE, data, bits=(32,), numbers=raw.FLOAT, **options)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_are_read_in_either_order(order: str) -> None:
    assert shown(shorts(RAMP, order=order)) == RAMP


def test_12_bits_are_the_whole_range() -> None:
    bits = "".join(f"{level * 4095 // 255:012b}" for level in RAMP)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    pairs = zip(shown(raw.tiff(SIDE, SIDE, data * SIDE, bits=(12,))), RAMP, strict=True)
    assert max(abs(a - b) for a, b in pairs) <= 1


def test_deep_grey_with_white_as_zero_is_not_a_negative() -> None:
    assert shown(shorts(RAMP, shown=raw.WHITE_IS_ZERO)) == [255 - level for level in RAMP]
    assert shown(floats(UNITS, shown=raw.WHITE_IS_ZERO)) == [255 - level for level in RAMP]


@pytest.mark.parametrize("odd", [1.5, 1e30, -9999.0, float("inf"), float("-inf"), float("nan")])
def test_few_numbers_out_of_range_do_not_change_the_rest(odd: float) -> None:
    assert shown(floats([*UNITS[1:], odd])) == RAMP


def test_range_beyond_every_unit_is_stretched() -> None:
    heights = [1e6 * unit - 5e5 for unit in UNITS]
    data = struct.pack(f"<{SIDE}f", *heights) * SIDE
    levels = shown(raw.tiff(SIDE, SIDE, data, bits=(32,), numbers=raw.FLOAT))
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, 255)


def test_nan_is_black() -> None:
    data = struct.pack("<f", float("nan")) * SIDE**2
    assert set(shown(raw.tiff(SIDE, SIDE, data, bits=(32,), numbers=raw.FLOAT))) == {0}

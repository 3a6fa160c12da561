"""The size that an AV1 or HEVC stream declares, by which a decoder allocates memory."""

from collections.abc import Iterator

from pipeline.errors import CorruptImage
from pipeline.imaging.containers.boxes import Fields

_AV1_SEQUENCE_HEADER = 1
_HEVC_SEQUENCE_PARAMETERS = 33
_MAX_UNITS = 4096  # a still picture has a handful, or one for each slice
_HEADER_BYTES = 512  # the size is within these
_PROFILE_BITS = 88
_HVCC_LENGTH_AT = 21
_MAX_ZEROS = 32


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = 8 * len(data)

    def number(self, bits: int) -> int:
        self._left -= bits
        if self._left < 0:
            raise CorruptImage("the header of a coded picture ends too early")
        return self._bits >> self._left & ((1 << bits) - 1)

    def golomb(self) -> int:
        """Return an Exp-Golomb coded number (ITU-T H.265, section 9.2); AV1 calls it uvlc."""
        zeros = 0
        while not self.number(1):
            zeros += 1
            if zeros > _MAX_ZEROS:
                raise CorruptImage("the header of a coded picture has too large a number")
        return (1 << zeros) - 1 + self.number(zeros)


def av1_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the largest frame of each sequence header in *data* (AV1 specification, 5.5)."""
    fields = Fields(memoryview(data), "av01")
    for _ in range(_MAX_UNITS):
        if not fields:
            return
        header = fields.number(1)
        if header & 4:
            fields.take(1)
        unit = bytes(fields.take(_leb128(fields)) if header & 2 else fields.rest())
        if header >> 3 & 15 == _AV1_SEQUENCE_HEADER:
            yield _av1_size(_Bits(unit[:_HEADER_BYTES]))
    raise CorruptImage(f"a coded picture has more than {_MAX_UNITS} units")


def _leb128(fields: Fields) -> int:
    value = 0
    for position in range(8):
        byte = fields.number(1)
        value |= (byte & 127) << 7 * position
        if byte < 128:
            break
    return value


def _av1_size(bits: _Bits) -> tuple[int, int]:
    bits.number(3 + 1)
    is_reduced = bits.number(1)
    if is_reduced:
        bits.number(5)
    else:
        _skip_av1_operating_points(bits)
    width_bits, height_bits = bits.number(4) + 1, bits.number(4) + 1
    return bits.number(width_bits) + 1, bits.number(height_bits) + 1


def _skip_av1_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.number(1):
        bits.number(32 + 32)
        if bits.number(1):
            bits.golomb()
        if bits.number(1):
            delay_bits = bits.number(5) + 1
            bits.number(32 + 5 + 5)
    has_display_delay = bits.number(1)
    for _ in range(bits.number(5) + 1):
        bits.number(12)
        if bits.number(5) > 7:
            bits.number(1)
        if delay_bits and bits.number(1):
            bits.number(2 * delay_bits + 1)
        if has_display_delay and bits.number(1):
            bits.number(4)


def hevc_sizes(configuration: memoryview, data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the size in each sequence parameter set (ITU-T H.265, section 7.3.2.2).

    The sets are in the `hvcC` box *configuration* or in the coded *data*.
    """
    for unit in configured_units(configuration):
        yield from _hevc_size(unit)
    length_size = (configuration[_HVCC_LENGTH_AT] & 3) + 1
    fields = Fields(memoryview(data), "hvc1")
    for _ in range(_MAX_UNITS):
        if not fields:
            return
        yield from _hevc_size(fields.take(fields.number(length_size)))
    raise CorruptImage(f"a coded picture has more than {_MAX_UNITS} units")


def configured_units(configuration: memoryview) -> Iterator[memoryview]:
    """Yield the units in the `hvcC` box *configuration*."""
    fields = Fields(configuration, "hvcC")
    fields.take(_HVCC_LENGTH_AT + 1)
    for _ in range(fields.number(1)):
        fields.take(1)
        for _ in range(fields.number(2)):
            yield fields.take(fields.number(2))


def _hevc_size(unit: memoryview) -> Iterator[tuple[int, int]]:
    if len(unit) < 2 or unit[0] >> 1 & 63 != _HEVC_SEQUENCE_PARAMETERS:
        return
    # A 3 after two zeros only keeps them from looking like a start code.
    bits = _Bits(bytes(unit[2:_HEADER_BYTES]).replace(b"\0\0\3", b"\0\0"))
    bits.number(4)
    layers = bits.number(3)
    bits.number(1 + _PROFILE_BITS + 8)
    if layers:
        present = [(bits.number(1), bits.number(1)) for _ in range(layers)]
        bits.number(2 * (8 - layers))
        for has_profile, has_level in present:
            bits.number(_PROFILE_BITS * has_profile + 8 * has_level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.number(1)
    yield bits.golomb(), bits.golomb()

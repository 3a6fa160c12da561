"""Colours of palettes that no pixel has, which could be anything."""

from PIL import Image


def used_colors(image: Image.Image) -> set[int]:
    """Return the numbers of the palette that the pixels of *image* have."""
    levels = image.histogram() if image.mode in ("P", "L") else [1] * 256
    return {number for number, count in enumerate(levels) if count}


def clear_unused(table: bytes, width: int, used: set[int]) -> bytes:
    """Return *table* with zeros for the entries of *width* bytes that are not *used*."""
    return b"".join(
        table[at : at + width] if at // width in used else bytes(width)
        for at in range(0, len(table), width)
    )

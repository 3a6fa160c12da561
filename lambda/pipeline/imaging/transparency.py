"""What is clear in a picture: an alpha channel, or a colour that a PNG declares to be clear."""

from typing import Any, cast

from PIL import Image, ImageFile

from pipeline.imaging.levels import eight_bits

ALPHA_MODES = frozenset({"LA", "RGBA"})
_DEEP = "I;16"
_KEYED_MODES = {"1": "LA", "L": "LA", _DEEP: "LA", "RGB": "RGBA"}

_CLEAR, _OPAQUE = 0, 255
_DEEP_LEVELS = 1 << 16


def has_alpha(image: Image.Image) -> bool:
    """Tell whether *image* can be transparent anywhere, from its header alone."""
    return image.has_transparency_data


def settle_key(image: ImageFile.ImageFile) -> None:
    """Bring the clear colour of the PNG *image*, just opened, to the 8 bits of its pixels.

    Pillow leaves it as it is stored. Of colours of 16 bits, of which Pillow reads the upper half,
    that half counts.
    """
    key = image.info.get("transparency")
    if isinstance(key, str):  # a text of that name
        del image.info["transparency"]
    elif has_key(image):
        image.info["transparency"] = _settled(key, str(image.tile[0].args))


def _settled(key: Any, rawmode: str) -> int | tuple[int, ...]:
    match rawmode:
        case "L;2" | "L;4":
            highest = (1 << int(rawmode[-1])) - 1
            return int(key & highest) * _OPAQUE // highest
        case "RGB;16B":
            return tuple(level >> 8 for level in key)
        case _:
            return cast("int | tuple[int, ...]", key)


def has_key(image: Image.Image) -> bool:
    """Tell whether *image* names one colour that is clear."""
    return "transparency" in image.info and image.mode in _KEYED_MODES


def with_alpha(image: Image.Image) -> Image.Image:
    """Return *image*, which has a clear colour, as LA or RGBA."""
    if image.mode != _DEEP:
        return image.convert(_KEYED_MODES[image.mode])
    clear = [_OPAQUE] * _DEEP_LEVELS
    clear[image.info["transparency"]] = _CLEAR
    alpha = image.convert("I").point(clear, "L")
    return Image.merge("LA", (eight_bits(image), alpha))


def drop_empty_alpha(image: Image.Image) -> Image.Image:
    """Return *image*, a BMP, without an alpha channel that would hide all of it.

    Writers of bitmaps with 32 bits leave the last eight empty: everything that shows them takes
    them for opaque then.
    """
    return image.convert("RGB") if image.mode == "RGBA" and not alphas(image)[1] else image


def alphas(image: Image.Image) -> tuple[int, int]:
    """Return the least and the greatest alpha in *image*."""
    return cast("tuple[int, int]", image.getchannel("A").getextrema())

"""What a record keeps of a picture besides its renditions."""

from base64 import b64encode

from PIL import Image

from pipeline.model import Size

_SIDE = 16
_COLORS = 8


def small(size: Size) -> Size:
    """Return the size of a picture that is large enough to tell these facts."""
    scale = min(1.0, _SIDE / max(size.width, size.height))
    return Size(width=max(1, round(size.width * scale)), height=max(1, round(size.height * scale)))


def dominant_color(image: Image.Image) -> str:
    """Return the colour that most of *image*, a small one, has, as `#rrggbb`."""
    few = image.convert("RGB").quantize(_COLORS)
    counts = few.histogram()
    index = counts.index(max(counts))
    red, green, blue = (few.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def placeholder(image: Image.Image) -> str:
    """Return the ThumbHash of *image*, a small one, in base64."""
    from thash import rgba_to_thumb_hash

    pixels = image.convert("RGBA")
    return b64encode(
        bytes(rgba_to_thumb_hash(pixels.width, pixels.height, list(pixels.tobytes())))
    ).decode()

"""What a record keeps of a picture besides its renditions."""

from base64 import b64encode
from io import BytesIO

from PIL import Image

from pipeline.model import MOST_BLURRED_BYTES, Size

_SIDE = 16
_COLORS = 8


def thumbnail_size(size: Size) -> Size:
    """Return the size in which a picture of *size* is large enough for these functions."""
    scale = min(1.0, _SIDE / max(size.width, size.height))
    return Size(width=max(1, round(size.width * scale)), height=max(1, round(size.height * scale)))


def dominant_color(thumbnail: Image.Image) -> str:
    """Return the most frequent colour of *thumbnail*, as `#rrggbb`."""
    few = thumbnail.convert("RGB").quantize(_COLORS)
    counts = few.histogram()
    index = counts.index(max(counts))
    red, green, blue = (few.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def placeholder(thumbnail: Image.Image) -> str:
    """Return the ThumbHash of *thumbnail*, in base64."""
    from thash import rgba_to_thumb_hash

    pixels = thumbnail.convert("RGBA")
    thumb_hash = rgba_to_thumb_hash(pixels.width, pixels.height, list(pixels.tobytes()))
    return b64encode(bytes(thumb_hash)).decode()


def blurred_placeholder(thumbnail: Image.Image) -> str:
    """Return *thumbnail* as a data URL, which browsers scale up smoothly; empty if that is long."""
    file = BytesIO()
    mode = "RGBA" if "A" in thumbnail.getbands() else "RGB"
    thumbnail.convert(mode).save(file, "WEBP", quality=50, method=6)
    url = f"data:image/webp;base64,{b64encode(file.getvalue()).decode()}"
    return url if len(url) <= MOST_BLURRED_BYTES else ""

"""True colour to a palette."""

from PIL import Image

_HALF = 128


def with_palette(image: Image.Image, colors: int) -> Image.Image:
    """Return *image* with at most *colors* colours, dithered where it is opaque."""
    if "A" in image.getbands():
        return image.convert("RGBA").quantize(colors, Image.Quantize.FASTOCTREE)
    true = image.convert("RGB")
    palette = true.quantize(colors, Image.Quantize.MEDIANCUT)
    return true.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def with_clear_edges(image: Image.Image) -> Image.Image:
    """Return *image* with each pixel opaque or invisible: GIF knows nothing between."""
    if "A" not in image.getbands():
        return image
    clear = image.convert("RGBA")
    clear.putalpha(clear.getchannel("A").point(lambda level: 255 * (level >= _HALF)))
    return clear

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


def with_clear_color(image: Image.Image, colors: int) -> Image.Image:
    """Return *image* with at most *colors* colours, one of them clear: GIF knows no half alpha."""
    if "A" not in image.getbands():
        return with_palette(image, colors)
    sharp = image.convert("RGBA")
    sharp.putalpha(sharp.getchannel("A").point(lambda level: 255 * (level >= _HALF)))
    few = with_palette(sharp, colors)
    alphas = (few.getpalette("RGBA") or [])[3::4]
    if 0 in alphas:
        few.info["transparency"] = alphas.index(0)
    return few

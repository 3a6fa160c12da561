"""Pictures put on something: a background, a canvas, a common ground."""

from PIL import Image

from pipeline.imaging.geometry import Layout, offset
from pipeline.model import Color, Position


def flattened(image: Image.Image, background: Color) -> Image.Image:
    """Return *image* on *background*, without alpha."""
    if "A" not in image.getbands():
        return image
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return canvas


def placed(
    image: Image.Image, layout: Layout, position: Position, background: Color
) -> Image.Image:
    """Return *image* on the canvas of *layout*, which shows *background* around it."""
    if layout.canvas == layout.size:
        return image
    mode = "RGBA" if "A" in image.getbands() else "RGB"
    canvas = Image.new(mode, (layout.canvas.width, layout.canvas.height), background)
    canvas.paste(image.convert(mode), offset(layout.size, layout.canvas, position))
    return canvas


def alike(images: list[Image.Image]) -> list[Image.Image]:
    """Return *images* in one mode, as the frames of an animation must be."""
    modes = {image.mode for image in images}
    if len(modes) == 1:
        return images
    mode = "RGBA" if any("A" in image.getbands() for image in images) else "RGB"
    return [image.convert(mode) for image in images]

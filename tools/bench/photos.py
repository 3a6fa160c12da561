"""Generate photo-like pictures from a seed: overlapping leaves, light, texture and noise.

Overlapping shapes whose sizes follow a power law have the edges and spectrum of natural images
(the "dead leaves" model, Lee, Mumford and Huang 2001).
"""

import random
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageFilter

CAMERAS = ((3264, 2448), (4032, 3024), (4000, 3000), (5472, 3648), (6000, 4000))
"""Sizes in pixels of common phone and camera photographs, 8 to 24 megapixels."""


def photograph(width: int, height: int, seed: int) -> Image.Image:
    """Make one picture from *seed*; its shapes and colours repeat exactly, its noise does not."""
    dice = random.Random(seed)  # noqa: S311 - pictures, not secrets
    scene = _leaves(width, height, dice)
    scene = ImageChops.multiply(scene, _light(width, height, dice))
    scene = ImageChops.overlay(scene, _texture(width, height))
    return _sensor(scene.filter(ImageFilter.GaussianBlur(0.9)))


def jpeg(image: Image.Image, *, quality: int = 92, progressive: bool = False) -> bytes:
    """Encode *image* as a camera would."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", progressive=progressive)
    return buffer.getvalue()


def cut_out(image: Image.Image) -> Image.Image:
    """Return *image* with a soft-edged alpha channel, like a product cut-out."""
    mask = Image.new("L", (image.width // 4, image.height // 4))
    ImageDraw.Draw(mask).ellipse((20, 20, mask.width - 20, mask.height - 20), fill=255)
    alpha = mask.filter(ImageFilter.GaussianBlur(3)).resize(image.size, Image.Resampling.BILINEAR)
    cut = image.copy()
    cut.putalpha(alpha)
    return cut


def _leaves(width: int, height: int, dice: random.Random) -> Image.Image:
    scene = Image.new("RGB", (width, height), _color(dice))
    draw = ImageDraw.Draw(scene)
    smallest, largest = width / 400, width / 3
    for _ in range(5_000):
        # The inverse of the cumulative distribution of a radius ~ r**-3.
        radius = smallest / max(1e-3, dice.random()) ** 0.5
        radius = min(radius, largest)
        stretch = dice.uniform(0.5, 2)
        x, y = dice.uniform(0, width), dice.uniform(0, height)
        box = (x - radius * stretch, y - radius, x + radius * stretch, y + radius)
        if dice.random() < 0.6:
            draw.ellipse(box, fill=_color(dice))
        else:
            draw.polygon([_corner(box, dice) for _ in range(4)], fill=_color(dice))
    return scene


def _corner(box: tuple[float, float, float, float], dice: random.Random) -> tuple[float, float]:
    return dice.uniform(box[0], box[2]), dice.uniform(box[1], box[3])


def _color(dice: random.Random) -> tuple[int, int, int]:
    light = dice.gauss(128, 55)
    red, green, blue = (min(255, max(0, round(light + dice.gauss(0, 22)))) for _ in range(3))
    return red, green, blue


def _light(width: int, height: int, dice: random.Random) -> Image.Image:
    coarse = Image.new("L", (5, 4))
    coarse.putdata([dice.randint(150, 255) for _ in range(20)])
    return coarse.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")


def _texture(width: int, height: int) -> Image.Image:
    """Return grey noise in octaves; each is twice as coarse as the one before, and stronger."""
    texture = Image.new("L", (width, height), 128)
    for octave in (2, 4, 8, 16):
        size = width // octave, height // octave
        layer = Image.effect_noise(size, 4 + octave)
        texture = ImageChops.overlay(texture, layer.resize(texture.size, Image.Resampling.BILINEAR))
    return texture.convert("RGB")


def _sensor(image: Image.Image) -> Image.Image:
    noise = Image.effect_noise(image.size, 2.5).convert("RGB")
    return ImageChops.add(image, noise, scale=1, offset=-128)

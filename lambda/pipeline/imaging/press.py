"""CMYK without a profile, as a coated offset press would print it (after Neugebauer, 1937).

A patch of paper is covered by a random mixture of the overprints of its inks, so its colour is
their average weighted by area. The overprints, of no, half and full ink, and the gains were fitted
to a SWOP-coated characterisation: they are off by 3 to 4 levels on average, where the complement
(255-C)(255-K)/255 is off by 14 to 27.
"""

from functools import lru_cache

from PIL import Image, ImageFilter

# The area that an ink covers is 1 - (1 - value) ** gain: cyan, magenta, yellow, black.
_GAINS = (1.2, 0.85, 0.8, 0.8)

_STEPS = 3
# A line per amount of yellow; in it, magenta rises every third colour and cyan with each.
_OVERPRINTS = bytes.fromhex(
    "ffffff73c2e9009ce1 ea7da79d72a7025b9f e5077f960e792c0875"
    "feea7488be7f00927c ec7c679b7466216169 e4094c95215135014c"
    "fee8008fba10008b3b ef790aa16e26105820 e4081392121c330823"
)
_FULL_BLACK = (8, 5, 10)


def print_on_paper(image: Image.Image) -> Image.Image:
    """Return the RGB picture of a CMYK *image*."""
    cyan, magenta, yellow, black = image.point(_areas()).split()
    inks = Image.merge("RGB", (cyan, magenta, yellow)).filter(_lattice())
    inks.paste(_FULL_BLACK, mask=black)
    return inks


@lru_cache(maxsize=1)
def _areas() -> list[int]:
    return [round(255 * (1 - (1 - level / 255) ** gain)) for gain in _GAINS for level in range(256)]


@lru_cache(maxsize=1)
def _lattice() -> ImageFilter.Color3DLUT:
    return ImageFilter.Color3DLUT(_STEPS, [level / 255 for level in _OVERPRINTS])

"""Every way that files store colour, made sRGB.

ICC profiles are applied with lcms, relative colorimetric with black point compensation: colours
that sRGB has stay what they are, and shadows keep their detail. Results carry no profile, because
everything that shows pictures takes an untagged one for sRGB (CSS Color 4, section 6.1).
"""

from functools import lru_cache
from io import BytesIO
from typing import TypeAlias, cast

from PIL import Image, ImageChops, ImageCms

from pipeline.imaging import png
from pipeline.imaging.levels import eight_bits
from pipeline.imaging.press import print_on_paper
from pipeline.imaging.transparency import (
    ALPHA_MODES,
    alphas,
    drop_empty_alpha,
    has_alpha,
    has_key,
    with_alpha,
)

Bands: TypeAlias = tuple[tuple[int, int], ...]

_OPAQUE = 255
_PLAIN_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "LAB"})
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def plain(image: Image.Image) -> Image.Image:
    """Return *image* as L, LA, RGB, RGBA, CMYK or LAB, deeper channels scaled to 8 bits.

    A PNG's gamma is applied; its chromaticities and coding-independent code points (cHRM, cICP), as
    those of AVIF and HEIC (nclx), are taken for sRGB's.
    """
    if has_key(image):
        channels = with_alpha(image)
    elif image.mode in _PLAIN_MODES:
        channels = drop_empty_alpha(image) if image.format == "BMP" else image
    elif image.mode == "1":
        channels = image.convert("L")
    elif image.mode.startswith("I;16") or image.mode in ("I", "F"):
        channels = eight_bits(image)
    elif image.mode == "La":
        channels = image.convert("LA")
    else:
        channels = image.convert("RGBA" if has_alpha(image) else "RGB")
    exponent = png.gamma_to_apply(image.info)
    return channels if exponent is None else _raised(channels, exponent)


def _raised(image: Image.Image, exponent: float) -> Image.Image:
    """Return *image* with its levels, of 0 to 1, to the power of *exponent*; alpha stays."""
    table = [round(255 * (level / 255) ** exponent) for level in range(256)]
    alpha = list(range(256)) if image.mode in ALPHA_MODES else []
    return image.point(table * (len(image.getbands()) - bool(alpha)) + alpha)


class ColorSpace:
    """What the stored numbers of one source mean."""

    def __init__(self, mode: str, profile: bytes | None) -> None:
        self.note = ""
        self._mode = mode
        self._transform: ImageCms.ImageCmsTransform | None = None
        color_mode = mode.removesuffix("A")
        if mode == "LAB":
            self._transform = _lab_to_srgb()
        elif profile:
            try:
                self._transform = _profile_to_srgb(profile, color_mode)
            except (ImageCms.PyCMSError, ValueError, OSError, TypeError) as error:
                self.note = f"ignored: {error}"

    @property
    def is_srgb(self) -> bool:
        """Whether the numbers are sRGB's as they are."""
        return self._transform is None and self._mode != "CMYK"

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """Return *image* with sRGB numbers: grey stays grey, alpha stays."""
        if image.mode in ALPHA_MODES:
            alpha = image.getchannel("A")
            color = self.to_srgb(image.convert(image.mode.removesuffix("A")))
            color.putalpha(alpha)
            return color
        if self._transform is None:
            return print_on_paper(image) if image.mode == "CMYK" else image
        if image.mode == "L":
            grey = image.convert(self._transform.input_mode)
            return self._transform.apply(grey).getchannel(0)
        return self._transform.apply(image)


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache(maxsize=1)
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return _transform(lab, "LAB")


@lru_cache(maxsize=8)
def _profile_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from *profile* to sRGB, or None if there is nothing to change."""
    opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    space = opened.profile.xcolor_space
    input_mode = _PROFILE_MODES.get(space)
    if input_mode is None or (input_mode != mode and (mode, input_mode) != ("L", "RGB")):
        raise ValueError(f"a profile for {space.strip() or 'nothing'} on a picture in {mode}")
    transform = _transform(opened, input_mode)
    return None if _changes_nothing(transform) else transform


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        _srgb(),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether a profile is sRGB in all but name: no colour moves by more than a level."""
    if transform.input_mode == "CMYK":
        return False
    levels = [*range(0, 256, 17)]
    grid = Image.frombytes(
        "RGB",
        (256, 16),
        bytes(v for r in levels for g in levels for b in levels for v in (r, g, b)),
    )
    if transform.input_mode == "L":
        grid = grid.getchannel(0).convert("RGB")
    moved = ImageChops.difference(transform.apply(grid.convert(transform.input_mode)), grid)
    return all(high <= 1 for _, high in cast("Bands", moved.getextrema()))


def drop_opaque_alpha(image: Image.Image) -> Image.Image:
    """Return *image* without its alpha channel if that hides nothing."""
    if image.mode not in ALPHA_MODES or alphas(image)[0] != _OPAQUE:
        return image
    return image.convert(image.mode.removesuffix("A"))

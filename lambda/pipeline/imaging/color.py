"""Stored colours to sRGB.

ICC profiles are applied with lcms, relative colorimetric with black point compensation: colours
within sRGB keep their values, and shadows their detail. Results carry no profile, because untagged
pictures are shown as sRGB everywhere (CSS Color 4, section 6.1).

CMYK without a profile is shown as a coated offset press would print it (after Neugebauer, 1937): a
patch of paper is covered by a random mixture of the overprints of its inks, so its colour is their
average weighted by area. The overprints, of no, half and full ink, and the gains were fitted to a
SWOP-coated characterisation: they are off by 3 to 4 levels on average, the complement
(255-C)(255-K)/255 by 14 to 27.
"""

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import TypeAlias, cast

from PIL import Image, ImageChops, ImageCms, ImageFilter

from pipeline.imaging.channels import ALPHA_MODES
from pipeline.imaging.profiles import CodePoints, without_stages

Bands: TypeAlias = tuple[tuple[int, int], ...]
Info: TypeAlias = Mapping[str | tuple[int, int], object]
"""What Pillow's images carry beside their pixels."""

Transforms: TypeAlias = tuple[ImageCms.ImageCmsTransform, ...]
"""To be applied one after the other; none changes nothing."""

_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}

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


class ColorSpace:
    """What the stored numbers of one source mean."""

    def __init__(self, mode: str, info: Info) -> None:
        """Read the *info* of an image in *mode*, in which "cicp" overrules "icc_profile"."""
        self.warnings: dict[str, object] = {}
        self._mode = mode
        self._transforms = self._declared(mode.removesuffix("A"), info)

    def _declared(self, mode: str, info: Info) -> Transforms:
        if mode == "LAB":
            return (_lab_to_srgb(),)
        points, profile = info.get("cicp"), info.get("icc_profile")
        if isinstance(points, CodePoints):
            if points.is_supported:
                return _points_to_srgb(points)
            if not points.is_unspecified:
                self.warnings["cicp"] = f"ignored: {points}"
        if not isinstance(profile, bytes) or not profile:
            return ()
        try:
            return _profile_to_srgb(profile, mode)
        except (ImageCms.PyCMSError, ValueError, OSError, TypeError) as error:
            self.warnings["icc_profile"] = f"ignored: {error}"
            return ()

    @property
    def is_srgb(self) -> bool:
        """Whether the stored numbers are sRGB's."""
        return not self._transforms and self._mode != "CMYK"

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """Return *image* with sRGB numbers: grey stays grey, alpha stays."""
        if image.mode in ALPHA_MODES:
            color = self.to_srgb(image.convert(image.mode.removesuffix("A")))
            color.putalpha(image.getchannel("A"))
            return color
        if not self._transforms:
            return cmyk_to_rgb(image) if image.mode == "CMYK" else image
        converted = image
        for transform in self._transforms:
            if converted.mode == "L":
                converted = converted.convert(transform.input_mode)
            converted = transform.apply(converted)
        return converted.getchannel(0) if image.mode == "L" else converted


def cmyk_to_rgb(image: Image.Image) -> Image.Image:
    """Return the RGB picture of a CMYK *image* without a profile."""
    cyan, magenta, yellow, black = image.point(_ink_areas()).split()
    inks = Image.merge("RGB", (cyan, magenta, yellow)).filter(_overprints())
    inks.paste(_FULL_BLACK, mask=black)
    return inks


@lru_cache(maxsize=1)
def _ink_areas() -> list[int]:
    return [round(255 * (1 - (1 - level / 255) ** gain)) for gain in _GAINS for level in range(256)]


@lru_cache(maxsize=1)
def _overprints() -> ImageFilter.Color3DLUT:
    return ImageFilter.Color3DLUT(_STEPS, [level / 255 for level in _OVERPRINTS])


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache(maxsize=1)
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    return _transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


@lru_cache(maxsize=8)
def _profile_to_srgb(profile: bytes, mode: str) -> Transforms:
    """Return the transforms from *profile* to sRGB, none if they would change nothing."""
    opened = _opened(without_stages(profile))
    space = opened.profile.xcolor_space
    input_mode = _PROFILE_MODES.get(space)
    if input_mode is None or (input_mode != mode and (mode, input_mode) != ("L", "RGB")):
        raise ValueError(f"a profile for {space.strip() or 'nothing'} on a picture in {mode}")
    transform = _transform(opened, input_mode)
    return () if _changes_nothing(transform) else (transform,)


@lru_cache(maxsize=4)
def _points_to_srgb(points: CodePoints) -> Transforms:
    """Return the transforms from *points* to sRGB, none if they would change nothing."""
    *tone_maps, shown = (_opened(profile) for profile in points.profiles())
    to_srgb = _transform(shown, "RGB")
    steps = [_transform(profile, "RGB", shown) for profile in tone_maps]
    return tuple(steps) if _changes_nothing(to_srgb) else (*steps, to_srgb)


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(profile))


def _transform(
    profile: ImageCms.ImageCmsProfile, mode: str, target: ImageCms.ImageCmsProfile | None = None
) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        target or _srgb(),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether a profile is equivalent to sRGB: no colour moves by more than a level."""
    if transform.input_mode == "CMYK":
        return False
    levels = range(0, 256, 17)
    colors = bytes(v for r in levels for g in levels for b in levels for v in (r, g, b))
    grid = Image.frombytes("RGB", (256, 16), colors)
    if transform.input_mode == "L":
        grid = grid.getchannel(0).convert("RGB")
    moved = ImageChops.difference(transform.apply(grid.convert(transform.input_mode)), grid)
    return all(high <= 1 for _, high in cast("Bands", moved.getextrema()))

"""Several sizes from one picture, each from the least that is enough for it."""

from dataclasses import replace

from PIL import Image

from pipeline.imaging.decode import Raster, needed_scale
from pipeline.imaging.geometry import WHOLE, Layout
from pipeline.imaging.orientation import UPRIGHT
from pipeline.imaging.resize import scaled

# A size is made from another if that is this much larger: each scaling blurs a little.
_ENOUGH = 1.3


class Cascade:
    """A decoded picture and the smaller ones made from it so far. Ask for the largest first."""

    def __init__(self, raster: Raster) -> None:
        self._rasters = [raster]

    @property
    def smallest(self) -> Raster:
        """The whole picture at the smallest size that was made."""
        return self._rasters[-1]

    def scaled(self, layout: Layout) -> Image.Image:
        """Return what *layout* shows of the picture: upright, in sRGB, not to be drawn on."""
        image = scaled(self._base(layout), layout.box, layout.size)
        if layout.box == WHOLE:
            self._keep(image)
        return image

    def _base(self, layout: Layout) -> Raster:
        picture = self._rasters[0].size
        needed = needed_scale(layout, picture) * _ENOUGH
        for raster in reversed(self._rasters[1:]):
            if min(raster.width / picture.width, raster.height / picture.height) >= needed:
                return raster
        return self._rasters[0]

    def _keep(self, image: Image.Image) -> None:
        made = replace(
            self._rasters[0],
            image=image,
            width=image.width,
            height=image.height,
            orientation=UPRIGHT,
            colors=None,
        )
        self._rasters.append(made)

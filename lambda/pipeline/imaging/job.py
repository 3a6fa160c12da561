"""One variant in the making: planned, drawn frame by frame, encoded at the end."""

from dataclasses import dataclass, field

from PIL import Image

from pipeline.imaging.aim import aimed
from pipeline.imaging.canvas import alike, flattened, placed
from pipeline.imaging.cascade import Cascade
from pipeline.imaging.decode import Raster
from pipeline.imaging.encode import Artwork, Motion
from pipeline.imaging.formats import ANIMATED_FORMATS, LONGEST_SIDE, output_format
from pipeline.imaging.geometry import WHOLE, Layout, lay_out, limited
from pipeline.imaging.modesty import encode_modestly
from pipeline.imaging.resize import sharpened
from pipeline.imaging.source import SourceImage
from pipeline.imaging.stages import Stage
from pipeline.imaging.watermark import stamped
from pipeline.model import Fit, Format, Picture, Position, Rendition, Style, Variant


@dataclass(slots=True, kw_only=True)
class Job:
    """What is planned for *variant*, and the frames that are drawn so far."""

    variant: Variant
    format: Format
    layout: Layout
    moves: bool
    notes: dict[str, object]
    images: list[Image.Image] = field(default_factory=list)

    def aim(self, raster: Raster) -> None:
        """Decide where to crop, if the variant leaves that to the picture in *raster*."""
        leaves_it = self.variant.fit is Fit.COVER and self.variant.position is None
        if leaves_it and self.layout.box != WHOLE:
            self.layout = aimed(self.layout, raster)

    def draw(self, cascade: Cascade, style: Style, stage: Stage) -> None:
        """Add the frame in *cascade*."""
        with stage("resize"):
            image = self._composed(cascade.scaled(self.layout), style)
        if self.variant.watermark and style.watermark is not None:
            with stage("watermark"):
                image = stamped(image, style.watermark)
        self.images.append(image)

    def finish(
        self, source: SourceImage, first: Raster, motion: Motion | None, copyright_: bytes
    ) -> Rendition:
        """Encode the frames, of which *first* was the first of *source*."""
        artwork = Artwork(
            images=alike(self.images),
            motion=motion if self.moves else None,
            copyright=copyright_,
        )
        encoded = encode_modestly(artwork, self.variant, self.format, source, first)
        return Rendition(
            variant=self.variant.name,
            body=encoded.body,
            format=self.format,
            size=self.layout.canvas,
            notes=self.notes | encoded.notes,
        )

    def _composed(self, image: Image.Image, style: Style) -> Image.Image:
        if self.variant.sharpen:
            image = sharpened(image)
        if self.format is Format.JPEG:
            image = flattened(image, style.background)
        position = self.variant.position or Position.CENTER
        return placed(image, self.layout, position, style.background)


def plan(variant: Variant, picture: Picture) -> Job:
    """Decide what to make of *picture* for *variant*."""
    format_ = output_format(variant, picture)
    wanted = lay_out(picture.size, variant)
    layout = limited(wanted, LONGEST_SIDE[format_])
    return Job(
        variant=variant,
        format=format_,
        layout=layout,
        moves=picture.frames > 1 and format_ in ANIMATED_FORMATS,
        notes={} if layout == wanted else {"limited_to": LONGEST_SIDE[format_]},
    )

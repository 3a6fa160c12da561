"""A result in its source's format and size is never larger in bytes than its source.

Where lossless coding of changed pixels cannot keep that, a note says by how much it is over.
"""

from pipeline.imaging.bare import bare
from pipeline.imaging.decode import Raster
from pipeline.imaging.encode import Artwork, Encoded, encode
from pipeline.imaging.source import SourceImage
from pipeline.model import Format, Variant


def encode_modestly(
    artwork: Artwork, variant: Variant, format_: Format, source: SourceImage, raster: Raster
) -> Encoded:
    """Encode *artwork*, which was made of *raster*, the first frame of *source*."""
    encoded = encode(artwork, variant, format_, variant.max_bytes)
    image = artwork.images[0]
    same_size = (image.width, image.height) == (raster.size.width, raster.size.height)
    if format_ is not source.picture.format or not same_size or len(encoded.body) <= source.length:
        return encoded
    limit = min(source.length, variant.max_bytes or source.length)
    if _is_untouched(artwork, variant, source, raster):
        copy = bare(source.content(), format_)
        if copy is not None and len(copy) <= limit:
            return Encoded(body=copy, notes={"copied": True})
    return encode(artwork, variant, format_, limit)


def _is_untouched(artwork: Artwork, variant: Variant, source: SourceImage, raster: Raster) -> bool:
    """Tell whether the source's own coding shows just what *artwork* shows."""
    return (
        raster.is_as_shown
        and not variant.watermark
        and not variant.sharpen
        and not artwork.copyright
        and (artwork.motion is None) == (source.picture.frames == 1)
    )

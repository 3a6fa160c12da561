"""Images in, images out: bytes to bytes. Knows no cloud, clock, environment or log."""

from pipeline.imaging.engine import engine
from pipeline.imaging.formats import output_format
from pipeline.imaging.render import render
from pipeline.imaging.source import SourceImage, open_image
from pipeline.imaging.stages import Stage
from pipeline.imaging.watermark import check_watermark

__all__ = [
    "SourceImage",
    "Stage",
    "check_watermark",
    "engine",
    "open_image",
    "output_format",
    "render",
]

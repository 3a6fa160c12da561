"""Images in, images out: bytes to bytes. Knows no cloud, clock, environment or log.

The engine is loaded on first use: callers that only ask for formats need no Pillow. No module may
have the name of a function below, because its import would hide the function.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.imaging.fingerprint import bundled_font, engine
    from pipeline.imaging.rendering import render
    from pipeline.imaging.source import SourceImage, open_image
    from pipeline.imaging.warmup import rehearse, warm_up
    from pipeline.imaging.watermark import check_watermark
else:
    _HOMES = {
        "SourceImage": "source",
        "bundled_font": "fingerprint",
        "check_watermark": "watermark",
        "engine": "fingerprint",
        "open_image": "source",
        "rehearse": "warmup",
        "render": "rendering",
        "warm_up": "warmup",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(name)
        return getattr(import_module(f"pipeline.imaging.{_HOMES[name]}"), name)


__all__ = [
    "SourceImage",
    "bundled_font",
    "check_watermark",
    "engine",
    "open_image",
    "rehearse",
    "render",
    "warm_up",
]

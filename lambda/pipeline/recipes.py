"""Recipes: hashes of everything besides the source that decides its images."""

import json
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from pipeline import imaging
from pipeline.model import Variant
from pipeline.settings import Settings


@cache
def source_recipe(settings: Settings) -> str:
    """Return the recipe that decides which images a source has."""
    recipes = [recipe(variant, settings) for variant in settings.variants]
    return sha256(json.dumps([settings.key_template, recipes]).encode()).hexdigest()


@cache
def recipe(variant: Variant, settings: Settings) -> str:
    """Return the recipe that decides how a rendition is published."""
    watermark = settings.style.watermark if variant.watermark else None
    if watermark:
        # By content: the path says nothing about it, and differs from one environment to another.
        watermark = replace(watermark, logo=_digest(watermark.logo), font=_digest(watermark.font))
    ingredients = [
        imaging.engine(),
        asdict(variant),
        asdict(replace(settings.style, watermark=watermark)),
        settings.cache_control,
    ]
    return sha256(json.dumps(ingredients).encode()).hexdigest()


def _digest(file: str | None) -> str | None:
    return sha256(Path(file).read_bytes()).hexdigest() if file else None

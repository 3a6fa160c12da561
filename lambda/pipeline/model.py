"""The values that travel through the pipeline. All are frozen; none knows where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from pipeline.errors import Rejected

Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255, in sRGB."""


class Format(StrEnum):
    """An image format, recognised by content."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    HEIC = "heic"
    TIFF = "tiff"
    BMP = "bmp"
    JPEG2000 = "jpeg2000"

    @property
    def extension(self) -> str:
        """The usual file name extension, with its dot."""
        return {"jpeg": ".jpg", "jpeg2000": ".jp2"}.get(self.value, f".{self.value}")

    @property
    def content_type(self) -> str:
        """The IANA media type."""
        return {"jpeg2000": "image/jp2"}.get(self.value, f"image/{self.value}")


class Fit(StrEnum):
    """How an image meets its box, by the names of CSS `object-fit` and sharp."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"


class Position(StrEnum):
    """Nine places in a picture."""

    TOP_LEFT = "top-left"
    TOP = "top"
    TOP_RIGHT = "top-right"
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom-right"


class Contrast(StrEnum):
    """What sets a text off from a picture of its own colour."""

    NONE = "none"
    OUTLINE = "outline"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A width and a height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One upload: this content of this key.

    *sequencer* orders the events of one key (hexadecimal, from the S3 event); it is empty where
    the event source gives none.
    """

    bucket: str
    key: str
    etag: str
    size: int
    sequencer: str = ""
    version: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether this is the empty object that consoles create to show a folder."""
        return self.size == 0 and self.key.endswith("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The removal of one source. *sequencer* is as in `Source`."""

    bucket: str
    key: str
    sequencer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One image to make of every upload. The fields are those of the `variants` variable."""

    name: str
    width: int | None
    height: int | None
    fit: Fit
    position: Position | None  # where `cover` crops and `contain` places; None is the busiest part
    enlarge: bool
    sharpen: bool
    format: Format | None  # None keeps the source's own
    quality: int | None  # 1 to 100; None is the format's own default
    full_chroma: bool
    lossless: bool
    palette: bool
    max_bytes: int | None
    watermark: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """A text or a logo drawn on results. The fields are those of the `watermark` variable."""

    text: str | None
    logo: str | None  # path of an image file
    font: str | None  # path of a font file; None is the bundled one
    position: Position | None  # None tiles it
    width_percent: float
    margin_percent: float
    opacity_percent: float
    rotation_degrees: float
    color: Color
    contrast: Contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What all variants of a deployment share."""

    watermark: Watermark | None
    background: Color  # under transparency where the output has none, and around `contain`
    keep_copyright: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a source may cost, checked before it is decoded."""

    source_bytes: int
    pixels: int  # over all frames
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a source turned out to be. *size* is that of the upright picture."""

    format: Format
    size: Size
    frames: int
    has_alpha: bool
    dominant_color: str = ""
    placeholder: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Picture":
        """Read what `dataclasses.asdict` and JSON made of one."""
        read = {"format": Format(fields["format"]), "size": Size(**fields["size"])}
        return cls(**{**fields, **read})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One finished image, in memory."""

    variant: str
    body: bytes
    format: Format
    size: Size
    notes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """All that was made of one source: what it showed, and a rendition per variant, in order."""

    picture: Picture
    renditions: tuple[Rendition, ...]


class Status(StrEnum):
    """How an upload ended, or a step of its way."""

    INSPECTED = "inspected"
    RENDERED = "rendered"  # one image of it

    PUBLISHED = "published"
    REMOVED = "removed"  # the images of a source that was removed
    CURRENT = "current"  # all of it was there already
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"  # a folder marker, or what the trigger does not look at
    UNREVIEWED = "unreviewed"  # left alone by a backfill
    REJECTED = "rejected"
    FAILED = "failed"  # for now: it will be tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One image of an upload, where it is now."""

    variant: str
    key: str
    format: Format
    width: int
    height: int
    bytes: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Published":
        """Read what `dataclasses.asdict` and JSON made of one."""
        return cls(**{**fields, "format": Format(fields["format"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one upload, or of the removal of one, or of a step of its way.

    *source* has its place in the order. *missing* are the names of the variants that it lacks.
    *images* are all that there are of it now, with the *etags* of their objects by key, and
    *published* those that were written just now. *recipe* is that of all of them together.
    """

    status: Status
    source: Source | Removal | None = None
    picture: Picture | None = None
    missing: tuple[str, ...] = ()
    images: tuple[Published, ...] = ()
    etags: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    published: tuple[Published, ...] = ()
    rejection: Rejected | None = None

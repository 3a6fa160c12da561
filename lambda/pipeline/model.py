"""The values that travel through the pipeline. All are frozen; none knows where it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, TypeAlias

from pipeline.errors import Rejected

Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255, in sRGB."""


Point: TypeAlias = tuple[float, float]
"""A place in a picture, in fractions of its width and height from the top left."""


MAX_OPTIONS: Final = 128


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


BROWSER_FORMATS: Final = frozenset({Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF})
"""The formats that every browser shows, which are those of results."""


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


class Cause(StrEnum):
    """Why a source is to be reconciled. It only matters if the source is missing."""

    UPLOAD = "upload"
    REMOVAL = "removal"
    LISTING = "listing"  # a backfill has listed it


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A source to reconcile, by its key: what it holds is for the source bucket to say.

    *version* and *occurred_at* are the event's, and explain a source that is missing. *etag* is
    what a listing has found. With a *reviewed_version* nothing but that version is published, or,
    with a *refusal*, rejected.
    """

    bucket: str
    key: str
    cause: Cause
    version: str = ""
    occurred_at: datetime | None = None
    etag: str = ""
    reviewed_version: str = ""
    refusal: str | None = None


def shortened(options: str) -> str:
    """Return `str` of `UploadOptions`, or a hash of it if that is longer than `MAX_OPTIONS`."""
    if len(options) <= MAX_OPTIONS:
        return options
    return f"sha256:{sha256(options.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """What an upload chooses for itself; *ignored* says which of its choices are invalid."""

    variants: tuple[str, ...] = ()  # empty for all
    watermark: bool = True
    focus: Point | None = None
    ignored: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """The valid choices, or their hash if they are long: S3 metadata has little room."""
        return shortened(str(self))

    def __str__(self) -> str:
        """The valid choices in one form, whatever the order and spelling in which they came."""
        chosen = {
            "variants": ",".join(self.variants),
            "watermark": "" if self.watermark else "off",
            "focus": "{:g},{:g}".format(*self.focus) if self.focus else "",
        }
        return " ".join(f"{name}={value}" for name, value in chosen.items() if value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a key of the source bucket holds now.

    *version* is the version id or, in a bucket without versioning, the time of the last change and
    the ETag.
    *etag* is empty if the object is encrypted with a customer's key, which hides it.
    """

    bucket: str
    key: str
    etag: str
    size: int
    version: str
    options: UploadOptions = UploadOptions()

    @property
    def identity(self) -> tuple[str, str]:
        """What decides its images, with the settings: its content and its options."""
        return self.etag, self.options.identity

    @property
    def is_folder(self) -> bool:
        """Whether this is the empty object that consoles create to show a folder."""
        return self.size == 0 and self.key.endswith("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One image to make of an upload.

    The fields are those of the `variants` variable. One that lists `widths` or `formats` is several
    of these, of the same name.
    """

    name: str
    width: int | None = None
    height: int | None = None
    aspect_ratio: tuple[int, int] | None = None
    """Decides the height, also of an image that is narrower than *width*."""
    fit: Fit = Fit.INSIDE
    position: Position | None = Position.CENTER
    """Where `cover` crops and `contain` places; None is the busiest part."""
    focus: Point | None = None
    """Where `cover` crops instead, if the upload says so."""
    enlarge: bool = False
    sharpen: bool = False
    format: Format | None = None
    """None keeps the source's own."""
    usual_extension: bool = False
    """Whether its key never has the extension as the upload writes it."""
    quality: int | None = None
    """1 to 100; None is the format's own default."""
    full_chroma: bool = False
    lossless: bool = False
    palette: bool = False
    max_bytes: int | None = None
    watermark: bool = True


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


class ExifFact(StrEnum):
    """What of a source's EXIF its record may keep."""

    DATE = "date"
    CAMERA = "camera"
    PLACE = "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What all variants of a deployment share."""

    watermark: Watermark | None
    background: Color  # under transparency where the output has none, and around `contain`
    keep_copyright: bool
    keep_provenance: bool
    exif_facts: tuple[ExifFact, ...]
    blurred_placeholder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a source may be and cost, checked before it is decoded."""

    source_bytes: int
    pixels: int  # over all frames
    memory_bytes: int
    formats: frozenset[Format] = frozenset(Format)


MOST_BLURRED_BYTES: Final = 1024
"""The most bytes of a blurred placeholder, which pages hold as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What a source turned out to be. *size* is that of the upright picture.

    *placeholder* is a ThumbHash in base64, *blurred_placeholder* a tiny picture as a data URL.
    *digital_source_type* is a term of IPTC's vocabulary of that name, empty if none is declared.
    """

    format: Format
    size: Size
    frames: int
    has_alpha: bool
    dominant_color: str = ""
    placeholder: str = ""
    blurred_placeholder: str = ""
    digital_source_type: str = ""
    has_c2pa: bool = False
    exif: Mapping[str, str] = field(default_factory=dict)
    warnings: Mapping[str, object] = field(default_factory=dict)

    def details(self) -> dict[str, object]:
        """Return what a rejection tells of it."""
        return {
            "format": self.format.value,
            "width": self.size.width,
            "height": self.size.height,
            "frames": self.frames,
        }

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "ImageInfo":
        """Read what `dataclasses.asdict` and JSON made of one."""
        read = {"format": Format(fields["format"]), "size": Size(**fields["size"])}
        return cls(**{**fields, **read})


def output_format(variant: Variant, info: ImageInfo) -> Format:
    """Return the format that *variant* has when it is made of the image in *info*."""
    if variant.format is not None:
        return variant.format
    if info.format in BROWSER_FORMATS:
        return info.format
    return Format.PNG if info.has_alpha else Format.JPEG


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One finished image, in memory."""

    variant: str
    body: bytes
    format: Format
    size: Size
    warnings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One source, decoded and drawn. Iterating encodes: once, while the source is open.

    *info* is complete. Each rendition comes as soon as it is encoded, in the order of the variants.
    """

    info: ImageInfo
    renditions: Iterator[Rendition]

    def __iter__(self) -> Iterator[Rendition]:
        return self.renditions


class Status(StrEnum):
    """How an upload ended, or what a step found."""

    INSPECTED = "inspected"  # by the first step of the workflow: nothing has ended yet
    PUBLISHED = "published"
    CURRENT = "current"  # every image was up to date
    REMOVED = "removed"  # the source is deleted, and its images are
    SUPERSEDED = "superseded"  # the source has changed, or is gone
    SKIPPED = "skipped"  # a folder marker, or nothing that the trigger covers
    UNREVIEWED = "unreviewed"  # left alone: no review has allowed it
    KEPT = "kept"  # by prune: an image that its source still has
    STALE = "stale"  # deleted by prune: no variant makes it any more
    GONE = "gone"  # found by prune: its source does not exist
    UNRESOLVED = "unresolved"  # found by prune: not known to be of this pipeline
    REJECTED = "rejected"
    FAILED = "failed"  # for now: it is retried


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One processed image, as stored."""

    variant: str
    key: str
    etag: str
    format: Format
    width: int
    height: int
    bytes: int
    warnings: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Image":
        """Read what `dataclasses.asdict` and JSON made of one."""
        return cls(**{**fields, "format": Format(fields["format"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How reconciling a source ended.

    *images* are all images of the source, *written* those that this run wrote, *missing* the names
    of the variants that an inspection found without an up-to-date image. *detail* says why nothing
    was done. *confirmed_at* is when S3 last said that the source is this one.
    """

    status: Status
    source: Source | None = None
    info: ImageInfo | None = None
    images: tuple[Image, ...] = ()
    written: tuple[Image, ...] = ()
    missing: tuple[str, ...] = ()
    rejection: Rejected | None = None
    detail: str = ""
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a request ended, and how long each stage took. *request* is None for an invalid event."""

    request: Request | None
    outcome: Outcome
    milliseconds: Mapping[str, float]
    error: Exception | None = None

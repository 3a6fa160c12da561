"""The one kind of metadata that results may keep: whose picture it is."""

from PIL import ExifTags, Image

_KEPT = (ExifTags.Base.Artist, ExifTags.Base.Copyright)


def copyright_of(image: Image.Image) -> bytes:
    """Return an EXIF block with the artist and copyright of *image*, empty if it names none."""
    kept = Image.Exif()
    try:
        exif = image.getexif()
        for tag in _KEPT:
            if exif.get(tag):
                kept[tag] = str(exif[tag])
        return kept.tobytes() if len(kept) else b""
    except Exception:  # noqa: BLE001 - whatever is wrong with a damaged block, it names nobody
        return b""

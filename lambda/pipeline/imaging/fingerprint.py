"""What decides pixels besides the settings: the engine and the bundled font. Loads no engine."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from pipeline.errors import ConfigurationError
from pipeline.model import Format

# Those of a Pillow wheel follow from its version; these are quick to ask where it is another build.
_CODECS = ("jpg", "jpg_2000", "libtiff", "littlecms2", "webp", "zlib")

_FONT_PACKAGE, _FONT_FILE = "fontpkg_open_sans", "files/OpenSans[wdth,wght].ttf"


@cache
def engine(source_format: Format) -> str:
    """Return a SHA-256 over what renders pictures of *source_format*.

    It covers this package's sources, Pillow with its codecs, and the decoder of that format.
    """
    decoder = _libheif() if source_format is Format.HEIC else []
    return sha256(f"{_common()} {decoder}".encode()).hexdigest()


def bundled_font() -> str:
    """Return the path of the font file that is part of the package."""
    spec = find_spec(_FONT_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"the package {_FONT_PACKAGE} with the watermark's font is missing"
        )
    return str(Path(spec.origin).parent / _FONT_FILE)


@cache
def _common() -> str:
    from PIL import __version__ as pillow_version
    from PIL import features

    digest = sha256(f"Pillow {pillow_version}\n".encode())
    for codec in _CODECS:
        digest.update(f"{codec} {features.version(codec)}\n".encode())
    folder = Path(__file__).parent
    for module in sorted(folder.rglob("*.py")):
        name = module.relative_to(folder).as_posix()
        digest.update(name.encode() + b"\0" + module.read_bytes())
    return digest.hexdigest()


def _libheif() -> list[str]:
    """Return the libraries of the HEIC decoder with their sizes, without loading them.

    In a wheel their names end in their versions and begin with a hash of their content.
    """
    return sorted(f"{path.name} {path.stat().st_size}" for path in _libheif_files())


def _libheif_files() -> Iterator[Path]:
    spec = find_spec("_pillow_heif")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin)
        yield from Path(spec.origin).parent.glob("pillow_heif.libs/*")

"""The identity of what decides pixels besides the settings."""

from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from PIL import __version__ as pillow_version
from PIL import features

# Those of a Pillow wheel follow from its version; these are quick to ask where it is another build.
_CODECS = ("jpg", "jpg_2000", "libtiff", "littlecms2", "webp", "zlib")


@lru_cache(maxsize=1)
def engine() -> str:
    """Return a SHA-256 over this package's sources, its codecs and its font."""
    digest = sha256(f"Pillow {pillow_version}\n".encode())
    for codec in _CODECS:
        digest.update(f"{codec} {features.version(codec)}\n".encode())
    for package in ("_pi_heif", "fontpkg_open_sans"):
        digest.update(f"{package} {_sizes(package)}\n".encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.name.encode() + b"\0" + module.read_bytes())
    return digest.hexdigest()


def _sizes(package: str) -> list[int]:
    """Return how large the files of *package* that matter are: another version has another size."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return sorted(path.stat().st_size for path in [origin, *origin.parent.glob("files/*.ttf")])

"""Check a watermark with the function's own code; package.py runs this with PACKAGE and JSON."""

import json
import sys

package, fields = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, package)

from pipeline.errors import ConfigurationError  # noqa: E402 - these are in the package
from pipeline.imaging import check_watermark  # noqa: E402 - likewise
from pipeline.model import Contrast, Watermark  # noqa: E402 - likewise

watermark = Watermark(
    text=fields.get("text"),
    logo=fields.get("logo"),
    font=fields.get("font"),
    # Whether it can be drawn does not depend on position or style.
    position=None,
    width_percent=100,
    margin_percent=0,
    opacity_percent=100,
    rotation_degrees=0,
    color=(0, 0, 0),
    contrast=Contrast.NONE,
)
try:
    check_watermark(watermark)
except ConfigurationError as error:
    sys.exit(str(error))

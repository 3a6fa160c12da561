"""Write a web page of the images that manifests list; their files lie beside it, by key."""

from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

from pipeline import markup
from pipeline.manifests import Manifest
from pipeline.model import Image

# As wide as the columns of the style sheet below.
_SIZES = "(min-width: 62rem) 29rem, (min-width: 40rem) calc(50vw - 2rem), calc(100vw - 2rem)"


def html(manifests: Iterable[Manifest]) -> str:
    """Return a page with one `<picture>` for each variant of each source."""
    figures = "\n".join(figure for manifest in manifests for figure in _figures(manifest))
    return _PAGE.format(figures=figures)


def _figures(manifest: Manifest) -> Iterator[str]:
    by_variant: dict[str, list[Image]] = {}
    for image in manifest.images:
        by_variant.setdefault(image.variant, []).append(image)
    for variant, images in by_variant.items():
        # Relative, so that the folder can be moved; colons and question marks are part of the name.
        urls = {image.key: quote(image.key) for image in images}
        name = escape(manifest.source_key)
        yield _FIGURE.format(
            color=manifest.info.dominant_color,
            picture=markup.picture(images, urls, _SIZES).replace('alt=""', f'alt="{name}"'),
            name=name,
            offer=f"{variant}: {_offer(images)}",
        )


def _offer(images: Iterable[Image]) -> str:
    formats = list(dict.fromkeys(image.format.value for image in images))
    widths = sorted({image.width for image in images})
    return f"{', '.join(formats)} at {', '.join(map(str, widths))} px"


_FIGURE = """\
<figure>
<div style="background: {color}">{picture}</div>
<figcaption><strong>{name}</strong><br>{offer}<br><output></output></figcaption>
</figure>"""

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>image-pipeline</title>
<style>
  :root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
  body {{ max-width: 60rem; margin: 1rem auto; padding: 0 1rem }}
  section {{ display: grid; gap: 2rem }}
  @media (min-width: 40rem) {{ section {{ grid-template-columns: 1fr 1fr }} }}
  figure {{ margin: 0; min-width: 0 }}
  figure div {{ width: fit-content; max-width: 100%; line-height: 0 }}
  img {{ max-width: 100%; height: auto }}
  figcaption {{ margin-top: 0.5rem; overflow-wrap: anywhere }}
</style>
<main>
<h1>image-pipeline</h1>
<p>Of the images in a manifest, a browser loads the one that fits its window and screen.</p>
<section>
{figures}
</section>
</main>
<script>
  // The load events of images do not bubble.
  document.addEventListener("load", ({{ target }}) => {{
    const name = decodeURIComponent(target.currentSrc.split("/").pop());
    target.closest("figure").querySelector("output").value = `loaded: ${{name}}`;
  }}, true);
</script>
</html>
"""

"""The page of examples/web-gallery in a real browser, with images from the pipeline."""

import http.server
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from pipeline.aws.client import CLIENT_CONFIG
from pipeline.model import Status
from playwright.sync_api import Browser, Page, expect

from tests.aws.test_reconcile import Bench
from tests.e2e.lifecycle import Rule, expire
from tests.e2e.upload_page import browser, violations
from tests.factories import picture, variants
from tools import ROOT
from tools.build.terraform_tests import Configuration
from tools.local import web_page
from tools.local.downloads import Downloads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["browser"]

EXAMPLE = ROOT / "examples" / "web-gallery"
CONFIGURED = (EXAMPLE / "main.tf").read_text()
BEACH, SUMMIT = "beach.jpg", "2026/a b+c%é.jpg"
NAVY, TEAL, RED, GREEN = (0, 0, 128), (0, 128, 128), (200, 0, 0), (0, 160, 0)
GRACE_DAYS = 7  # the default
NOW = datetime.now(UTC)

# The first of an image's `sizes` whose condition holds gives its width.
WIDTH_BY_SIZES = r"""sizes => {
  const [, , length] = sizes.split(", ").map(size => size.match(/^(\([^)]+\) )?(.+)$/))
    .find(([, condition]) => !condition || matchMedia(condition).matches);
  const box = document.body.appendChild(document.createElement("div"));
  box.style = `position: absolute; width: ${length}`;
  return box.getBoundingClientRect().width;
}"""


def configured(name: str) -> Any:
    """Return the settings in the example's main.tf that are written like JSON."""
    [value] = re.findall(rf'^ +{name} += (\[.+?\]|".+?")', CONFIGURED, re.MULTILINE)
    return json.loads(value)


@dataclass
class Site:
    """The page on one origin, and the processed bucket on another, as the CDN serves it."""

    s3: "S3Client"
    port: int = 0
    requests: list[tuple[str, int]] = field(default_factory=list)

    @property
    def photos(self) -> list[Mapping[str, str]]:
        """The contents of photos.json."""
        return [
            {"manifest": f"{self.cdn}/beach.json", "alt": "A beach"},
            {"manifest": f"{self.cdn}/2026/a%20b%2Bc%25%C3%A9.json", "alt": "A summit"},
            {"manifest": f"{self.cdn}/none.json", "alt": "A cat"},
        ]

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def cdn(self) -> str:
        return f"http://localhost:{self.port}"

    def respond(self, host: str, path: str, condition: str) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body."""
        if host.startswith("127.0.0.1"):
            return self._page(path)
        # The headers that modules/cdn configures.
        headers = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
        try:
            found = self.s3.get_object(Bucket="processed", Key=unquote(path[1:]))
        except ClientError:
            return 404, headers, b""
        headers |= {
            "Content-Type": found["ContentType"],
            "ETag": found["ETag"],
            "Cache-Control": found.get("CacheControl", ""),
        }
        if condition == found["ETag"]:
            return 304, headers, b""
        return 200, headers, found["Body"].read()

    def _page(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Cache-Control": "no-cache"}
        if path == "/":
            body = (EXAMPLE / "site" / "index.html").read_bytes()
            return 200, {**headers, "Content-Type": "text/html"}, body
        if path == "/photos.json":
            listed = json.dumps(self.photos).encode()
            return 200, {**headers, "Content-Type": "application/json"}, listed
        return 404, headers, b""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves a site and records the requests."""

    protocol_version = "HTTP/1.1"

    def __init__(self, site: Site, *arguments: Any) -> None:
        self.site = site
        super().__init__(*arguments)

    def do_GET(self) -> None:
        given = self.headers
        status, headers, body = self.site.respond(
            given["Host"], self.path, given.get("If-None-Match", "")
        )
        if self.path != "/favicon.ico":  # browsers request it on their own
            self.site.requests.append((self.path, status))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        # Tests on the local cloud may have run in this process.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        with mock_aws():
            s3 = boto3.client("s3", config=CLIENT_CONFIG)
            s3.create_bucket(Bucket="source")
            s3.create_bucket(Bucket="processed")
            s3.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": "Enabled"})
            yield from served(Site(s3))


def served(site: Site) -> Iterator[Site]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site))
    site.port = server.server_port
    threading.Thread(target=server.serve_forever).start()
    yield site
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Planned:
    """The Terraform plan for images under versioned keys."""

    cache_control: str
    rules: list[Rule]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    configuration = Configuration(tmp_path_factory.mktemp("terraform"))
    configuration.prepare()
    with configuration.provider():
        plans = dict(configuration.plans("manifest"))
    changes = plans["images_with_a_version_are_cached_for_a_year_and_tagged_when_replaced"]
    after = {change["address"]: change["change"]["after"] for change in changes}
    function = after["aws_lambda_function.processor"]
    return Planned(
        cache_control=function["environment"][0]["variables"]["CACHE_CONTROL"],
        rules=after["module.processed[0].aws_s3_bucket_lifecycle_configuration.cleanup"]["rule"],
    )


@pytest.fixture(scope="module")
def bench(site: Site, planned: Planned) -> Bench:
    """Return a pipeline with the settings of the example, and two photographs on the page."""
    gallery = {name: configured(name) for name in ("widths", "formats", "sizes")}
    bench = Bench(
        site.s3,
        VARIANTS=variants(gallery=gallery),
        KEY_TEMPLATE=configured("key_template"),
        CACHE_CONTROL=planned.cache_control,
        MANIFEST='{"max_age_seconds": 0}',  # the tests do not wait for a minute
        REMOVE_DELETED="true",
    )
    # The settings accept only https; to browsers, localhost is as secure a context.
    settings = replace(bench.pipeline.settings, cdn_url=site.cdn)
    bench.pipeline = replace(bench.pipeline, settings=settings)
    upload(bench, BEACH, NAVY)
    upload(bench, SUMMIT, TEAL)
    return bench


def upload(bench: Bench, key: str, color: tuple[int, int, int]) -> None:
    bench.put(key, picture(2000, 1000, color=color))
    assert bench.run(key).status is Status.PUBLISHED


@contextmanager
def opened(
    browser: Browser, site: Site, width: int = 1000, pixel_ratio: float = 1
) -> Iterator[Page]:
    """Open the page in a browser with an empty cache, and wait for its images."""
    site.requests.clear()
    context = browser.new_context(
        viewport={"width": width, "height": 2000}, device_scale_factor=pixel_ratio
    )
    page = context.new_page()
    page.goto(site.page)
    wait(page)
    yield page
    context.close()


def wait(page: Page) -> None:
    expect(page.locator("img")).to_have_count(2)
    page.wait_for_function("[...document.images].every(image => image.complete)")


def loaded(page: Page) -> list[str]:
    """Return the keys of the images on the page, which are all fully loaded."""
    images = page.locator("img")
    assert all(images.evaluate_all("images => images.map(image => image.naturalWidth)"))
    urls = images.evaluate_all("images => images.map(image => image.currentSrc)")
    return [unquote(urlsplit(url).path[1:]) for url in urls]


def is_image(path: str) -> bool:
    return path.endswith((".avif", ".webp", ".jpg"))


# The page has one column below 640 px and two above, which stop growing at 616 px.
@pytest.mark.parametrize(
    ("window", "pixel_ratio", "width"),
    [(340, 1, 320), (340, 2, 640), (620, 1, 640), (360, 3, 1280), (1000, 1, 640), (1600, 3, 1920)],
)
def test_browsers_load_the_width_that_fits_and_nothing_else(
    bench: Bench, browser: Browser, site: Site, window: int, pixel_ratio: float, width: int
) -> None:
    with opened(browser, site, window, pixel_ratio) as page:
        keys = loaded(page)
    assert [re.sub("[0-9a-f]{16}", "…", key) for key in keys] == [
        f"beach-{width}-….avif",
        f"2026/a b+c%é-{width}-….avif",
    ]
    assert sorted(unquote(path[1:]) for path, _ in site.requests if is_image(path)) == sorted(keys)


@pytest.mark.parametrize("window", [340, 639, 640, 1000, 1279, 1280, 2000])
def test_the_configured_sizes_are_those_of_the_page(
    bench: Bench, browser: Browser, site: Site, window: int
) -> None:
    with opened(browser, site, window) as page:
        shown = page.locator("img").first.evaluate("image => image.getBoundingClientRect().width")
        assert page.evaluate(WIDTH_BY_SIZES, configured("sizes")) == pytest.approx(shown, abs=1)


def test_an_image_area_has_its_colour_until_the_image_loads(
    bench: Bench, browser: Browser, site: Site
) -> None:
    manifest = bench.s3.get_object(Bucket="processed", Key="2026/a b+c%é.json")["Body"].read()
    color = tuple(bytes.fromhex(json.loads(manifest)["dominant_color"][1:]))
    with opened(browser, site) as page:
        image = page.locator("img").nth(1)
        assert image.evaluate("image => image.style.backgroundColor") == f"rgb{color}"


def test_the_page_is_accessible(bench: Bench, browser: Browser, site: Site) -> None:
    with opened(browser, site) as page:
        assert violations(page) == ""
        images = page.locator("img").evaluate_all("images => images.map(image => image.alt)")
        assert images == ["A beach", "A summit"]


def test_a_missing_photograph_does_not_hide_the_others(
    bench: Bench, browser: Browser, site: Site
) -> None:
    with opened(browser, site) as page:
        expect(page.get_by_role("listitem").last).to_have_text("A cat (not available)")
        assert len(loaded(page)) == 2


def test_after_an_overwrite_nothing_is_fetched_twice(
    bench: Bench, browser: Browser, site: Site
) -> None:
    with opened(browser, site) as page:
        old_beach, summit = loaded(page)
        site.requests.clear()
        upload(bench, BEACH, RED)
        page.reload()
        wait(page)
        new_beach, same_summit = loaded(page)
    assert new_beach != old_beach
    assert same_summit == summit
    assert Counter(site.requests) == {
        ("/", 200): 1,
        ("/photos.json", 200): 1,
        ("/beach.json", 200): 1,
        ("/2026/a%20b%2Bc%25%C3%A9.json", 304): 1,
        ("/none.json", 404): 1,
        (f"/{new_beach}", 200): 1,
    }


def test_replaced_images_live_as_long_as_pages_may_show_them(
    bench: Bench, browser: Browser, site: Site, planned: Planned
) -> None:
    with opened(browser, site) as page:
        [old, summit] = loaded(page)
        shown_before = page.locator("picture").first.evaluate("picture => picture.outerHTML")
    upload(bench, BEACH, GREEN)

    assert expire(site.s3, "processed", planned.rules, NOW + timedelta(days=GRACE_DAYS)) == []
    with opened(browser, site) as page:
        new = loaded(page)
        # A page that was opened before the overwrite and scrolls to the image only now.
        page.locator("ul").evaluate("(list, html) => { list.innerHTML = html }", shown_before)
        page.wait_for_function("document.images[0].complete")
        assert loaded(page) == [old]

    expired = expire(site.s3, "processed", planned.rules, NOW + timedelta(days=GRACE_DAYS + 2))
    assert old in expired
    assert not any(key.startswith("2026/") or key.endswith(".json") for key in expired)
    with opened(browser, site) as page:
        assert loaded(page) == new == [new[0], summit]
        assert page.request.get(f"{site.cdn}/{old}").status == 404


def test_the_page_of_the_demo_shows_images_from_files(
    bench: Bench, browser: Browser, tmp_path: Path
) -> None:
    downloads = Downloads(bench.s3, "processed", tmp_path)
    listed = [downloads.manifest(key, {}) for key in (SUMMIT, BEACH)]
    (tmp_path / "index.html").write_text(web_page.html(listed))
    with browser.new_page(viewport={"width": 400, "height": 800}) as page:
        page.goto((tmp_path / "index.html").as_uri())
        wait(page)
        expect(page.locator("output").first).to_have_text(
            re.compile("loaded: a b.c%é-640-[0-9a-f]{16}.avif")
        )
        assert violations(page) == ""

"""The upload page in a real browser: fixtures of its tests, and a fake API."""

import base64
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import (
    Browser,
    FilePayload,
    Locator,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

from tests.e2e.upload_api import MAX_MEGABYTES, UploadApi

VARIANTS = {"small": {"width": 300}, "web": {"width": 900, "format": "webp"}}

PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

# Options to run in a container and to send no requests except those of the page.
FLAGS = [
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

PATIENCE_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    given = os.environ.get("CHROMIUM")
    program = given or next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, "Chromium is needed: apt-get install chromium, or set CHROMIUM to its path"
    expect.set_options(timeout=PATIENCE_MILLISECONDS)  # other tests run at the same time
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def public(upload_api: UploadApi) -> None:
    upload_api.ask_for(VARIANTS, public=True)


@pytest.fixture
def page(browser: Browser, upload_api: UploadApi, public: None) -> Iterator[Page]:
    """Open the page, which must not log anything to the console."""
    context = browser.new_context(
        # The browser does not know the authority of the local cloud.
        ignore_https_errors=True,
        viewport={"width": 1240, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(upload_api.address)
    expect(page.locator("#limit")).to_contain_text(f"at most {MAX_MEGABYTES} MB each")
    yield page
    context.close()
    # The browser logs every refused request; tests decide which are expected.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def violations(page: Page) -> str:
    """Return the accessibility problems that axe-core finds in the page."""
    results = Axe().run(page)
    return results.generate_report() if results.violations_count else ""


def card(page: Page, name: str) -> Locator:
    """Return the card of the file *name*."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def encoded(image: Image.Image, format_: str = "JPEG") -> bytes:
    """Return *image* as a file."""
    file = io.BytesIO()
    image.save(file, format_)
    return file.getvalue()


def upload(name: str, content: bytes, declared: str = "image/jpeg") -> FilePayload:
    """Return a file that a user chooses."""
    return {"name": name, "mimeType": declared, "buffer": content}


PICTURE = Image.new("RGB", (400, 200), "teal")
PHOTOGRAPH = encoded(PICTURE)

SHOWN_AT_ONCE = "data:image/jpeg;base64," + base64.b64encode(PHOTOGRAPH).decode()


def ready(url: str = SHOWN_AT_ONCE, placeholder: str = "") -> dict[str, Any]:
    """Return the API's response for a finished image at *url*."""
    shape = {"width": PICTURE.width, "height": PICTURE.height}
    variant = {"variant": "web", "url": url, "content_type": "image/jpeg", "bytes": 500, **shape}
    return {
        "key": "key",
        "status": "ready",
        "placeholder": placeholder,
        "variants": [variant],
        "expires_in": 3600,
        **shape,
    }


@dataclass
class FakeApi:
    """Responds to the page instead of the API and the bucket.

    The next poll gets the next of *polls*, if there is one; it is given a route to answer.
    """

    page: Page
    polls: list[Callable[[Route], None]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=ready)
    forms: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0

    def __post_init__(self) -> None:
        self.page.route("**/uploads", self._hand_out)
        self.page.route("**/bucket", self._take)
        self.page.route("**/images/*", self._tell)

    def _hand_out(self, route: Route, request: Request) -> None:
        self.forms.append(json.loads(request.post_data or ""))
        form = {"url": f"{self.page.url}bucket", "fields": {"key": "key"}}
        status_url = f"images/{len(self.forms)}"
        response = {"key": "key", "upload": form, "status_url": status_url, "expires_in": 300}
        route.fulfill(status=201, json=response)

    def _take(self, route: Route) -> None:
        self.posts += 1
        route.fulfill(status=204)

    def _tell(self, route: Route) -> None:
        if self.polls:
            self.polls.pop(0)(route)
        else:
            route.fulfill(json=self.result)


@pytest.fixture
def fake_api(page: Page) -> FakeApi:
    return FakeApi(page)

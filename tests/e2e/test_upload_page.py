"""The upload page in a real browser: photographs, files that are none, keyboard and contrast."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from tests.e2e.upload_api import MAX_MEGABYTES, UploadApi

SAMPLES = Path(__file__).parents[2] / "tools" / "samples"
PHOTOGRAPHS = [SAMPLES / name for name in ("coffee.png", "rocket.jpg", "hubble_deep_field.jpg")]

VARIANTS = {"small": {"width": 300}, "web": {"width": 900, "format": "webp"}}

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"

PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

# What a browser needs to run in a container, and to ask nobody but the page.
FLAGS = [
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

PATIENCE_MILLISECONDS = 60_000


@pytest.fixture(scope="module", autouse=True)
def public(upload_api: UploadApi) -> None:
    upload_api.ask_for(VARIANTS, public=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    given = os.environ.get("CHROMIUM")
    program = given or next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, "Chromium is needed: apt-get install chromium, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, upload_api: UploadApi) -> Iterator[Page]:
    """Open the page, which must never say anything on the console."""
    context = browser.new_context(
        # The browser does not know the authority of the local cloud.
        ignore_https_errors=True,
        viewport={"width": 1100, "height": 800},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(upload_api.address)
    expect(page.locator("#limit")).to_have_text(f"At most {MAX_MEGABYTES} MB each.")
    yield page
    context.close()
    # A browser reports every refused request; which are expected is for the tests to say.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def violations(page: Page) -> str:
    """Return what axe-core finds wrong with the page, in words."""
    results = Axe().run(page)
    return results.generate_report() if results.violations_count else ""


def card(page: Page, name: str) -> Locator:
    """Return what is shown of the file of that *name*."""
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_photographs_come_out_and_other_files_are_explained(
    page: Page, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    text, large = tmp_path / "text.jpg", tmp_path / "large.jpg"
    text.write_text("no picture")
    with large.open("wb") as file:
        file.truncate(25_000_000)
    assert violations(page) == ""

    page.set_input_files("#files", [large, text, *PHOTOGRAPHS])

    for photograph in PHOTOGRAPHS:
        result = card(page, photograph.name)
        expect(result).to_contain_text("Done:", timeout=PATIENCE_MILLISECONDS)
        expect(result.get_by_role("slider")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
        expect(result.get_by_role("link")).to_have_text(["small", "web"])
    expect(card(page, "text.jpg")).to_contain_text("none of the kinds of image")
    expect(card(page, "large.jpg")).to_contain_text("it has 25 MB, and at most 20 MB are allowed")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    assert violations(page) == ""
    screenshot(page, f"page-{scheme}")


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the page, small enough to be kept in a repository."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=file, full_page=True)
    with Image.open(file) as image:
        image.convert("RGB").quantize(256).save(file, optimize=True)


def test_the_slider_uncovers_the_original(page: Page) -> None:
    page.set_input_files("#files", PHOTOGRAPHS[1])
    slider = page.get_by_role("slider")
    slider.fill("25", timeout=PATIENCE_MILLISECONDS)
    after = page.get_by_alt_text("rocket.jpg, processed")
    expect(after).to_have_css("clip-path", "inset(0px 0px 0px 25%)")


def test_a_link_is_copied_and_leads_to_the_image(page: Page, upload_api: UploadApi) -> None:
    page.set_input_files("#files", PHOTOGRAPHS[1])
    page.get_by_role("button", name="Copy link to small").click(timeout=PATIENCE_MILLISECONDS)
    expect(page.get_by_role("status")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert upload_api.get(link).status == 200


def test_the_keyboard_is_enough(page: Page) -> None:
    # Before anything is pressed: a browser that is told too late opens a dialogue of its own.
    page.on("filechooser", lambda chooser: chooser.set_files(PHOTOGRAPHS[1]))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    page.keyboard.press("Enter")
    expect(page.get_by_role("slider")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert reached == ["", "small", "Copy link", "web", "Copy link"]


def test_files_can_be_dropped_and_pasted(page: Page) -> None:
    files = """(name) => {
        const data = new DataTransfer();
        data.items.add(new File(["no picture"], name, { type: "image/jpeg" }));
        return data;
    }"""
    dropped = page.evaluate_handle(files, "dropped.jpg")
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    pasted = page.evaluate_handle(files, "pasted.jpg")
    paste = """(data) => document.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true }))"""
    page.evaluate(paste, pasted)
    for name in ("dropped.jpg", "pasted.jpg"):
        expect(card(page, name)).to_contain_text("none of the kinds", timeout=PATIENCE_MILLISECONDS)


def test_what_was_interrupted_is_tried_again(page: Page) -> None:
    page.route("**/uploads", lambda route: route.fulfill(status=503, json={"detail": "Busy."}))
    page.set_input_files("#files", PHOTOGRAPHS[1])
    expect(card(page, "rocket.jpg")).to_contain_text("Busy.")
    page.unroute("**/uploads")
    page.get_by_role("button", name="Try again").click()
    expect(card(page, "rocket.jpg")).to_contain_text("Done:", timeout=PATIENCE_MILLISECONDS)


def test_a_token_is_asked_for_and_sent(page: Page) -> None:
    sent = []

    def refuse(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        route.fulfill(status=401, json={"message": "Unauthorized"})

    page.route("**/uploads", refuse)
    page.set_input_files("#files", PHOTOGRAPHS[1])
    page.get_by_role("textbox", name="Access token").fill("secret")
    assert violations(page) == ""
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox")).to_be_visible()
    assert sent == [None, "Bearer secret"]


def test_the_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 600})
    page.set_input_files("#files", PHOTOGRAPHS[1])
    expect(page.get_by_role("slider")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

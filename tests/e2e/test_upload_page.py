"""The upload page with the real API: photographs, other files, keyboard and contrast."""

import re
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.upload_api import UploadApi
from tests.e2e.upload_page import PATIENCE_MILLISECONDS, card, violations
from tests.e2e.upload_page import browser as browser
from tests.e2e.upload_page import page as page
from tests.e2e.upload_page import public as public

SAMPLES = Path(__file__).parents[2] / "tools" / "samples"
PHOTOGRAPHS = [SAMPLES / name for name in ("coffee.png", "rocket.jpg", "hubble_deep_field.jpg")]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_photographs_are_processed_and_other_files_explained(
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
        expect(result).to_contain_text(re.compile(r"Links work until \d+:\d\d"))
    expect(card(page, "text.jpg")).to_contain_text("not in an image format")
    expect(card(page, "large.jpg")).to_contain_text(
        "The file is too large: 25 MB; at most 20 MB are allowed"
    )
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.locator("#tally")).to_have_text("3 of 5 done, 2 refused")
    assert violations(page) == ""
    screenshot(page, f"upload-page-{scheme}")


def screenshot(page: Page, name: str) -> None:
    """Save a screenshot of the page, small enough for a repository."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    file = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=file, full_page=True, animations="disabled")
    with Image.open(file) as image:
        image.convert("RGB").save(file.with_suffix(".webp"), quality=85, method=6)
    file.unlink()


def test_a_link_is_copied_and_leads_to_the_image(page: Page, upload_api: UploadApi) -> None:
    page.set_input_files("#files", PHOTOGRAPHS[1])
    page.get_by_role("button", name="Copy link to small").click(timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("#announcer")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert upload_api.get(link).status == 200


def test_the_page_works_by_keyboard(page: Page) -> None:
    # Listen before the key is pressed, or the browser opens its own dialog.
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
        expect(card(page, name)).to_contain_text(
            "not in an image format", timeout=PATIENCE_MILLISECONDS
        )


@pytest.mark.parametrize("width", [320, 390])
def test_the_page_fits_a_phone(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.set_input_files("#files", PHOTOGRAPHS[1])
    expect(page.get_by_role("slider")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == ""
    for target in page.locator(".pick, a, button:visible").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44, target.text_content()

"""The upload page on a phone, and with an unreliable connection."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.upload_page import PHOTOGRAPH, FakeApi, browser, card, upload

__all__ = ["browser"]

ADDRESS = "https://pictures.example/"
PAGE = Path(__file__).parents[2] / "lambda" / "pipeline" / "web" / "page.html"
LIMITS = {"content_type": {"enum": ["image/jpeg"]}, "size": {"maximum": 20_000_000}}
DESCRIPTION = {"components": {"schemas": {"Upload": {"properties": LIMITS}}}}

Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open the page without a server; all responses are fake."""
    contexts: list[BrowserContext] = []

    def open_page(**device: object) -> Page:
        context = browser.new_context(**device)  # type: ignore[arg-type] # the options of a device
        contexts.append(context)
        page = context.new_page()
        page.route(f"{ADDRESS}**", lambda route: route.fulfill(status=404))
        page.route(ADDRESS, lambda route: route.fulfill(path=PAGE, content_type="text/html"))
        page.route("**/openapi.json", lambda route: route.fulfill(json=DESCRIPTION))
        page.goto(ADDRESS)
        return page

    yield open_page
    for context in contexts:
        context.close()


PHONE = {
    "viewport": {"width": 320, "height": 640},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


def test_a_phone_does_not_offer_to_drop_or_paste(visit: Visit) -> None:
    page = visit(**PHONE)

    expect(page.get_by_text("Choose images")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("drop")
    expect(page.locator("body")).not_to_contain_text("paste")
    expect(page.locator("#files")).to_have_accessible_description("JPEG; at most 20 MB each")


def test_a_computer_offers_to_drop_and_paste(visit: Visit) -> None:
    expect(visit().get_by_text("or drop them here, or paste them")).to_be_visible()


def test_numbers_stay_on_a_line_with_their_units(visit: Visit) -> None:
    page = visit(**PHONE)
    FakeApi(page)
    page.set_input_files("#files", upload("cat.jpg", PHOTOGRAPH))
    expect(card(page, "cat.jpg")).to_contain_text("Done")

    text = page.locator("body").evaluate("body => body.innerText")

    assert "20\N{NO-BREAK SPACE}MB" in text
    assert "500\N{NO-BREAK SPACE}bytes" in text
    assert "%\N{NO-BREAK SPACE}smaller" in text


def test_an_upload_resumes_when_the_connection_is_back(visit: Visit) -> None:
    page = visit(**PHONE)
    api = FakeApi(page)
    page.route("**/uploads", lambda route: route.abort("internetdisconnected"))
    page.context.set_offline(True)
    page.set_input_files("#files", upload("cat.jpg", PHOTOGRAPH))
    expect(card(page, "cat.jpg")).to_contain_text("continues when it is back")

    page.unroute("**/uploads")
    page.route("**/uploads", api._hand_out)
    page.context.set_offline(False)

    expect(card(page, "cat.jpg")).to_contain_text("Done")
    assert api.posts == 1


def test_a_refused_upload_is_not_resumed_when_the_connection_is_back(
    visit: Visit,
) -> None:
    page = visit(**PHONE)
    api = FakeApi(page)
    page.route("**/uploads", lambda route: route.fulfill(status=403, json={}))
    page.set_input_files("#files", upload("cat.jpg", PHOTOGRAPH))
    expect(card(page, "cat.jpg")).to_contain_text("This is not allowed.")

    page.unroute("**/uploads")
    page.route("**/uploads", api._hand_out)
    page.context.set_offline(True)
    page.context.set_offline(False)

    page.wait_for_timeout(500)
    assert api.posts == 0

"""How the upload page handles faults, with a fake API."""

import base64
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect
from thash import rgba_to_thumb_hash

from tests.e2e.upload_api import UploadApi
from tests.e2e.upload_page import (
    PHOTOGRAPH,
    PICTURE,
    FakeApi,
    card,
    encoded,
    ready,
    upload,
    violations,
)
from tests.e2e.upload_page import browser as browser
from tests.e2e.upload_page import fake_api as fake_api
from tests.e2e.upload_page import page as page
from tests.e2e.upload_page import public as public

NAME = "photo.jpg"

LEFT, RIGHT = (170, 90, 70), (70, 90, 170)


def choose(page: Page) -> Locator:
    """Upload one photograph and return its card."""
    page.set_input_files("#files", upload(NAME, PHOTOGRAPH))
    return card(page, NAME)


def html(route: Route) -> None:
    route.fulfill(status=200, content_type="text/html", body="<p>Please sign in to the network")


passing_faults = pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda route: route.fulfill(status=503, json={}), id="503"),
        pytest.param(lambda route: route.fulfill(status=429, json={}), id="429"),
        pytest.param(lambda route: route.abort(), id="no network"),
        pytest.param(html, id="not JSON"),
    ],
)


@passing_faults
def test_a_failed_poll_is_repeated(
    page: Page, fake_api: FakeApi, fault: Callable[[Route], None]
) -> None:
    fake_api.polls = [fault]
    expect(choose(page)).to_contain_text("Done:")
    assert len(fake_api.forms) == 1


@passing_faults
def test_a_failed_request_for_a_form_is_repeated(
    page: Page, fake_api: FakeApi, fault: Callable[[Route], None]
) -> None:
    page.route("**/uploads", fault, times=2)
    expect(choose(page)).to_contain_text("Done:")
    assert (len(fake_api.forms), fake_api.posts) == (1, 1)


def test_a_request_for_a_form_that_keeps_failing_is_given_up(page: Page) -> None:
    requests: list[Route] = []

    def abort(route: Route) -> None:
        requests.append(route)
        route.abort()

    page.route("**/uploads", abort)
    expect(choose(page)).to_contain_text("The server cannot be reached.")
    assert len(requests) == 4


def test_a_retry_after_the_upload_does_not_upload_again(page: Page, fake_api: FakeApi) -> None:
    fake_api.polls = [lambda route: route.fulfill(status=403, json={})]
    photo = choose(page)
    expect(photo).to_contain_text("This is not allowed.")
    photo.get_by_role("button", name="Try again").click()
    expect(photo).to_contain_text("Done:")
    assert (len(fake_api.forms), fake_api.posts) == (1, 1)


def test_an_upload_that_has_disappeared_is_uploaded_again(page: Page, fake_api: FakeApi) -> None:
    fake_api.polls = [lambda route: route.fulfill(status=404, json={})]
    photo = choose(page)
    expect(photo).to_contain_text("The upload is no longer there.")
    photo.get_by_role("button", name="Try again").click()
    expect(photo).to_contain_text("Done:")
    assert (len(fake_api.forms), fake_api.posts) == (2, 2)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(html, id="not JSON"),
        pytest.param(lambda route: route.fulfill(status=200, json={}), id="no form"),
    ],
)
def test_an_unexpected_response_is_explained(page: Page, response: Callable[[Route], None]) -> None:
    page.route("**/uploads", response)
    expect(choose(page)).to_contain_text("The server sent an unexpected response.")


def test_an_upload_that_the_bucket_refuses_can_be_retried(page: Page, fake_api: FakeApi) -> None:
    page.route("**/bucket", lambda route: route.fulfill(status=403), times=1)
    photo = choose(page)
    expect(photo).to_contain_text("The upload failed. Try again.")
    assert violations(page) == ""
    photo.get_by_role("button", name="Try again").click()
    expect(photo).to_contain_text("Done:")


def test_a_retry_keeps_the_focus_in_its_card(page: Page, fake_api: FakeApi) -> None:
    page.route(
        "**/uploads", lambda route: route.fulfill(status=400, json={"detail": "No."}), times=1
    )
    photo = choose(page)
    expect(photo).to_contain_text("No.")
    photo.get_by_role("button", name="Try again").press("Enter")
    expect(photo.get_by_role("heading")).to_be_focused()
    expect(photo).to_contain_text("Done:")
    expect(photo.get_by_role("heading")).to_be_focused()


def test_the_page_asks_for_a_token_until_one_is_accepted(page: Page, fake_api: FakeApi) -> None:
    sent: list[str | None] = []

    def guard(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        if sent[-1] == "Bearer right":
            route.fallback()
        else:
            route.fulfill(status=401, json={"message": "Unauthorized"})

    page.route("**/uploads", guard)
    photo = choose(page)
    field = page.get_by_role("textbox", name="Access token")
    expect(field).to_have_accessible_description("Sign in to upload.")
    assert violations(page) == ""
    for token in ("wrong", "right"):
        field.fill(token)
        page.keyboard.press("Enter")
        if token == "wrong":
            expect(field).to_have_accessible_description("This token was not accepted.")
            expect(field).to_be_focused()
    expect(photo).to_contain_text("Done:")
    expect(field).to_be_hidden()
    assert sent == [None, "Bearer wrong", "Bearer right"]


class HeldImage:
    """A result whose image loads only when the test says so."""

    def __init__(self, page: Page, upload_api: UploadApi) -> None:
        self.url = f"{upload_api.pipeline.cloud.endpoint}/result.jpg"
        self._routes: list[Route] = []
        page.route(self.url, lambda route: self._routes.append(route))

    def arrive(self) -> None:
        for route in self._routes:
            route.fulfill(body=PHOTOGRAPH, content_type="image/jpeg")

    def fail(self) -> None:
        for route in self._routes:
            route.fulfill(status=403)


@pytest.fixture
def held(page: Page, upload_api: UploadApi, fake_api: FakeApi) -> HeldImage:
    """Make every image one of two colours that waits to be shown."""
    halves = Image.new("RGBA", (16, 8), LEFT)
    halves.paste(RIGHT, (8, 0, 16, 8))
    held = HeldImage(page, upload_api)
    fake_api.result = ready(held.url, placeholder(halves))
    return held


def placeholder(image: Image.Image) -> str:
    hash_ = rgba_to_thumb_hash(image.width, image.height, list(image.tobytes()))
    return base64.b64encode(bytes(hash_)).decode()


def test_a_placeholder_replaces_what_the_browser_cannot_show(
    page: Page, fake_api: FakeApi, held: HeldImage
) -> None:
    page.set_input_files("#files", upload("scan.tif", encoded(PICTURE, "TIFF"), "image/tiff"))
    canvas = page.locator("canvas")
    expect(page.locator("#tally")).to_have_text("1 of 1 done")
    expect(canvas).to_be_visible()
    # The hash holds little more than colours, which its algorithm intensifies.
    left, right = painted(canvas)
    assert left == pytest.approx([*LEFT, 255], abs=40)
    assert right == pytest.approx([*RIGHT, 255], abs=40)
    held.arrive()
    expect(canvas).to_be_hidden()
    expect(page.get_by_alt_text("scan.tif, processed")).to_be_visible()


def painted(canvas: Locator) -> list[list[int]]:
    """Return two colours from the middle row of *canvas*, an eighth of it from either side."""
    row: list[int] = canvas.evaluate(
        """canvas => [...canvas.getContext("2d")
            .getImageData(0, Math.floor(canvas.height / 2), canvas.width, 1).data]"""
    )
    eighth = len(row) // 32 * 4
    return [row[eighth:][:4], row[-eighth:][:4]]


def test_a_placeholder_never_hides_something_sharper(page: Page, held: HeldImage) -> None:
    photo = choose(page)
    expect(photo).to_contain_text("Done:")
    expect(page.locator(".has-before")).to_be_visible()
    expect(page.locator("canvas")).to_be_hidden()
    held.arrive()
    expect(photo.get_by_role("slider")).to_be_visible()
    expect(page.locator("canvas")).to_be_hidden()


def test_a_result_that_cannot_be_shown_does_not_stay_blurred(page: Page, held: HeldImage) -> None:
    photo = choose(page)
    expect(photo).to_contain_text("Done:")
    held.fail()
    expect(photo.get_by_text("The result cannot be shown here; open its link.")).to_be_visible()
    expect(page.locator("canvas")).to_be_hidden()
    expect(photo.get_by_role("link")).to_be_visible()

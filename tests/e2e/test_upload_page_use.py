"""How people use the upload page: choose, drag, slide, copy. The API is fake."""

import base64
import json

import pytest
from playwright.sync_api import FloatRect, Locator, Page, Route, expect

from tests.e2e.upload_page import PHOTOGRAPH, FakeApi, card, upload, violations
from tests.e2e.upload_page import browser as browser
from tests.e2e.upload_page import fake_api as fake_api
from tests.e2e.upload_page import page as page
from tests.e2e.upload_page import public as public


@pytest.fixture
def stage(page: Page, fake_api: FakeApi) -> Locator:
    """Show an image on the page, before and after."""
    page.set_input_files("#files", upload("photo.jpg", PHOTOGRAPH))
    expect(page.get_by_role("slider")).to_be_visible()
    return page.locator(".stage")


def box_of(element: Locator) -> FloatRect:
    box = element.bounding_box()
    assert box is not None
    return box


def divided_at(stage: Locator) -> list[float]:
    """Return the positions of the divider, its handle and the edges of both images in percent."""
    box = box_of(stage)
    drawn = [box_of(stage.locator(part)) for part in (".divider", ".handle")]
    middles = [place["x"] + place["width"] / 2 for place in drawn]
    cut = "side => getComputedStyle(side).clipPath.match(/[0-9.]+(?=%)/g)"
    [after], [before] = (stage.locator(side).evaluate(cut) for side in (".after", ".before"))
    return [
        *(100 * (middle - box["x"]) / box["width"] for middle in middles),
        *(float(after), 100 - float(before)),
    ]


@pytest.mark.parametrize("percent", [0, 25, 100])
def test_the_slider_follows_the_pointer(page: Page, stage: Locator, percent: int) -> None:
    box = box_of(stage)
    height = box["y"] + box["height"] / 3
    page.mouse.move(box["x"] + box["width"] * 0.6, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * percent / 100, height, steps=3)
    page.mouse.up()
    assert divided_at(stage) == pytest.approx([percent] * 4, abs=0.5)
    expect(page.get_by_role("slider")).to_have_value(str(percent))
    expect(page.get_by_role("slider")).to_be_focused()


def test_the_slider_follows_the_keys(page: Page, stage: Locator) -> None:
    slider = page.get_by_role("slider", name="Before and after of photo.jpg")
    slider.focus()
    for key, percent in {"ArrowRight": 51, "Home": 0, "End": 100}.items():
        slider.press(key)
        assert divided_at(stage) == pytest.approx([percent] * 4, abs=0.5)
        expect(slider).to_have_attribute("aria-valuetext", f"{percent}% before")


def test_the_stage_has_the_shape_of_the_picture(stage: Locator) -> None:
    box = box_of(stage)
    assert box["width"] / box["height"] == pytest.approx(2, abs=0.02)


def test_files_keep_their_order_below_newer_ones(page: Page, fake_api: FakeApi) -> None:
    for batch in (["b.jpg", "a.jpg", "c.jpg"], ["z.jpg", "y.jpg"]):
        page.set_input_files("#files", [upload(name, PHOTOGRAPH) for name in batch])
    expect(page.locator("#tally")).to_have_text("5 of 5 done")
    names = ["z.jpg", "y.jpg", "b.jpg", "a.jpg", "c.jpg"]
    expect(page.get_by_role("heading", level=3)).to_have_text(names)


def test_a_progress_bar_shows_the_progress(page: Page, fake_api: FakeApi) -> None:
    files = [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(3)]
    page.set_input_files("#files", [*files, upload("empty.jpg", b"")])
    expect(page.get_by_role("status").first).to_have_text("3 of 4 done, 1 refused")


def test_a_waiting_upload_shows_no_progress(page: Page, fake_api: FakeApi) -> None:
    page.route("**/uploads", lambda _: None)
    page.set_input_files("#files", [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(5)])
    expect(page.get_by_role("progressbar")).to_have_count(3)
    expect(page.get_by_text("Waiting")).to_have_count(2)


def test_the_number_of_polled_results_is_limited(page: Page, fake_api: FakeApi) -> None:
    fake_api.result = {"key": "key", "status": "waiting"}
    page.set_input_files("#files", [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(14)])
    expect(page.get_by_text("Processing")).to_have_count(12)
    expect(page.get_by_text("Waiting")).to_have_count(2)


def test_requests_for_many_files_are_spaced(page: Page, fake_api: FakeApi) -> None:
    page.set_input_files("#files", [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(15)])
    expect(page.locator("#tally")).to_have_text("15 of 15 done")
    starts: list[float] = page.evaluate("""performance.getEntriesByType("resource")
        .filter(entry => /uploads|images/.test(entry.name)).map(entry => entry.startTime).sort(
            (one, other) => one - other)""")
    assert len(starts) == 30
    # The API allows 20 a second; half of that leaves room for other pages.
    assert all(later - earlier > 900 for earlier, later in zip(starts, starts[10:], strict=False))


def test_the_content_decides_the_type(page: Page, fake_api: FakeApi) -> None:
    heads = {
        "image/jpeg": b"\xff\xd8\xff\xe0",
        "image/png": b"\x89PNG\r\n\x1a\n",
        "image/gif": b"GIF89a",
        "image/webp": b"RIFF\0\0\0\0WEBP",
        "image/tiff": b"MM\0*",
        "image/bmp": b"BM" + bytes(12) + b"\x28\0\0\0",
        "image/jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
        "image/avif": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif",
        "image/heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    }
    files = [upload(f"scan {number}", head, "") for number, head in enumerate(heads.values())]
    page.set_input_files("#files", [*files, upload("notes", b"no picture", "")])
    expect(page.locator("#tally")).to_have_text("9 of 10 done, 1 refused")
    assert {form["content_type"] for form in fake_api.forms} == heads.keys()
    expect(card(page, "notes")).to_contain_text("not in a format that can be read here: JPEG")


def test_the_whole_zone_is_a_button(page: Page) -> None:
    with page.expect_file_chooser():
        page.locator("#drop").click(position={"x": 20, "y": 20})
    expect(page.get_by_role("button", name="Choose images")).to_have_count(1)


@pytest.mark.parametrize(("kind", "taken"), [("text/plain", False), ("image/jpeg", True)])
def test_only_files_highlight_the_drop_zone(page: Page, kind: str, taken: bool) -> None:
    prevented = page.evaluate(
        """(kind) => {
            const dataTransfer = new DataTransfer();
            if (kind === "text/plain") dataTransfer.setData(kind, "words");
            else dataTransfer.items.add(new File([], "a.jpg", { type: kind }));
            const options = { dataTransfer, bubbles: true, cancelable: true };
            return !document.body.dispatchEvent(new DragEvent("dragover", options));
        }""",
        kind,
    )
    assert prevented is taken
    assert page.locator("#drop.over").count() == taken


def test_a_link_that_cannot_be_copied_is_selected(page: Page, fake_api: FakeApi) -> None:
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.set_input_files("#files", upload("photo.jpg", PHOTOGRAPH))
    page.get_by_role("button", name="Copy link").click()
    field = page.get_by_role("textbox", name="Copy link to web of photo.jpg")
    expect(field).to_be_focused()
    selected = field.evaluate(
        "({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd)"
    )
    assert selected == fake_api.result["variants"][0]["url"]


def token_of(claims: object) -> str:
    """Return a JWT with *claims* and an unchecked signature."""
    payload = base64.urlsafe_b64encode(json.dumps(claims, ensure_ascii=False).encode()).decode()
    return f"e30.{payload.rstrip('=')}.c2ln"


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (token_of({"sub": "mallory"}), "You upload as mallory"),
        (token_of({"sub": "ÿ¿>?~ネコ"}), "You upload as ÿ¿>?~ネコ"),
        (token_of({"sub": "7", "email": "a@b.example", "email_verified": True}), "as a@b.example"),
        # Users choose these names themselves.
        (token_of({"sub": "7", "email": "you@b.example", "name": "You"}), "You upload as 7"),
        (token_of({"sub": "<b>x</b>"}), "You upload as <b>x</b>"),
        (token_of({}), "Your token has no name."),
        (token_of(None), "Your token has no name."),
        ("opaque", "Your token has no name."),
    ],
)
def test_the_page_names_the_subject_of_a_token_in_its_url(
    page: Page, token: str, told: str
) -> None:
    page.evaluate("token => { location.hash = `access_token=${token}`; }", token)
    page.reload()
    expect(page.locator("#identity")).to_contain_text(told)
    assert "access_token" not in page.url
    assert violations(page) == ""


def test_the_token_in_the_url_can_be_replaced(page: Page, fake_api: FakeApi) -> None:
    sent: list[str | None] = []

    def listen(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        route.fallback()

    page.route("**/uploads", listen)
    mine = token_of({"sub": "alice"})
    page.evaluate("token => { location.hash = `access_token=${token}`; }", token_of({"sub": "bob"}))
    page.reload()
    page.get_by_role("button", name="Use another token").click()
    expect(page.locator("#identity")).to_be_hidden()
    page.get_by_role("textbox", name="Access token").fill(mine)
    page.keyboard.press("Enter")
    expect(page.locator("#identity")).to_contain_text("You upload as alice")
    page.set_input_files("#files", upload("photo.jpg", PHOTOGRAPH))
    expect(card(page, "photo.jpg")).to_contain_text("Done:")
    assert sent == [f"Bearer {mine}"]


def test_without_a_token_no_subject_is_named(page: Page) -> None:
    expect(page.locator("#identity")).to_be_hidden()

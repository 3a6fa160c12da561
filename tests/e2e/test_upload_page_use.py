"""What people do on the upload page: choose, drag, slide, copy. The API's answers are made up."""

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.e2e.upload_page import PHOTOGRAPH, FakeApi, card, upload
from tests.e2e.upload_page import browser as browser
from tests.e2e.upload_page import fake_api as fake_api
from tests.e2e.upload_page import page as page
from tests.e2e.upload_page import public as public


@pytest.fixture
def stage(page: Page, fake_api: FakeApi) -> Locator:
    """Have an image on the page, before and after."""
    page.set_input_files("#files", upload("photo.jpg", PHOTOGRAPH))
    expect(page.get_by_role("slider")).to_be_visible()
    return page.locator(".stage")


def box_of(element: Locator) -> FloatRect:
    box = element.bounding_box()
    assert box is not None
    return box


def divided_at(stage: Locator) -> list[float]:
    """Return where the line, its handle and the two pictures' edges are, in percent."""
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


def test_a_line_tells_how_far_it_is(page: Page, fake_api: FakeApi) -> None:
    files = [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(3)]
    page.set_input_files("#files", [*files, upload("empty.jpg", b"")])
    expect(page.get_by_role("status").first).to_have_text("3 of 4 done, 1 refused")


def test_what_waits_does_not_look_like_work(page: Page, fake_api: FakeApi) -> None:
    page.route("**/uploads", lambda _: None)
    page.set_input_files("#files", [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(5)])
    expect(page.get_by_role("progressbar")).to_have_count(3)
    expect(page.get_by_text("Waiting for its turn")).to_have_count(2)


def test_only_so_many_results_are_asked_for_at_once(page: Page, fake_api: FakeApi) -> None:
    fake_api.result = {"key": "key", "status": "waiting"}
    page.set_input_files("#files", [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(14)])
    expect(page.get_by_text("Processing")).to_have_count(12)
    expect(page.get_by_text("Waiting for its turn")).to_have_count(2)


def test_requests_of_many_files_keep_their_distance(page: Page, fake_api: FakeApi) -> None:
    page.set_input_files("#files", [upload(f"{number}.jpg", PHOTOGRAPH) for number in range(15)])
    expect(page.locator("#tally")).to_have_text("15 of 15 done")
    starts: list[float] = page.evaluate("""performance.getEntriesByType("resource")
        .filter(entry => /uploads|images/.test(entry.name)).map(entry => entry.startTime).sort(
            (one, other) => one - other)""")
    assert len(starts) == 30
    # The API lets 20 a second through: half of that leaves room for other pages.
    assert all(later - earlier > 900 for earlier, later in zip(starts, starts[10:], strict=False))


def test_the_content_decides_what_a_file_is(page: Page, fake_api: FakeApi) -> None:
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
    expect(card(page, "notes")).to_contain_text("none of the kinds that can be read here: JPEG")


def test_the_whole_zone_is_a_button(page: Page) -> None:
    with page.expect_file_chooser():
        page.locator("#drop").click(position={"x": 20, "y": 20})
    expect(page.get_by_role("button", name="Choose images")).to_have_count(1)


@pytest.mark.parametrize(("kind", "taken"), [("text/plain", False), ("image/jpeg", True)])
def test_only_files_light_the_zone_up(page: Page, kind: str, taken: bool) -> None:
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

"""The variants of an upload, selected by its width, its folder and its options."""

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from pipeline import records
from pipeline.model import Outcome, Status

from tests.aws.test_reconcile import NOW, Bench
from tests.factories import picture, variants

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TEMPLATE = "{stem}-{variant}-{width}{extension}"
SET = {"widths": [80, 40, 160, 320], "formats": ["webp", "jpeg"]}


@pytest.fixture
def bench(s3: "S3Client") -> Bench:
    return Bench(s3, VARIANTS=variants(hero=SET), KEY_TEMPLATE=TEMPLATE)


def widths(outcome: Outcome) -> list[tuple[str, int]]:
    return [(image.key, image.width) for image in outcome.images]


def test_a_set_has_every_width_up_to_the_uploads_in_every_format(
    bench: Bench,
) -> None:
    bench.put("a.png", picture(100, 50, kind="PNG"))
    assert widths(bench.run()) == [
        ("a-hero-40.webp", 40),
        ("a-hero-40.jpg", 40),
        ("a-hero-80.webp", 80),
        ("a-hero-80.jpg", 80),
        ("a-hero-160.webp", 100),
        ("a-hero-160.jpg", 100),
    ]
    body = bench.s3.get_object(Bucket="processed", Key="a-hero-160.jpg")["Body"].read()
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("JPEG", (100, 50))


def test_a_source_as_wide_as_a_configured_width_gets_that_width_once(bench: Bench) -> None:
    bench.put("a.jpg", picture(80, 50))
    assert [width for _, width in widths(bench.run("a.jpg"))] == [40, 40, 80, 80]


def test_a_set_is_cropped_to_its_shape(bench: Bench) -> None:
    cropped = {"widths": [40, 200], "aspect_ratio": "2:1", "fit": "cover"}
    bench.set(VARIANTS=variants(hero=cropped), KEY_TEMPLATE=TEMPLATE)
    bench.put("a.jpg", picture(100, 100))
    sizes = [(image.width, image.height) for image in bench.run("a.jpg").images]
    assert sizes == [(40, 20), (100, 100 // 2)]


def test_an_enlarging_set_has_every_width(bench: Bench) -> None:
    enlarging = {**SET, "enlarge": True, "formats": ["jpeg"]}
    bench.set(VARIANTS=variants(hero=enlarging), KEY_TEMPLATE=TEMPLATE)
    bench.put("a.jpg", picture(100, 50))
    assert [width for _, width in widths(bench.run("a.jpg"))] == [40, 80, 160, 320]


def test_a_complete_set_is_not_rendered_again(bench: Bench) -> None:
    bench.put("a.jpg", picture(100, 50))
    first = bench.run("a.jpg")
    bench.calls.clear()
    again = bench.run("a.jpg")
    assert again.status is Status.CURRENT
    assert widths(again) == widths(first)
    assert Counter(bench.calls)["PutObject"] == 0


def test_missing_images_of_a_set_are_rendered(bench: Bench) -> None:
    bench.put("a.jpg", picture(100, 50))
    bench.run("a.jpg")
    bench.s3.delete_object(Bucket="processed", Key="a-hero-80.webp")
    outcome = bench.run("a.jpg")
    assert [image.key for image in outcome.written] == ["a-hero-80.webp"]
    assert len(outcome.images) == 6


def test_a_smaller_upload_leaves_no_wider_image_behind(bench: Bench) -> None:
    bench.put("a.jpg", picture(400, 50))
    assert len(bench.run("a.jpg").images) == 8
    bench.put("a.jpg", picture(60, 50))
    bench.run("a.jpg")
    assert bench.published() == [
        *("a-hero-40.jpg", "a-hero-40.webp"),
        *("a-hero-80.jpg", "a-hero-80.webp"),
    ]


def test_in_a_set_the_extension_is_that_of_the_format(bench: Bench) -> None:
    # It would be the key of the WebP file otherwise.
    bench.put("a.webp", picture(30, 20))
    assert bench.run("a.webp").status is Status.PUBLISHED
    assert bench.published() == ["a-hero-40.jpg", "a-hero-40.webp"]


def test_a_variant_is_rendered_only_for_its_folders(bench: Bench) -> None:
    face = {"width": 20, "prefixes": ["avatars/", "people/"]}
    bench.set(VARIANTS=variants(face=face, wide={"width": 40}), KEY_TEMPLATE="{variant}/{stem}.jpg")
    for key in ("avatars/a.jpg", "people/b.jpg", "c.jpg"):
        bench.put(key, picture())
        assert bench.run(key).status is Status.PUBLISHED
    assert bench.published() == [
        "face/a.jpg",
        "face/b.jpg",
        "wide/a.jpg",
        "wide/b.jpg",
        "wide/c.jpg",
    ]


def test_an_upload_without_a_variant_is_skipped(bench: Bench) -> None:
    bench.set(VARIANTS=variants(face={"width": 20, "prefixes": ["avatars/"]}))
    bench.put("a.jpg", picture())
    outcome = bench.run("a.jpg")
    assert outcome.status is Status.SKIPPED
    assert outcome.detail == "no variant is made for this key"
    assert bench.published() == []


# Options of one upload.

CHOICES = {
    "VARIANTS": variants(
        square={"width": 20, "height": 20, "fit": "cover"}, web={"width": 40, "format": "png"}
    ),
    "KEY_TEMPLATE": "{variant}/{stem}{extension}",
    "UPLOAD_OPTIONS": "true",
}


def choose(bench: Bench, body: bytes, **metadata: str) -> Outcome:
    bench.put("a.png", body, Metadata=metadata)
    return bench.run()


def halves() -> bytes:
    file = io.BytesIO()
    image = Image.new("RGB", (60, 20), "blue")
    image.paste("red", (30, 0, 60, 20))
    image.save(file, "PNG")
    return file.getvalue()


def color(bench: Bench, key: str) -> Any:
    body = bench.s3.get_object(Bucket="processed", Key=key)["Body"].read()
    with Image.open(io.BytesIO(body)) as image:
        return image.convert("RGB").getpixel((10, 10))


def test_an_upload_chooses_its_variants(bench: Bench) -> None:
    bench.set(**CHOICES)
    assert len(choose(bench, halves(), variants="web").images) == 1
    assert bench.published() == ["web/a.png"]


def test_an_upload_chooses_where_to_crop(bench: Bench) -> None:
    bench.set(**CHOICES)
    choose(bench, halves(), focus="0.9,0.5")
    assert color(bench, "square/a.png") == (255, 0, 0)
    choose(bench, halves(), focus="0.1, 0.5")
    assert color(bench, "square/a.png") == (0, 0, 255)


def test_equal_bytes_with_other_options_are_processed_again(bench: Bench) -> None:
    bench.set(**CHOICES)
    choose(bench, halves())
    assert bench.published() == ["square/a.png", "web/a.png"]
    outcome = choose(bench, halves(), variants="square", focus="0.9,0.5")
    assert outcome.status is Status.PUBLISHED
    assert bench.published() == ["square/a.png"]
    again = bench.run()
    assert again.status is Status.CURRENT


def test_options_that_change_during_processing_start_it_over(bench: Bench) -> None:
    bench.set(**CHOICES)
    bench.put("a.png", halves(), Metadata={"focus": "0.1,0.5"})
    puts: list[bool] = []

    def change(**_: object) -> None:
        if not puts:
            puts.append(True)
            bench.put("a.png", halves(), Metadata={"focus": "0.9,0.5"})

    bench.s3.meta.events.register("after-call.s3.GetObject", change)
    assert bench.run().status is Status.PUBLISHED
    assert color(bench, "square/a.png") == (255, 0, 0)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("variants", "web,wide", "wide is none of square, web"),
        ("variants", "", " is none of square, web"),
        ("watermark", "no", "it must be on or off"),
        ("focus", "0.5", "it must be two numbers from 0 to 1, such as 0.3,0.6"),
        ("focus", "0.5,1.5", "it must be two numbers from 0 to 1, such as 0.3,0.6"),
        ("focus", "nan,0", "it must be two numbers from 0 to 1, such as 0.3,0.6"),
    ],
)
def test_an_invalid_option_is_ignored_and_recorded(
    bench: Bench, name: str, value: str, rule: str
) -> None:
    bench.set(**CHOICES)
    outcome = choose(bench, halves(), **{name: value})
    assert len(outcome.images) == 2
    record = records.of_outcome(
        outcome, source_key="a.png", bucket="source", started_at=NOW, now=NOW
    )
    assert record.fields()["ignored_options"] == [f"{name} is {value!r}: {rule}"]
    assert "options" not in record.fields()


def test_options_are_ignored_unless_allowed(bench: Bench) -> None:
    bench.set(**{**CHOICES, "UPLOAD_OPTIONS": "false"})
    assert len(choose(bench, halves(), variants="web").images) == 2


def test_a_variant_of_another_folder_cannot_be_chosen(bench: Bench) -> None:
    bench.set(
        **{
            **CHOICES,
            "VARIANTS": variants(web={"width": 40}, face={"width": 20, "prefixes": ["avatars/"]}),
        }
    )
    outcome = choose(bench, halves(), variants="face")
    assert [image.variant for image in outcome.images] == ["web"]
    assert outcome.source is not None
    assert outcome.source.options.ignored == ("variants is 'face': face is none of web",)

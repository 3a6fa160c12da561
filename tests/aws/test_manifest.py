"""A manifest lists the images of a source, and images under keys with a version never change."""

import io
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from PIL import ExifTags, Image
from pipeline.aws.table import Table
from pipeline.model import Cause, Outcome, Status

from tests.aws.test_prune import pruned
from tests.aws.test_reconcile import TEXT, Bench
from tests.documents import MANIFEST_SCHEMA
from tests.factories import picture, variants

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

RED, BLUE = picture(color=(200, 0, 0)), picture(color=(0, 0, 200))
KEY = "cats/a.jpg"
MANIFEST = "cats/a.json"
SETTINGS = {
    "VARIANTS": variants(hero={"widths": [20, 40]}),
    "KEY_TEMPLATE": "{directory}{stem}-{width}-{version}{extension}",
    "MANIFEST": "{}",
    "CDN_URL": "https://images.example.com",
}


@pytest.fixture
def bench(s3: "S3Client") -> Bench:
    return Bench(s3, **SETTINGS, REMOVE_DELETED="true")


def manifest(bench: Bench, key: str = MANIFEST) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(
        bench.s3.get_object(Bucket="processed", Key=key)["Body"].read()
    )
    return fields


def listed(bench: Bench) -> list[str]:
    return [image["key"] for image in manifest(bench)["images"]]


def upload(bench: Bench, body: bytes) -> Outcome:
    bench.put(KEY, body)
    return bench.run(KEY)


def retired(bench: Bench) -> list[str]:
    return [key for key in bench.published() if bench.image(key).is_retired]


def test_the_manifest_lists_every_image(bench: Bench) -> None:
    outcome = upload(bench, RED)
    assert listed(bench) == [image.key for image in outcome.images]
    assert sorted([*listed(bench), MANIFEST]) == bench.published()
    hero = manifest(bench)["variants"]["hero"]
    first, second = (f"https://images.example.com/{key}" for key in listed(bench))
    assert hero["srcset"] == {"jpeg": f"{first} 20w, {second} 40w"}
    head = bench.s3.head_object(Bucket="processed", Key=MANIFEST)
    assert (head["ContentType"], head["CacheControl"]) == ("application/json", "public, max-age=60")


def test_a_second_run_writes_nothing(bench: Bench) -> None:
    first = upload(bench, RED)
    bench.calls.clear()
    again = bench.run(KEY)
    assert again.status is Status.CURRENT
    assert again.images == first.images
    assert set(bench.calls) == {"GetObject", "HeadObject"}


def test_an_overwritten_upload_gets_new_keys_and_its_old_images_are_retired(bench: Bench) -> None:
    upload(bench, RED)
    old = listed(bench)
    upload(bench, BLUE)
    assert not {*old} & {*listed(bench)}
    assert retired(bench) == sorted(old)
    tags = bench.s3.get_object_tagging(Bucket="processed", Key=old[0])["TagSet"]
    assert tags == [{"Key": "retired", "Value": "true"}]


def test_an_upload_that_comes_back_gets_its_images_back(bench: Bench) -> None:
    upload(bench, RED)
    red = listed(bench)
    upload(bench, BLUE)
    blue = listed(bench)
    upload(bench, RED)
    assert listed(bench) == red
    assert retired(bench) == sorted(blue)
    assert bench.s3.get_object_tagging(Bucket="processed", Key=red[0])["TagSet"] == []


def test_a_listed_image_that_is_retired_is_written_again(bench: Bench) -> None:
    upload(bench, RED)
    bench.storage.retire(bench.image(listed(bench)[0]))
    outcome = bench.run(KEY)
    assert [image.key for image in outcome.written] == listed(bench)[:1]
    assert retired(bench) == []


def test_a_run_that_died_before_the_manifest_is_completed(bench: Bench) -> None:
    upload(bench, RED)
    keys = listed(bench)
    bench.s3.delete_object(Bucket="processed", Key=MANIFEST)
    assert bench.run(KEY).status is Status.PUBLISHED
    assert listed(bench) == keys
    assert sorted([*keys, MANIFEST]) == bench.published()


def test_a_bad_file_leaves_the_manifest_and_the_last_good_images(bench: Bench) -> None:
    upload(bench, RED)
    before = bench.published()
    assert upload(bench, TEXT).status is Status.REJECTED
    assert bench.published() == before
    assert retired(bench) == []


def test_content_that_is_rejected_now_loses_its_manifest(bench: Bench) -> None:
    upload(bench, RED)
    other = variants(hero={"widths": [20, 50]})
    bench.set(**{**SETTINGS, "FORMATS": '["png"]', "VARIANTS": other})
    assert bench.run(KEY).status is Status.REJECTED
    assert bench.published() == []


def test_what_a_removal_has_begun_to_delete_is_not_listed_after_a_bad_file(bench: Bench) -> None:
    upload(bench, RED)
    gone, left = listed(bench)
    bench.s3.delete_object(Bucket="processed", Key=gone)
    assert upload(bench, TEXT).status is Status.REJECTED
    assert bench.published() == [left]
    assert retired(bench) == [left]


def test_a_bad_file_takes_back_what_a_killed_run_has_retired(bench: Bench) -> None:
    upload(bench, RED)
    keys = listed(bench)
    bench.storage.retire(bench.image(keys[0]))
    assert upload(bench, TEXT).status is Status.REJECTED
    assert listed(bench) == keys
    assert retired(bench) == []


@pytest.mark.parametrize("has_images", [False, True])
def test_a_file_whose_image_would_have_the_manifests_key_is_rejected(
    bench: Bench, has_images: bool
) -> None:
    plain = {
        "VARIANTS": variants(default={"width": 30}),
        "KEY_TEMPLATE": "{directory}{stem}{extension}",
    }
    bench.put("a.json", RED)
    if has_images:
        bench.set(**plain)
        bench.run("a.json")
    bench.set(**plain, MANIFEST="{}")

    outcome = bench.run("a.json")

    assert outcome.rejection
    assert outcome.rejection.reason == "key-reserved"
    assert "same key 'a.json'" in str(outcome.rejection)


def test_a_bad_file_after_other_settings_leaves_the_last_good_images(bench: Bench) -> None:
    plain = {**SETTINGS, "KEY_TEMPLATE": "{directory}{stem}-{width}{extension}"}
    bench.set(**plain)
    upload(bench, RED)
    bench.set(**{**plain, "VARIANTS": variants(hero={"widths": [20]})})
    assert upload(bench, TEXT).status is Status.REJECTED
    assert bench.published() == ["cats/a-20.jpg", "cats/a-40.jpg", MANIFEST]


def test_what_is_not_for_the_public_is_known_again_all_the_same(bench: Bench) -> None:
    bench.set(**SETTINGS, EXIF_FACTS='["camera"]')
    file = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "X100"
    Image.new("RGB", (60, 40)).save(file, "JPEG", exif=exif)
    upload(bench, file.getvalue())
    again = bench.run(KEY)
    assert again.info is not None
    assert again.info.exif == {"camera": "X100"}


def test_another_time_for_caches_is_written(bench: Bench) -> None:
    upload(bench, RED)
    bench.set(**{**SETTINGS, "MANIFEST": '{"max_age_seconds": 5}'})
    assert bench.run(KEY).status is Status.CURRENT
    head = bench.s3.head_object(Bucket="processed", Key=MANIFEST)
    assert head["CacheControl"] == "public, max-age=5"


def test_equal_bytes_under_two_names_have_images_of_their_own(bench: Bench) -> None:
    several = variants(hero={"widths": [20], "formats": ["webp"]})
    by_name = '{"key_template": "{directory}{stem}{extension}.json"}'
    bench.set(**{**SETTINGS, "VARIANTS": several, "MANIFEST": by_name})
    for key in ("a.jpg", "a.jpeg"):
        bench.put(key, RED)
        assert bench.run(key).status is Status.PUBLISHED


def test_prune_deletes_what_narrowed_folders_have_left(bench: Bench) -> None:
    upload(bench, RED)
    folders = variants(hero={"widths": [20, 40], "prefixes": ["dogs/"]})
    bench.set(**{**SETTINGS, "VARIANTS": folders})
    pruned(bench)
    assert bench.published() == []


def test_prune_deletes_retired_images_once_no_rule_does(bench: Bench) -> None:
    upload(bench, RED)
    upload(bench, BLUE)
    bench.set(**{**SETTINGS, "KEY_TEMPLATE": "{directory}{stem}-{width}{extension}"})
    pruned(bench)
    assert bench.published() == ["cats/a-20.jpg", "cats/a-40.jpg", MANIFEST]


def test_a_deleted_source_takes_its_manifest_along(bench: Bench) -> None:
    upload(bench, RED)
    bench.s3.delete_object(Bucket="source", Key=KEY)
    assert bench.run(KEY, Cause.REMOVAL).status is Status.REMOVED
    assert bench.published() == []


def test_the_manifest_of_another_source_is_not_taken(bench: Bench) -> None:
    upload(bench, RED)
    before = listed(bench)
    bench.put("cats/a.png", picture(kind="PNG"))
    outcome = bench.run("cats/a.png")
    assert outcome.rejection is not None
    assert outcome.rejection.reason == "key-collision"
    assert "cats/a.json" in str(outcome.rejection)
    assert listed(bench) == before


def test_a_manifest_that_changes_meanwhile_is_read_again(bench: Bench) -> None:
    upload(bench, RED)
    bench.put(KEY, BLUE)
    changes: list[bool] = []

    def change(**_: object) -> None:
        if not changes:
            changes.append(True)
            body = json.dumps(manifest(bench) | {"frames": 2}).encode()
            head = bench.s3.head_object(Bucket="processed", Key=MANIFEST)
            bench.s3.put_object(
                Bucket="processed", Key=MANIFEST, Body=body, Metadata=head["Metadata"]
            )

    bench.s3.meta.events.register("before-call.s3.PutObject", change)
    assert bench.run(KEY).status is Status.PUBLISHED
    assert manifest(bench)["frames"] == 1
    assert len(retired(bench)) == 2


def test_keys_that_stay_have_a_manifest_too(bench: Bench) -> None:
    bench.set(**{**SETTINGS, "KEY_TEMPLATE": "{directory}{stem}-{width}{extension}"})
    upload(bench, RED)
    red = manifest(bench)
    upload(bench, BLUE)
    assert listed(bench) == ["cats/a-20.jpg", "cats/a-40.jpg"]
    assert manifest(bench)["etag"] != red["etag"]
    assert retired(bench) == []


def test_a_manifest_is_completed_where_all_images_are_current(bench: Bench) -> None:
    plain = {**SETTINGS, "KEY_TEMPLATE": "{directory}{stem}-{width}{extension}"}
    del plain["MANIFEST"]
    bench.set(**plain)
    upload(bench, RED)
    bench.set(**plain, MANIFEST="{}")
    assert bench.run(KEY).status is Status.CURRENT
    assert listed(bench) == ["cats/a-20.jpg", "cats/a-40.jpg"]


def test_prune_finds_what_no_manifest_lists(bench: Bench) -> None:
    upload(bench, RED)
    old = listed(bench)
    body = manifest(bench)
    upload(bench, BLUE)
    # A killed run leaves images that no manifest lists and that are not retired.
    orphan = "cats/a-20-0123456789abcdef.jpg"
    bench.s3.copy_object(
        Bucket="processed",
        Key=orphan,
        CopySource={"Bucket": "processed", "Key": listed(bench)[0]},
    )
    assert Counter(pruned(bench).values()) == {"kept": 5, "stale": 1}
    assert orphan not in bench.published()
    assert retired(bench) == sorted(old)
    assert body["etag"] != manifest(bench)["etag"]


@pytest.mark.parametrize("asked", ["{}", '{"blurred_placeholder": true}'])
def test_a_manifest_is_as_its_schema_says_and_as_the_record(
    s3: "S3Client", dynamodb: "DynamoDBClient", asked: str
) -> None:
    bench = Bench(s3, **{**SETTINGS, "MANIFEST": asked, "METADATA": '{"table": "records"}'})
    table = Table(dynamodb, "records")
    bench.pipeline = replace(bench.pipeline, table=table)

    upload(bench, RED)

    fields = manifest(bench)
    schema = jsonschema_rs.Draft202012Validator(json.loads(MANIFEST_SCHEMA.read_text()))
    assert [error.message for error in schema.iter_errors(fields)] == []
    record = table.get(KEY)
    assert record
    shared = {name: fields[name] for name in fields if name not in ("version", "variants")}
    assert shared == {name: record[name] for name in shared}
    assert ("blurred_placeholder" in fields) == (asked != "{}")

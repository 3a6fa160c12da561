"""One upload's way through, with a storage in memory."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image
from pipeline.errors import (
    CorruptImage,
    EmptyFile,
    KeyCollision,
    KeyReserved,
    Superseded,
    TransientFailure,
    UnsupportedFormat,
)
from pipeline.manifests import Manifest
from pipeline.model import Format, Removal, Rendition, Size, Source, Status
from pipeline.process import inspect, process, record, render
from pipeline.recipes import recipe
from pipeline.settings import Settings
from pipeline.stamps import Stamp
from pipeline.storage import Existing, ExistingManifest

from tests.factories import environment, picture, variants, watermark

SOURCE = Source(bucket="source", key="cats/tom.jpg", etag="e1", size=1000, sequencer="05")


@dataclass
class MemoryStorage:
    """A storage that keeps what is published, and counts what it is asked for."""

    content: bytes
    objects: dict[str, tuple[Rendition, Stamp]] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def fetch(self, source: Source, *, max_bytes: int) -> BinaryIO:
        self.calls["fetch"] += 1
        return io.BytesIO(self.content)

    def find(self, removal: Removal) -> Source | None:
        return None

    def look(self, key: str) -> Existing | None:
        self.calls["look"] += 1
        if key not in self.objects:
            return None
        rendition, stamp = self.objects[key]
        return Existing(etag="any", bytes=len(rendition.body), stamp=stamp)

    def put(
        self, key: str, rendition: Rendition, stamp: Stamp, *, over: Existing | None
    ) -> str | None:
        self.calls["put"] += 1
        self.objects[key] = rendition, stamp
        return f"etag of {key}"

    def remove(self, key: str, existing: Existing) -> bool:
        del self.objects[key]
        return True

    def manifest(self, source_key: str) -> ExistingManifest | None:
        self.calls["manifest"] += 1
        if source_key not in self.manifests:
            return None
        return ExistingManifest(etag="any", manifest=self.manifests[source_key])

    def put_manifest(
        self, manifest: Manifest, *, over: ExistingManifest | None
    ) -> ExistingManifest:
        self.calls["put manifest"] += 1
        self.manifests[manifest.source_key] = manifest
        return ExistingManifest(etag="any", manifest=manifest)


@contextmanager
def untimed(stage: str) -> Iterator[None]:
    yield


def settings(**changes: str) -> Settings:
    return Settings.from_environment(environment(**changes))


TWO_VARIANTS = settings(
    VARIANTS=variants(small={"width": 30}, web={"width": 60, "format": "webp"}),
    KEY_TEMPLATE="{variant}/{directory}{stem}{extension}",
)


def test_every_variant_is_published_under_its_own_key() -> None:
    storage = MemoryStorage(picture(300, 200))
    outcome = process(SOURCE, TWO_VARIANTS, storage, stage=untimed)

    assert outcome.status is Status.PUBLISHED
    assert list(storage.objects) == ["small/cats/tom.jpg", "web/cats/tom.webp"]
    small, web = (rendition for rendition, _ in storage.objects.values())
    assert (small.format, small.size) == (Format.JPEG, Size(width=30, height=20))
    assert (web.format, web.size) == (Format.WEBP, Size(width=60, height=40))
    with Image.open(io.BytesIO(web.body)) as image:
        assert (image.format, image.size) == ("WEBP", (60, 40))


class BrokenAtTheEnd(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.tell() == len(self.getvalue()):
            raise TransientFailure("the checksum differs")
        return data


def test_nothing_is_published_of_a_source_that_does_not_arrive_whole() -> None:
    class Storage(MemoryStorage):
        def fetch(self, source: Source, *, max_bytes: int) -> BinaryIO:
            return BrokenAtTheEnd(self.content)

    storage = Storage(picture(300, 200) + bytes(200_000))
    with pytest.raises(TransientFailure, match="checksum"):
        process(SOURCE, TWO_VARIANTS, storage, stage=untimed)
    assert not storage.objects
    assert not storage.manifests


def test_the_outcome_tells_what_was_published() -> None:
    storage = MemoryStorage(picture(300, 200))
    outcome = process(SOURCE, TWO_VARIANTS, storage, stage=untimed)

    assert outcome.picture is not None
    assert (outcome.picture.format, outcome.picture.size) == (
        Format.JPEG,
        Size(width=300, height=200),
    )
    assert [published.key for published in outcome.published] == list(storage.objects)
    assert [published.bytes for published in outcome.published] == [
        len(rendition.body) for rendition, _ in storage.objects.values()
    ]


def test_requests_are_few() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, TWO_VARIANTS, storage, stage=untimed)
    assert storage.calls == {"fetch": 1, "look": 2, "put": 2, "manifest": 1, "put manifest": 2}


def test_a_second_run_makes_nothing() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, TWO_VARIANTS, storage, stage=untimed)
    storage.calls.clear()
    stages: list[str] = []

    @contextmanager
    def noted(stage: str) -> Iterator[None]:
        stages.append(stage)
        yield

    outcome = process(SOURCE, TWO_VARIANTS, storage, stage=noted)
    assert outcome.status is Status.CURRENT
    assert outcome.published == ()
    assert "decode" not in stages
    assert storage.calls == {"fetch": 1, "look": 2, "manifest": 1}


def test_a_run_after_a_partial_failure_makes_only_what_is_missing() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, TWO_VARIANTS, storage, stage=untimed)
    del storage.objects["web/cats/tom.webp"]
    outcome = process(SOURCE, TWO_VARIANTS, storage, stage=untimed)
    assert [published.variant for published in outcome.published] == ["web"]


def test_changed_settings_make_the_same_source_be_processed_again() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, settings(), storage, stage=untimed)
    smaller = settings(VARIANTS=variants(default={"width": 50}))
    process(SOURCE, smaller, storage, stage=untimed)
    rendition, _ = storage.objects["cats/tom.jpg"]
    assert rendition.size.width == 50


def test_a_newer_upload_stops_the_work() -> None:
    storage = MemoryStorage(picture())
    process(replace(SOURCE, sequencer="06"), settings(), storage, stage=untimed)
    with pytest.raises(Superseded):
        process(SOURCE, settings(), storage, stage=untimed)


def test_a_variant_that_is_no_longer_made_leaves_no_orphan() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, TWO_VARIANTS, storage, stage=untimed)
    one_variant = settings(
        VARIANTS=variants(small={"width": 30}), KEY_TEMPLATE=TWO_VARIANTS.key_template
    )
    process(SOURCE, one_variant, storage, stage=untimed)
    assert list(storage.objects) == ["small/cats/tom.jpg"]


def test_another_format_leaves_no_orphan() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, settings(), storage, stage=untimed)
    to_webp = settings(VARIANTS=variants(default={"width": 50, "format": "webp"}))
    process(replace(SOURCE, sequencer="06"), to_webp, storage, stage=untimed)
    assert list(storage.objects) == ["cats/tom.webp"]


def test_a_source_without_sequencer_takes_the_place_of_the_same_content() -> None:
    storage = MemoryStorage(picture())
    process(SOURCE, settings(), storage, stage=untimed)
    again = replace(SOURCE, sequencer="")
    assert process(again, settings(), storage, stage=untimed).status is Status.CURRENT
    with pytest.raises(Superseded):
        process(replace(again, etag="e0"), settings(), storage, stage=untimed)


def test_nothing_is_published_among_the_pipelines_own_records() -> None:
    storage = MemoryStorage(picture())
    with pytest.raises(KeyReserved):
        process(replace(SOURCE, key=".pipeline/a.jpg"), settings(), storage, stage=untimed)
    assert storage.objects == {}


def test_another_source_keeps_its_key() -> None:
    storage = MemoryStorage(picture())
    to_webp = settings(VARIANTS=variants(default={"width": 50, "format": "webp"}))
    process(SOURCE, to_webp, storage, stage=untimed)
    with pytest.raises(KeyCollision, match=r"cats/tom\.jpg"):
        process(replace(SOURCE, key="cats/tom.jpeg"), to_webp, storage, stage=untimed)


def test_a_folder_marker_is_skipped_unread() -> None:
    storage = MemoryStorage(b"")
    folder = replace(SOURCE, key="cats/", size=0)
    assert process(folder, settings(), storage, stage=untimed).status is Status.SKIPPED
    assert not storage.calls


@pytest.mark.parametrize(
    ("content", "size", "error"),
    [
        (b"", 0, EmptyFile),
        (b"hello", 5, UnsupportedFormat),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 41, UnsupportedFormat),
        (picture()[:-300], 100, CorruptImage),
    ],
)
def test_a_bad_file_publishes_nothing(content: bytes, size: int, error: type[Exception]) -> None:
    storage = MemoryStorage(content)
    with pytest.raises(error):
        process(replace(SOURCE, size=size), TWO_VARIANTS, storage, stage=untimed)
    assert storage.objects == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"VARIANTS": variants(default={"width": 100, "height": 99})},
        {"VARIANTS": variants(default={"width": 100, "height": 100, "quality": 50})},
        {"BACKGROUND": "#000000"},
        {"KEEP_COPYRIGHT": "true"},
        {"CACHE_CONTROL": "max-age=60"},
        {"WATERMARK": watermark(text="hello")},
    ],
)
def test_every_setting_that_shows_is_in_the_recipe(changes: dict[str, str]) -> None:
    before, after = settings(), settings(**changes)
    assert recipe(before.variants[0], before) != recipe(after.variants[0], after)


def test_a_watermark_is_no_part_of_the_recipe_of_a_variant_without_one() -> None:
    bare = variants(default={"width": 10, "watermark": False})
    before, after = settings(VARIANTS=bare), settings(VARIANTS=bare, WATERMARK=watermark(text="x"))
    assert recipe(before.variants[0], before) == recipe(after.variants[0], after)


def test_a_logo_is_in_the_recipe_by_its_content(tmp_path: Path) -> None:
    def recipe_with(content: bytes, folder: str) -> str:
        logo = tmp_path / folder / "watermark" / "logo.png"
        logo.parent.mkdir(parents=True)
        logo.write_bytes(content)
        configured = settings(
            WATERMARK=watermark(logo="watermark/logo.png"),
            LAMBDA_TASK_ROOT=str(tmp_path / folder),
        )
        return recipe(configured.variants[0], configured)

    assert recipe_with(b"one", "a") == recipe_with(b"one", "b")
    assert recipe_with(b"one", "c") != recipe_with(b"two", "d")


ONE_VARIANT = settings(VARIANTS=variants(web={"width": 60, "format": "webp"}))


def test_the_readme_counts_the_requests_of_the_direct_way() -> None:
    storage = MemoryStorage(picture(300, 200))
    process(SOURCE, ONE_VARIANT, storage, stage=untimed)
    assert storage.calls == {"fetch": 1, "manifest": 1, "put manifest": 2, "look": 1, "put": 1}


def test_the_readme_counts_the_requests_of_the_way_in_steps() -> None:
    storage = MemoryStorage(picture(300, 200))
    inspected = inspect(SOURCE, ONE_VARIANT, storage, stage=untimed)
    rendered = render(SOURCE, ONE_VARIANT, storage, name="web", stage=untimed)
    outcome = record(SOURCE, ONE_VARIANT, storage, ahead=[rendered], stage=untimed)
    assert inspected.missing == ("web",)
    assert outcome.status is Status.PUBLISHED
    assert storage.calls == {"fetch": 3, "manifest": 4, "put manifest": 2, "look": 3, "put": 1}


def test_steps_know_the_colours_that_were_seen_when_rendering() -> None:
    storage = MemoryStorage(picture(300, 200))
    rendered = render(SOURCE, ONE_VARIANT, storage, name="web", stage=untimed)
    outcome = record(SOURCE, ONE_VARIANT, storage, ahead=[rendered], stage=untimed)
    at_once = process(SOURCE, ONE_VARIANT, MemoryStorage(picture(300, 200)), stage=untimed)
    assert outcome.picture == at_once.picture
    assert outcome.picture
    assert outcome.picture.dominant_color

"""Only images that nothing makes any more are deleted."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pipeline.model import Outcome, Status
from pipeline.processed.prune import Pruning, prune
from pipeline.provenance import encoded

from tests.aws.test_reconcile import PNG, TEXT, Bench
from tests.factories import variants

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Run = Callable[..., dict[str, str]]


@pytest.fixture
def bench(s3: "S3Client") -> Bench:
    """Return a bench with the images of one source, of which one variant is configured no more."""
    bench = Bench(s3)
    bench.put("a.png", PNG)
    bench.run()
    bench.set(VARIANTS=variants(same={"width": 30}))
    return bench


def pruned(bench: Bench, *, dry_run: bool = False, gone: bool = False) -> dict[str, str]:
    """Judge everything in the processed bucket; return the statuses by key."""
    pruning = Pruning(source_bucket="source", dry_run=dry_run, gone=gone)

    def judge(key: str) -> Outcome:
        return prune(key, pruning, bench.pipeline, deadline=float("inf"))

    return {key: judge(key).status.value for key in bench.published()}


def test_prune_deletes_only_images_that_no_variant_makes(bench: Bench) -> None:
    assert pruned(bench) == {"same/a.png": "kept", "web/a.webp": "stale"}
    assert bench.published() == ["same/a.png"]


def test_a_dry_run_tells_and_deletes_nothing(bench: Bench) -> None:
    assert pruned(bench, dry_run=True, gone=True)["web/a.webp"] == "stale"
    assert bench.published() == ["same/a.png", "web/a.webp"]


def test_new_images_are_made_before_old_ones_go(bench: Bench) -> None:
    bench.set(VARIANTS=variants(other={"width": 10}))
    pruned(bench)
    assert bench.published() == ["other/a.png"]


def test_images_of_a_source_that_cannot_be_reconciled_stay(bench: Bench) -> None:
    bench.put("a.png", TEXT)
    bench.set(VARIANTS=variants(other={"width": 10}))
    assert pruned(bench) == {"same/a.png": "kept", "web/a.webp": "kept"}
    assert bench.published() == ["same/a.png", "web/a.webp"]


def test_images_of_a_missing_source_go_only_if_asked(bench: Bench) -> None:
    bench.s3.delete_object(Bucket="source", Key="a.png")
    assert set(pruned(bench).values()) == {"gone"}
    assert len(bench.published()) == 2
    assert set(pruned(bench, gone=True).values()) == {"gone"}
    assert bench.published() == []


@pytest.mark.parametrize(
    "metadata", [{}, {"source-key": encoded("é" * 512)}, {"source-key": "not%encoded as we do"}]
)
def test_what_is_not_known_to_be_ours_is_left_alone(bench: Bench, metadata: dict[str, Any]) -> None:
    bench.s3.put_object(Bucket="processed", Key="theirs.png", Body=b"x", Metadata=metadata)
    assert pruned(bench, gone=True)["theirs.png"] == "unresolved"
    assert "theirs.png" in bench.published()


def test_the_pipelines_own_files_are_passed_over(bench: Bench) -> None:
    bench.s3.put_object(Bucket="processed", Key=".pipeline/backfill/x.json", Body=b"{}")
    assert pruned(bench)[".pipeline/backfill/x.json"] == Status.SKIPPED


def test_an_image_that_is_replaced_meanwhile_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = bench.image("web/a.webp")
    bench.s3.put_object(
        Bucket="processed", Key="web/a.webp", Body=b"new", Metadata=stored.provenance.metadata()
    )
    monkeypatch.setattr(bench.storage, "head", lambda _: stored)
    pruning = Pruning(source_bucket="source", dry_run=False, gone=True)
    bench.s3.delete_object(Bucket="source", Key="a.png")
    outcome = prune("web/a.webp", pruning, bench.pipeline, deadline=float("inf"))
    assert outcome.status is Status.KEPT
    assert "web/a.webp" in bench.published()

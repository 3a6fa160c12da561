"""The page on costs counts exactly the requests that an upload makes."""

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.aws.test_reconcile import Bench
from tests.documents import PAGES, ROOT, page
from tests.factories import picture, variants
from tools.bench.upload import dollars

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

METHODS = {"GetObject": "GET", "HeadObject": "HEAD", "PutObject": "PUT", "CopyObject": "COPY"}
TUTORIAL = {"GET": 1, "PUT": 1}


def section() -> str:
    return page("costs")


def rows() -> dict[str, list[str]]:
    """Return the rows of the cost tables by name; a later row replaces an earlier one."""
    cells = [line.strip("| ").split(" | ") for line in section().splitlines() if line[:2] == "| "]
    return {first: rest for first, *rest in cells}


def requests(arithmetic: str) -> Counter[str]:
    found = re.findall(r"(-?\d+) (GET|HEAD|PUT|COPY)\b", arithmetic)
    return Counter({method: int(number) for number, method in found})


def counted(s3: "S3Client", key: str, kind: str) -> Counter[str]:
    """Return the S3 requests of an upload with one variant."""
    return counted_by(Bench(s3, VARIANTS=variants(default={"width": 30})), key, picture(kind=kind))


def counted_by(bench: Bench, key: str, body: bytes) -> Counter[str]:
    bench.put(key, body)
    bench.calls.clear()
    bench.run(key)
    return Counter(METHODS[call] for call in bench.calls)


def documented(*names: str) -> Counter[str]:
    """Return the sum of the requests in the rows *names*."""
    total: Counter[str] = Counter()
    for name in names:
        total.update(requests(rows()[name][0]))
    return total


def test_the_requests_are_those_that_an_upload_makes(s3: "S3Client") -> None:
    assert documented("the source", "each image") == counted(s3, "a.jpg", "JPEG")


UPLOAD = ("the source", "each image")
MANIFEST = ("the manifest", "with `{version}`, no HEAD for each image")


def test_the_requests_for_a_manifest_are_those_that_an_upload_makes(s3: "S3Client") -> None:
    bench = Bench(
        s3,
        VARIANTS=variants(default={"width": 30}),
        KEY_TEMPLATE="{directory}{stem}-{version}{extension}",
        MANIFEST="{}",
    )
    first = counted_by(bench, "a.jpg", picture(color=(200, 0, 0)))
    second = counted_by(bench, "a.jpg", picture(color=(0, 0, 200)))

    assert +documented(*UPLOAD, *MANIFEST) == first
    assert +documented(*UPLOAD, *MANIFEST, "a check of the source", "each retired image") == second


@pytest.mark.parametrize("row", [*UPLOAD, *MANIFEST, "your uploads", "each retired image"])
def test_the_price_is_that_of_the_requests(row: str) -> None:
    arithmetic, price = rows()[row]
    assert dollars(requests(arithmetic)) == pytest.approx(float(price))


def test_the_totals_are_those_of_their_rows() -> None:
    tables = [table for table in section().split("\n\n") if "**one variant**" in table]
    assert len(tables) == 2
    for table in tables:
        body, _, rest = table.partition("| **one variant** |")
        lines = [re.split(r" *\| *", line.strip("|")) for line in body.splitlines()[2:]]
        totals = [float(total) for total in re.findall(r"\*\*([\d.]+)\*\*", rest)]
        prices = [[float(cell) for cell in cells[-len(totals) :]] for cells in lines]
        assert [sum(column) for column in zip(*prices, strict=True)] == pytest.approx(totals)


def test_a_million_views_cost_what_their_rows_say() -> None:
    [table] = [table for table in section().split("\n\n") if "**a million views**" in table]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()[2:-1]]
    for _, arithmetic, price in lines:
        found = re.fullmatch(r"([\d,]+)(?: GB)? × ([\d.]+)(?: / ([\d,]+))?", arithmetic)
        assert found, arithmetic
        quantity, rate, per = found.groups("1")
        number = float(quantity.replace(",", "")) * float(rate) / float(per.replace(",", ""))
        assert number == pytest.approx(float(price))
    [total] = re.findall(r"\*\*([\d.]+)\*\*", table)
    assert sum(float(price) for *_, price in lines) == pytest.approx(float(total))


@pytest.mark.parametrize(
    ("key", "kind", "most"),
    [("a.jpg", "JPEG", 1.25), ("a.png", "PNG", 1.25), ("a.webp", "WEBP", 1.3)],
)
def test_an_upload_costs_little_more_than_a_download_and_an_upload(
    s3: "S3Client", key: str, kind: str, most: float
) -> None:
    assert dollars(counted(s3, key, kind)) <= most * dollars(TUTORIAL)


def test_the_table_in_the_readme_is_that_of_the_page() -> None:
    table = section()[section().index("| what |") : section().index("\n\nAn image that keeps")]
    assert table in PAGES[ROOT / "README.md"]

"""Estimate the cost of a backfill in which every source has to be processed."""

from collections.abc import Iterator
from math import ceil

from tools.operations.deployment import Deployment
from tools.operations.scan import Found

# List prices of us-east-1 in 2026, in dollars.
S3_READ = 0.0004 / 1000  # GET and HEAD
S3_WRITE = 0.005 / 1000  # PUT and LIST
LAMBDA_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
BATCH = 0.025 / 1000 + 0.20 / 1_000_000  # starting one, and the invocation
SECONDS_PER_IMAGE = 0.2

# A source takes HEAD, GET and HEAD; an image is looked up under three keys.
READS_PER_SOURCE = 3
READS_PER_IMAGE = 3


def most_objects(found: Found) -> int:
    """Return the limit of objects to read, with room for uploads before the next listing.

    Without that room, the end of the listing would be cut off.
    """
    return found.objects + max(100, found.objects // 100)


def report(found: Found, deployed: Deployment) -> Iterator[str]:
    """Yield the lines of the estimate."""
    images = found.sources * deployed.variants
    batches = ceil(found.objects / deployed.batch_size)
    seconds = images * SECONDS_PER_IMAGE
    reads = found.sources * READS_PER_SOURCE + images * READS_PER_IMAGE
    gigabyte_seconds = seconds * deployed.memory_mb / 1024
    dollars = (
        reads * S3_READ
        + images * S3_WRITE
        + gigabyte_seconds * LAMBDA_GB_SECOND[deployed.architecture]
        + batches * BATCH
    )
    minutes = ceil(seconds / min(deployed.max_concurrency, max(1, batches)) / 60)
    size = f"{found.bytes / 1e6:,.1f} MB"
    objects = "1 object" if found.objects == 1 else f"{found.objects:,} objects"
    yield f"{objects}, {found.sources:,} of them for the pipeline ({size})."
    yield f"If all of them need processing, that is about ${dollars:,.2f} and {minutes:,} min, by"
    yield f"list prices and {SECONDS_PER_IMAGE} s per image; for those up to date, a tenth or less."

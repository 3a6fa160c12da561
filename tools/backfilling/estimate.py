"""What a backfill costs and how long it takes, with the arithmetic: as expected, and at most."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from backfilling.deployment import Deployment, Limits
from backfilling.survey import Survey

# List prices of us-east-1 in 2026, in dollars.
S3_GET = 0.0004 / 1000
S3_PUT = 0.005 / 1000
LAMBDA_REQUEST = 0.20 / 1_000_000
LAMBDA_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
TRANSITION = 0.025 / 1000
EXPRESS_REQUEST = 1.00 / 1_000_000
EXPRESS_GB_SECOND = 0.00001667
EXPRESS_GB = 64 / 1024  # the least that is billed, and enough for a batch of keys

SECONDS_PER_IMAGE = 0.2
SECONDS_PER_LOOK = 0.02

# Of every source: its manifest is looked at, then it is read, and its manifest once more before and
# after; of every image: whether there is one already.
GETS_PER_SOURCE = 3
PUTS_PER_SOURCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a backfill asks of the services."""

    listed: int
    made: int
    looked_at: int
    batches: int
    invocations: int
    lambda_seconds: float
    batch_seconds: float
    """What all batches take together, as executions of Step Functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one service costs, and how that comes about."""

    service: str
    arithmetic: str
    dollars: float


def expected(survey: Survey, deployment: Deployment) -> Load:
    """Return what is asked if all goes well: every batch is tried once."""
    batches = ceil(survey.objects / deployment.batch_size)
    looked_at = survey.current + survey.unreviewed
    making = survey.to_make * deployment.variants * SECONDS_PER_IMAGE
    seconds = making + looked_at * SECONDS_PER_LOOK
    return Load(
        listed=survey.objects,
        made=survey.to_make,
        looked_at=looked_at,
        batches=batches,
        invocations=batches,
        lambda_seconds=seconds,
        batch_seconds=seconds,
    )


def most_objects(survey: Survey) -> int:
    """Return how many objects are read at most: some may come before the listing is read again.

    Without room for them those at the end of the listing would be cut off.
    """
    return survey.objects + max(100, survey.objects // 100)


def at_most(survey: Survey, deployment: Deployment, limits: Limits) -> Load:
    """Return what is asked if all goes as badly as it can: every batch is tried to the end."""
    objects = most_objects(survey)
    batches = ceil(objects / deployment.batch_size)
    invocations = batches * deployment.attempts
    # What runs when the state machine is out of time goes on until the function is.
    time = most_seconds(batches, deployment, limits) + deployment.timeout_seconds
    return Load(
        listed=objects,
        made=objects * deployment.attempts,
        looked_at=0,
        batches=batches,
        invocations=invocations,
        lambda_seconds=min(
            invocations * deployment.timeout_seconds, deployment.max_concurrency * time
        ),
        batch_seconds=batches * limits.batch_seconds,
    )


def costs(load: Load, deployment: Deployment, limits: Limits) -> list[Cost]:
    """Return what *load* costs, service by service."""
    return [
        _reading(load, deployment),
        _writing(load, deployment),
        _function(load, deployment),
        _executions(load, limits),
    ]


def seconds(load: Load, deployment: Deployment) -> float:
    """Return how long it takes if the work is spread evenly."""
    return load.lambda_seconds / min(deployment.max_concurrency, max(1, load.batches))


def most_seconds(batches: int, deployment: Deployment, limits: Limits) -> float:
    """Return after how long it is over, whatever happens."""
    rounds = ceil(batches / deployment.max_concurrency)
    return min(rounds * limits.batch_seconds, limits.total_seconds)


def report(survey: Survey, deployment: Deployment, limits: Limits) -> Iterator[str]:
    """Yield the lines that tell all of it to whoever has to decide."""
    yield from _findings(survey)
    yield ""
    load = expected(survey, deployment)
    yield from _table(costs(load, deployment, limits))
    time = seconds(load, deployment)
    yield f"Time: {_duration(time)}, with {deployment.max_concurrency} batches at once."
    yield f"{SECONDS_PER_IMAGE} s per image are an assumption; your own log lines tell better."
    if time > limits.total_seconds:
        yield (
            f"That is more than the {_duration(limits.total_seconds)} of timeout_hours:"
            " run it again for the rest."
        )
    yield ""
    most = at_most(survey, deployment, limits)
    yield (
        f"At most, whatever happens: {most.listed:,} objects in {most.batches:,} batches, each"
        f" tried {deployment.attempts} times for {deployment.timeout_seconds} s:"
    )
    rows = costs(most, deployment, limits)
    yield from _table(rows)
    longest = _duration(most_seconds(most.batches, deployment, limits))
    yield (
        f"No more than {_money(sum(row.dollars for row in rows))} and {longest}, and less when more"
        f" than {deployment.tolerated_failure_percentage:g} % of the objects fail."
    )
    yield "Records, completion events and logs come on top, if they are on."


def _findings(survey: Survey) -> Iterator[str]:
    about = "" if survey.is_exact else "about "
    of_pipeline = f"{survey.sources:,} are for the pipeline ({_size(survey.bytes)})"
    yield f"{survey.objects:,} objects, of which {of_pipeline}:"
    yield f"  {about}{survey.current:,} are up to date"
    if survey.unreviewed:
        yield f"  {about}{survey.unreviewed:,} wait for a review and are left alone"
    yield f"  {about}{survey.to_make:,} are to be made"


def _reading(load: Load, deployment: Deployment) -> Cost:
    each = GETS_PER_SOURCE + deployment.variants
    pages = ceil(load.listed / 1000)
    return Cost(
        service="S3, reading",
        arithmetic=f"({load.made:,} × {each} + {load.looked_at:,}) × {_price(S3_GET, 1000)}"
        f" + {pages:,} × {_price(S3_PUT, 1000)}",
        dollars=(load.made * each + load.looked_at) * S3_GET + pages * S3_PUT,
    )


def _writing(load: Load, deployment: Deployment) -> Cost:
    each = PUTS_PER_SOURCE + deployment.variants
    return Cost(
        service="S3, writing",
        arithmetic=f"{load.made:,} × {each} × {_price(S3_PUT, 1000)}",
        dollars=load.made * each * S3_PUT,
    )


def _function(load: Load, deployment: Deployment) -> Cost:
    gigabytes = deployment.memory_mb / 1024
    price = LAMBDA_GB_SECOND[deployment.architecture]
    return Cost(
        service="Lambda",
        arithmetic=f"{load.lambda_seconds:,.1f} s × {gigabytes:.3f} GB × ${price:.10f}"
        f" + {load.invocations:,} × {_price(LAMBDA_REQUEST, 1_000_000)}",
        dollars=load.lambda_seconds * gigabytes * price + load.invocations * LAMBDA_REQUEST,
    )


def _executions(load: Load, limits: Limits) -> Cost:
    """The start of every batch is a transition, and so is every try of a Standard one."""
    if not limits.is_express:
        transitions = load.batches + load.invocations
        return Cost(
            service="Step Functions",
            arithmetic=f"({load.batches:,} + {load.invocations:,}) × {_price(TRANSITION, 1000)}",
            dollars=transitions * TRANSITION,
        )
    return Cost(
        service="Step Functions",
        arithmetic=f"{load.batches:,} × ({_price(TRANSITION, 1000)}"
        f" + {_price(EXPRESS_REQUEST, 1_000_000)})"
        f" + {load.batch_seconds:,.1f} s × {EXPRESS_GB} GB × ${EXPRESS_GB_SECOND:.8f}",
        dollars=load.batches * (TRANSITION + EXPRESS_REQUEST)
        + load.batch_seconds * EXPRESS_GB * EXPRESS_GB_SECOND,
    )


def _table(rows: list[Cost]) -> Iterator[str]:
    width = max(len(row.arithmetic) for row in rows)
    for row in rows:
        yield f"  {row.service:14}  {row.arithmetic:{width}}  {_money(row.dollars):>10}"
    yield f"  {'':14}  {'':{width}}  {_money(sum(row.dollars for row in rows)):>10}"


def _price(dollars: float, per: int) -> str:
    return f"${dollars * per:g}/{per:,}"


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:,.4f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{ceil(seconds)} s"
    if seconds < 2 * 3600:
        return f"{ceil(seconds / 60)} min"
    return f"{seconds / 3600:,.1f} h"


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"

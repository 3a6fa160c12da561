"""The jobs that the benchmark measures, and their target times."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The pipeline's limits as multiples of another engine's time."""

    sharp: float | None = None
    bytes_of_sharp: float | None = None
    naive: float | None = None
    unmarked: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Make a picture at each of *widths*, fitting a square, in *format* at *quality*."""

    name: str
    sources: str
    format: str
    target: Target = Target()
    quality: int = 80
    widths: tuple[int, ...] = (1024,)
    progressive: bool = False
    mark: str = ""  # "text" or "logo": drawn by the pipeline only
    threads: int = 1
    rounds: int = 7

    def as_words(self) -> dict[str, object]:
        """Return this work in types that JSON has."""
        return asdict(self)


def _jpeg(name: str, sources: str, target: Target, **details: object) -> Work:
    # The pipeline writes progressive JPEG, so its peers do too.
    return Work(
        name=name,
        sources=sources,
        format="jpeg",
        target=target,
        progressive=True,
        # The fields of a variant have different types.
        **details,  # type: ignore[arg-type]
    )


WORKS = (
    _jpeg("JPEG to JPEG", "jpeg", Target(sharp=1.20, naive=0.27)),
    _jpeg("the same, two threads", "jpeg", Target(sharp=1.10), threads=2),
    _jpeg("progressive JPEG to JPEG", "progressive", Target(sharp=1.05, naive=0.45)),
    _jpeg("JPEG to JPEG, text", "jpeg", Target(unmarked=1.05), mark="text"),
    _jpeg("JPEG to JPEG, logo", "jpeg", Target(unmarked=1.05), mark="logo"),
    Work(
        name="JPEG to WebP",
        sources="jpeg of 12 MP",
        format="webp",
        target=Target(sharp=0.85, bytes_of_sharp=1.0, naive=0.40),
    ),
    Work(
        name="JPEG to AVIF",
        sources="jpeg of 12 MP",
        format="avif",
        quality=60,
        target=Target(sharp=1.10, bytes_of_sharp=1.02),
        rounds=5,
    ),
    Work(
        name="PNG with alpha to PNG",
        sources="png",
        format="png",
        target=Target(sharp=1.35, bytes_of_sharp=0.90, naive=0.60),
    ),
    Work(name="PNG with alpha to WebP", sources="png", format="webp"),
    _jpeg(
        "three JPEG from one",
        "jpeg",
        Target(sharp=1.00, naive=0.20),
        widths=(1600, 800, 320),
        rounds=5,
    ),
)

"""A short run of the fuzzer; `make fuzz` is the long one."""

from collections import Counter

from pipeline.sandbox import InProcess

from tests.unit.imaging.fuzz import failures, mutant, outcome, seeds


def test_every_seed_is_valid() -> None:
    outcomes = {name: outcome(InProcess(), file) for name, file in seeds().items()}
    assert outcomes == dict.fromkeys(seeds(), "rendered")


def test_mutants_are_reproducible_and_differ() -> None:
    assert mutant(3) == mutant(3) != mutant(4)


def test_damaged_files_are_rendered_or_rejected() -> None:
    outcomes: Counter[str] = Counter()
    assert list(failures(map(mutant, range(250)), outcomes)) == []
    assert outcomes.total() == 250
    assert outcomes.keys() >= {"rendered", "corrupt-image"}

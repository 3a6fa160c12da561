"""A short run of the fuzzer; `make fuzz` is the long one."""

from tests.unit.imaging.fuzz import failures, mutant, outcome, seeds


def test_seeds_are_sound() -> None:
    assert {name: outcome(file) for name, file in seeds().items()} == dict.fromkeys(seeds(), "made")


def test_mutants_are_reproducible_and_differ() -> None:
    assert mutant(3) == mutant(3) != mutant(4)


def test_damage_is_rejected_or_rendered_and_nothing_else() -> None:
    assert list(failures(range(250))) == []

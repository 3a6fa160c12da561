"""Collect the events that the sandbox reports."""

from collections.abc import Mapping


class Reports(list[tuple[str, Mapping[str, object]]]):
    """Every event with its facts, in order."""

    def __call__(self, event: str, facts: Mapping[str, object]) -> None:
        self.append((event, facts))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self]

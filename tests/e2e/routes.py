"""The two routes from the source bucket to the function, behind one interface."""

from collections.abc import Sequence
from typing import Any, Protocol

from tests.e2e.conftest import Pipeline, eventually
from tests.e2e.workflow import Workflow


class Route(Protocol):
    """A deployed route."""

    name: str

    def has_succeeded(self, key: str) -> bool:
        """Wait until *key* has been processed, and return whether no attempt failed."""

    def has_failed(self, key: str) -> bool:
        """Wait until *key* has been processed, and return whether every attempt failed."""

    def redrive_options(self) -> Sequence[str]:
        """Return the options of `redrive` for this route."""


class DirectRoute:
    """The bucket notifies the function, and Lambda retries."""

    name = "direct"

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        pipeline.apply()

    def has_succeeded(self, key: str) -> bool:
        return self._messages(key)[-1] in ("published", "rejected")

    def has_failed(self, key: str) -> bool:
        return self._messages(key) == ["failed"] * 3

    def redrive_options(self) -> Sequence[str]:
        return "--function", self._pipeline.outputs["function_name"]

    def _messages(self, key: str) -> list[str]:
        """Return the log messages of all attempts after the last one."""

        def look() -> list[str] | None:
            found = [line["message"] for line in self._pipeline.lines(key)]
            return found if len(found) == 3 or set(found) - {"failed"} else None

        return eventually(look, what=f"the last attempt for {key}")


class WorkflowRoute(Workflow):
    """EventBridge starts an execution of the state machine, which retries."""

    def __init__(self, pipeline: Pipeline, **options: Any) -> None:
        super().__init__(pipeline, **options)
        self.name = self.role

    def has_succeeded(self, key: str) -> bool:
        return self.statuses(key) == ["SUCCEEDED"]

    def has_failed(self, key: str) -> bool:
        return self.statuses(key) == ["FAILED"]

    def redrive_options(self) -> Sequence[str]:
        return "--workflow", self.arn

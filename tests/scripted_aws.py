"""Scripted AWS: each operation has one response, and no request leaves the process.

Requests and responses are validated against botocore's models of the services.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import boto3
import botocore.session
from botocore.loaders import create_loader
from botocore.model import OperationModel
from botocore.validate import validate_parameters

_LOADER = create_loader()  # shared, because it caches the services' models


class Status(NamedTuple):
    """The part of an HTTP response that botocore reads."""

    status_code: int


class ScriptedAws:
    """Responses by operation name: the fields of the result, or an error code."""

    def __init__(self, **responses: Mapping[str, Any] | str) -> None:
        self.responses = dict(responses)
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def session(self, region: str | None = "eu-west-1") -> boto3.Session:
        core = botocore.session.get_session()
        core.register_component("data_loader", _LOADER)
        session = boto3.Session(
            region_name=region,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            botocore_session=core,
        )
        session.events.register("provide-client-params", self._note)
        # Handlers of this event may return a response, though its type does not say so.
        session.events.register("before-call", self._respond)  # type: ignore[arg-type]
        return session

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Return the parameters of every call of *operation*."""
        return [params for name, params in self.requests if name == operation]

    def _note(self, params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        self.requests.append((model.name, dict(params)))

    def _respond(self, model: OperationModel, **_: Any) -> tuple[Status, dict[str, Any]]:
        response = self.responses[model.name]
        if isinstance(response, str):
            error = {"Code": response, "Message": f"{model.name} says {response}"}
            return Status(400), {"Error": error, "ResponseMetadata": {"HTTPHeaders": {}}}
        if model.output_shape:
            validate_parameters(response, model.output_shape)
        return Status(200), {**response, "ResponseMetadata": {"HTTPHeaders": {}}}

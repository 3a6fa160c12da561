"""The deployed upload API, from a caller's view."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.e2e.conftest import Pipeline, eventually
from tools.local.up import page_address

MAX_MEGABYTES = 20

ROLE = FUNCTION = "image-pipeline"


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class UploadApi:
    """The API of *pipeline*, with the options that were applied last."""

    pipeline: Pipeline
    outputs: Mapping[str, Any] = field(default_factory=dict)

    def ask_for(self, variants: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Apply the API with *options*, beside metadata and events, perhaps to other *variants*."""
        variables: dict[str, Any] = {
            "max_source_megabytes": MAX_MEGABYTES,
            "metadata": {"deletion_protection": False},
            "events": {},
            "upload_api": options,
            **({"variants": variants} if variants else {}),
        }
        self.outputs = self.pipeline.apply(**variables)

    def switch_off(self) -> None:
        """Apply the pipeline without it, and without metadata and events."""
        self.outputs = self.pipeline.apply()

    @property
    def address(self) -> str:
        """The URL of the API, with a slash at the end."""
        return page_address(self.pipeline.cloud, self.outputs)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        token: str | None = None,
        signed_by: Credentials | None = None,
    ) -> Response:
        """Send a request, with a *token* or a signature if one is given."""
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = AWSRequest(
            method, self.address + path, headers, json.dumps(body) if body else None
        )
        if signed_by:
            SigV4Auth(signed_by, "execute-api", "eu-central-2").add_auth(request)
        return self._send(
            method, self.address + path, headers=dict(request.headers), body=request.data
        )

    def form(self, content: bytes, **identity: Any) -> dict[str, Any]:
        """Return the response to a request for a form for the JPEG *content*."""
        wanted = {"filename": "My cat.jpg", "content_type": "image/jpeg", "size": len(content)}
        response = self.call("POST", "uploads", body=wanted, **identity)
        assert response.status == 201, response.body
        form: dict[str, Any] = response.json
        return form

    def post(self, upload: Mapping[str, Any], content: bytes, **changes: str) -> Response:
        """Post a file with a form, with *changes* of its fields."""
        fields = {**upload["fields"], **changes, "file": ("cat.jpg", content, "image/jpeg")}
        return self._send("POST", upload["url"], fields=fields)

    def outcome(self, form: Mapping[str, Any], **identity: Any) -> dict[str, Any]:
        """Wait until the upload by *form* is processed, and return its status."""

        def look() -> dict[str, Any] | None:
            response = self.call("GET", form["status_url"], **identity)
            assert response.status in (200, 404), response.body
            state: dict[str, Any] = response.json
            return None if state["status"] in ("waiting", 404) else state

        return eventually(look, what=form["key"])

    def preflight(self, url: str, *, origin: str) -> Response:
        """Send the preflight request of a browser for a page of *origin* that posts to *url*."""
        headers = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        }
        return self._send("OPTIONS", url, headers=headers)

    def get(self, url: str) -> Response:
        """Follow a link, as a browser would."""
        return self._send("GET", url)

    def shell(self, credentials: Credentials) -> dict[str, str]:
        """Return the environment of a shell with *credentials*, in which `$api` is the address.

        Some versions of curl sign a path as it is, so there is nothing in this that is encoded.
        """
        cloud = self.pipeline.cloud
        return {
            **cloud.environment,
            "CURL_CA_BUNDLE": str(cloud.home / "authority.pem"),
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            **({"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}),
            "api": f"{cloud.endpoint}/_aws/execute-api/{self.outputs['upload_api_id']}",
        }

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        authority: Path = self.pipeline.cloud.home / "authority.pem"
        return urllib3.PoolManager(ca_certs=str(authority), retries=False)

    def _send(self, method: str, url: str, **content: Any) -> Response:
        response = self._http.request(method, url, **content)
        return Response(status=response.status, headers=response.headers, body=response.data)


@contextmanager
def without(pipeline: Pipeline, policy: str, *, role: str = ROLE) -> Iterator[None]:
    """Remove one policy from the function's role, or from another, during the context."""
    iam = pipeline.iam
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def policies(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return the actions that every policy of the role allows."""
    names = pipeline.iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    documents: dict[str, Any] = {
        name: pipeline.iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"]
        for name in names
    }
    return {
        name: [action for statement in document["Statement"] for action in statement["Action"]]
        for name, document in documents.items()
    }

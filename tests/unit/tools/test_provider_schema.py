"""Terraform gets the schema of the types that are used; every other call passes unchanged."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from tools import ROOT
from tools.provider_schema import only, small_schema, types_in

SERVICE = "/tfplugin5.Provider"


def field(number: int, value: bytes) -> bytes:
    """Return a field of bytes in a Protocol Buffers message; lengths from 128 take two bytes."""
    length = len(value)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return bytes([number << 3 | 2]) + size + value


def entry(number: int, name: str, value: bytes) -> bytes:
    return field(number, field(1, name.encode()) + field(2, value))


PROVIDER = field(1, b"the provider's own schema")
BUCKET = entry(2, "aws_s3_bucket", b"b" * 300)
IDENTITY = entry(3, "aws_caller_identity", b"i")
UNUSED = entry(2, "aws_glue_job", b"g" * 200) + entry(3, "aws_ami", b"a")
CAPABILITIES = field(6, bytes([1 << 3, 1]))
FUNCTION = entry(7, "arn_parse", b"f")
SCHEMA = PROVIDER + UNUSED + BUCKET + IDENTITY + CAPABILITIES + FUNCTION


class Provider(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Returns the schema, or the request in capitals; one method fails."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def service(self, details: Any) -> Any:
        def respond(request: bytes, context: Any) -> bytes:
            self.calls.append(details.method)
            if details.method.endswith("/Fail"):
                context.abort(grpc.StatusCode.UNAVAILABLE, "no such luck")
            return SCHEMA if details.method.endswith("Schema") else request.upper()

        return grpc.unary_unary_rpc_method_handler(respond)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    provider = Provider()
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, [provider])
        server.add_insecure_port(f"unix:{tmp_path}/socket")
        server.start()
        yield provider
        server.stop(None).wait()


@pytest.fixture
def proxy(provider: Provider, tmp_path: Path) -> Iterator[Any]:
    """Return a channel to the proxy."""
    with (
        small_schema(f"{tmp_path}/socket", tmp_path) as path,
        grpc.insecure_channel(f"unix:{path}") as channel,
    ):
        yield channel


def test_only_the_named_types_are_kept_and_all_other_fields() -> None:
    found = only({"aws_s3_bucket", "aws_caller_identity"}, SCHEMA)

    assert found == PROVIDER + BUCKET + IDENTITY + CAPABILITIES + FUNCTION


def test_a_message_in_another_form_is_refused() -> None:
    fixed32 = bytes([9 << 3 | 5]) + b"1234"

    with pytest.raises(ValueError, match="field 9 has the wire type 5"):
        only(set(), PROVIDER + fixed32)


@pytest.mark.parametrize(
    "method", ["/tfplugin5.Provider/GetSchema", "/tfplugin6.Provider/GetProviderSchema"]
)
def test_the_provider_is_asked_for_its_schema_once(
    provider: Provider, proxy: Any, method: str
) -> None:
    get_schema = proxy.unary_unary(method)

    expected = PROVIDER + BUCKET + IDENTITY + CAPABILITIES + FUNCTION
    assert get_schema(b"") == get_schema(b"") == expected
    assert provider.calls == [method]


def test_other_calls_and_their_errors_pass_unchanged(proxy: Any) -> None:
    assert proxy.unary_unary(f"{SERVICE}/PlanResourceChange")(b"plan") == b"PLAN"
    with pytest.raises(grpc.RpcError) as caught:
        proxy.unary_unary(f"{SERVICE}/Fail")(b"")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == "no such luck"


def test_streams_of_the_plugin_library_hold_no_thread(provider: Provider, proxy: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(proxy.unary_stream("/plugin.GRPCStdio/StreamStdio")(b""))

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert provider.calls == []


def test_types_are_those_of_the_repository_and_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('data "aws_elb_service_account" "it" {}')

    types = types_in(ROOT, tmp_path)

    assert {"aws_s3_bucket", "aws_cloudfront_distribution", "aws_elb_service_account"} <= types
    assert len(types) < 150

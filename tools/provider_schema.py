"""Give Terraform only the part of the AWS provider's schema that the repository uses.

Terraform reads the schema of every resource type in each of its commands. There are 1,500 types,
which takes more than half of a plan's processor time. A proxy between Terraform and the provider
sends those named in a configuration, and passes everything else on.
"""

import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc

from tools import ROOT

_SERVICE: Final = re.compile(r"/tfplugin\d\.Provider/")  # of either version of the protocol
_GET_SCHEMA: Final = (".Provider/GetSchema", ".Provider/GetProviderSchema")
# The maps of resource types and of data sources in GetProviderSchema.Response, and the key of a
# map's entry: https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol
_TYPES: Final = (2, 3)
_KEY: Final = 1

_CALLS_AT_ONCE: Final = 32  # Terraform makes ten, and one to stop them
_UNLIMITED: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@contextmanager
def small_schema(socket: str, folder: Path) -> Iterator[str]:
    """Yield the path of a socket for Terraform, a proxy of the provider's *socket*.

    Terraform then knows the types that files of the repository or of *folder* name, and no other.
    """
    with (
        TemporaryDirectory() as place,
        grpc.insecure_channel(f"unix:{socket}", _UNLIMITED) as provider,
        ThreadPoolExecutor(_CALLS_AT_ONCE) as threads,
    ):
        server = grpc.server(threads, [_Proxy(provider, types_in(ROOT, folder))], None, _UNLIMITED)
        path = f"{place}/provider"
        server.add_insecure_port(f"unix:{path}")
        server.start()
        try:
            yield path
        finally:
            server.stop(None).wait()


def types_in(*folders: Path) -> set[str]:
    """Return the types that configurations in *folders* and their modules name."""
    patterns = ("*.tf", "modules/*/*.tf", "examples/*/*.tf", "tests/terraform/*.hcl")
    files = (file for folder in folders for pattern in patterns for file in folder.glob(pattern))
    return {name for file in files for name in re.findall(r"\baws_\w+", file.read_text())}


def only(types: Collection[str], schema: bytes) -> bytes:
    """Return *schema*, a GetProviderSchema.Response, without all types but *types*."""
    return b"".join(
        field
        for number, field, value in _fields(schema)
        if number not in _TYPES or _key(value) in types
    )


class _Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Passes calls on to *provider*, as bytes, and keeps its schema.

    Calls of HashiCorp's plugin library are refused, such as endless streams of what the provider
    prints: Terraform does without them.
    """

    def __init__(self, provider: Any, types: Collection[str]) -> None:
        self._provider = provider
        self._types = types
        self._schema = b""

    def service(self, details: Any) -> Any:
        if not _SERVICE.match(details.method):
            return None
        return grpc.unary_unary_rpc_method_handler(self._passing_on(details.method))

    def _passing_on(self, method: str) -> Callable[[bytes, Any], bytes]:
        call = self._provider.unary_unary(method)

        def pass_on(request: bytes, context: Any) -> bytes:
            try:
                if not method.endswith(_GET_SCHEMA):
                    response: bytes = call(request)
                    return response
                self._schema = self._schema or only(self._types, call(request))
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            return self._schema

        return pass_on


def _key(entry: bytes) -> str:
    return next(value for number, _, value in _fields(entry) if number == _KEY).decode()


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the number of each field in a Protocol Buffers *message*, its bytes, and its value."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type not in (0, 2):
            raise ValueError(f"field {number} has the wire type {wire_type}")
        value, at = _varint(message, at)
        end = at + value if wire_type == 2 else at
        yield number, message[start:end], message[at:end]
        at = end


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the integer at *at*, seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at

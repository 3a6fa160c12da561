"""A token issuer for tests, which serves its keys over HTTPS as OpenID Connect specifies."""

import json
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

AUDIENCE = "photos"


class Issuer:
    """Signs tokens with one key of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, subject: str | None, *, key: RSAPrivateKey | None = None, **claims: Any) -> str:
        """Return a token for *subject*, with other *claims* or another *key* than usual."""
        header = {"alg": "RS256", "kid": "test", "typ": "JWT"}
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "iat": now - 10, "exp": now + 600}
        body = {**usual, **({"sub": subject} if subject else {}), **claims}
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(body).encode())}"
        signature = (key or self._key).sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_encoded(signature)}"

    def document(self, path: str) -> dict[str, Any] | None:
        """Return what is served under *path*."""
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "test"}
        key |= {"n": _encoded(_bytes(public.n)), "e": _encoded(_bytes(public.e))}
        documents: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
            },
            "/keys": {"keys": [key]},
        }
        return documents.get(path)


@contextmanager
def running_issuer(certificates: Path) -> Iterator[Issuer]:
    """Serve an issuer on 127.0.0.1 with the certificate of the local cloud in *certificates*."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = issuer.document(self.path)
            self.send_response(200 if document else 404)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class has this name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    issuer = Issuer(f"https://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()

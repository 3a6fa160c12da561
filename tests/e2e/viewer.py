"""A viewer of images on the CDN of a local cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from tools.local.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A response of the CDN."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_hit(self) -> bool:
        return self.headers["x-cache"] == "Hit from cloudfront"


@dataclass(frozen=True)
class Viewer:
    """Connects to *cloud* itself, because not every resolver knows names below localhost."""

    cloud: Cloud

    def get(self, url: str, method: str = "GET", **headers: str) -> Shown:
        """Request *url*; the names of *headers* have underscores."""
        parts = urlsplit(url)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            parts.port,
            ca_certs=str(self.cloud.home / "authority.pem"),
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
            retries=False,
        )
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        with pool:
            response = pool.urlopen(method, target, headers={"host": parts.netloc, **given})
        return Shown(status=response.status, headers=response.headers, body=response.data)

    def get_plain(self, url: str) -> Shown:
        """Request *url* without TLS."""
        parts = urlsplit(url)
        plain = urlsplit(self.cloud.plain_endpoint)
        with urllib3.HTTPConnectionPool("127.0.0.1", plain.port, retries=False) as pool:
            response = pool.urlopen("GET", parts.path, headers={"host": parts.netloc})
        return Shown(status=response.status, headers=response.headers, body=response.data)

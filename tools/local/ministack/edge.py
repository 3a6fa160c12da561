"""Complete MiniStack's CloudFront with an edge location. Nothing here runs on AWS.

MiniStack applies a distribution's behaviours, methods and response headers, and reads its bucket as
the bucket's policy allows. Added here, following CloudFront's developer guide: names that every
browser resolves to this machine, a cache that obeys the cache policy and the error responses,
invalidations, and signed URLs. There is one edge location, and it compresses nothing.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from ministack.core import iam_evaluator
from ministack.services import cloudfront

from tools.local.ministack.guard import App, Receive, Scope, Send
from tools.local.ministack.signed_urls import refusal

DOMAIN: Final = "cloudfront.localhost"
"""Browsers and curl resolve names below localhost to this machine: RFC 6761, section 6.3."""

_ERROR_SECONDS: Final = 10  # the default of a distribution
_CONDITIONS: Final = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
)
_MOST_STORED: Final = 500

_original_domain = cloudfront._cloudfront_domain
_original_fetch = cloudfront._fetch_from_origin


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    """A response of the origin, with its arrival and expiry as values of `time.monotonic`."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    until: float


@dataclass(slots=True, kw_only=True)
class _Request:
    """A viewer's request to *distribution*, and whether it was a cache hit."""

    distribution: Mapping[str, Any]
    cache_policy: Mapping[str, int]
    is_hit: bool = False


@dataclass(slots=True)
class _Cache:
    """Responses by distribution, method and address, and the number of completed invalidations."""

    stored: dict[tuple[str, str, str], _Response] = field(default_factory=dict)
    invalidated: dict[str, int] = field(default_factory=dict)

    def get(self, key: tuple[str, str, str]) -> _Response | None:
        self._invalidate(key[0])
        found = self.stored.get(key)
        return found if found and time.monotonic() < found.until else None

    def put(self, key: tuple[str, str, str], response: _Response) -> None:
        self.stored.pop(key, None)
        if len(self.stored) >= _MOST_STORED:
            del self.stored[next(iter(self.stored))]
        self.stored[key] = response

    def _invalidate(self, distribution: str) -> None:
        batches = cloudfront._invalidations.get(distribution, [])
        for batch in batches[self.invalidated.get(distribution, 0) :]:
            for pattern in map(
                cloudfront._glob_to_regex, batch["InvalidationBatch"]["Paths"]["Items"]
            ):
                for key in [key for key in self.stored if key[0] == distribution]:
                    if pattern.match(key[2].partition("?")[0]):
                        del self.stored[key]
        self.invalidated[distribution] = len(batches)


_cache = _Cache()
_request: ContextVar[_Request | None] = ContextVar("request", default=None)


def install() -> None:
    """Complete MiniStack with domain names for new distributions, and with the cache."""
    cloudfront._cloudfront_domain = _local_domain
    cloudfront._fetch_from_origin = _fetch


def _local_domain() -> str:
    label = _original_domain().partition(".")[0]
    return f"{label}.{DOMAIN}:{os.environ['GATEWAY_PORT']}"


def served(behind: App) -> App:
    """Return an application that serves distributions by name, and *behind* for other names."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        host = _headers(scope).get("host", "") if scope["type"] == "http" else ""
        if distribution := _distribution(host):
            status, headers, body = await _respond(distribution, host, scope)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await behind(scope, receive, send)

    return serve


def _distribution(host: str) -> Mapping[str, Any] | None:
    """Return the distribution with that domain name, its own or an alias."""
    name = host.lower()
    for distribution in cloudfront._distributions.values():
        aliases = cloudfront._get_distribution_aliases(distribution)
        if name == distribution["DomainName"] or name.partition(":")[0] in aliases:
            return dict(distribution)
    return None


async def _respond(
    distribution: Mapping[str, Any], host: str, scope: Scope
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    # Requests to buckets use the viewer's protocol, which bucket policies may require.
    iam_evaluator.pin_request_origin(scope["client"][0], scope["scheme"] == "https")
    path, query = scope["raw_path"].decode(), scope["query_string"].decode()
    parsed = cloudfront.parse_distribution_dataplane_config(distribution)
    behavior = cloudfront._match_behavior(parsed, scope["path"])
    policy = cloudfront._cache_policies.get(behavior["cache_policy_id"])
    if policy is None:
        raise NotImplementedError("the edge knows no behaviour without a cache policy of its own")
    request = _Request(distribution=distribution, cache_policy=policy["Config"])
    keys = dict(_trusted_keys(distribution))
    if sentence := refusal(f"https://{host}{path}", query, keys) if keys else None:
        response = cloudfront._cf_error_response(403, sentence, "Error from cloudfront")
    else:
        token = _request.set(request)
        try:
            response = await cloudfront.handle_viewer_request(
                distribution,
                scope["method"],
                scope["path"],
                path,
                query,
                {**_headers(scope), "x-forwarded-proto": scope["scheme"]},
                b"",
                parse_qs(query, keep_blank_values=True),
            )
        finally:
            _request.reset(token)
    status, headers, body = response
    output = {**headers, "X-Cache": "Hit from cloudfront"} if request.is_hit else headers
    content = b"" if scope["method"] == "HEAD" else body
    return status, [(name.encode(), str(value).encode()) for name, value in output.items()], content


async def _fetch(
    origin: Mapping[str, Any],
    method: str,
    uri: str,
    query: str,
    headers: Mapping[str, str],
    *others: Any,
) -> tuple[int, str, Mapping[str, str], bytes]:
    """Return a response from the cache, or fetch it from the origin into the cache.

    MiniStack has already reduced the query to the cache policy's key. Range requests go to the
    origin.
    """
    request = _request.get()
    if request is None or "range" in headers:
        # MiniStack has no types.
        return await _original_fetch(origin, method, uri, query, headers, *others)  # type: ignore[no-any-return]
    key = (request.distribution["Id"], method, f"{uri}?{query}")
    stored = _cache.get(key)
    request.is_hit = stored is not None
    if stored is None:
        whole = {name: value for name, value in headers.items() if name not in _CONDITIONS}
        status, reason, answered, body = await _original_fetch(
            origin, method, uri, query, whole, *others
        )
        at = time.monotonic()
        until = at + _seconds(request, status, answered)
        stored = _Response(
            status=status, reason=reason, headers=answered, body=body, at=at, until=until
        )
        _cache.put(key, stored)
    age = {"age": str(int(time.monotonic() - stored.at))} if request.is_hit else {}
    if stored.status == 200 and _matches(headers.get("if-none-match", ""), stored.headers["etag"]):
        kept = {
            name: stored.headers[name]
            for name in ("etag", "cache-control")
            if name in stored.headers
        }
        return 304, "Not Modified", kept | age, b""
    return stored.status, stored.reason, {**stored.headers, **age}, stored.body


def _seconds(request: _Request, status: int, headers: Mapping[str, str]) -> float:
    """Return how long to cache a response: "Manage how long content stays in the cache"."""
    if status >= 400:
        return _error_seconds(request.distribution).get(status, _ERROR_SECONDS)
    policy = request.cache_policy
    directives = dict(_directives(headers.get("cache-control", "")))
    if directives.keys() & {"no-store", "no-cache", "private"}:
        return policy["MinTTL"]
    output = directives.get("s-maxage", directives.get("max-age"))
    seconds = policy["DefaultTTL"] if output is None else min(int(output), policy["MaxTTL"])
    return max(seconds, policy["MinTTL"])


def _directives(header: str) -> Iterator[tuple[str, str]]:
    for directive in header.lower().split(","):
        name, _, value = directive.strip().partition("=")
        yield name, value.strip('"')


def _error_seconds(distribution: Mapping[str, Any]) -> dict[int, float]:
    """Return how long *distribution* caches errors of each status."""
    found = cloudfront._dist_config_el(distribution).iter()
    return {
        int(cloudfront._text(element, "ErrorCode")): float(seconds)
        for element in found
        if cloudfront._local_tag_name(element) == "CustomErrorResponse"
        and (seconds := cloudfront._text(element, "ErrorCachingMinTTL"))
    }


def _trusted_keys(distribution: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the ids and PEMs of the keys that may sign URLs; none if access is public."""
    for group in cloudfront._trusted_key_group_ids(distribution):
        for key in cloudfront._key_groups[group]["Config"]["Items"]:
            yield key, cloudfront._public_keys[key]["Config"]["EncodedKey"]


def _matches(condition: str, etag: str) -> bool:
    return etag in {tag.strip().removeprefix("W/") for tag in condition.split(",")}


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }

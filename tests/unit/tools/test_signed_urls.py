"""A signed URL is served as CloudFront would serve it: for its image, its time and its key only."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tools.local.ministack.signed_urls import refusal

ADDRESS = "https://images.example.com/cats/a%20b%2Bc.png"
LATER = datetime.now(UTC) + timedelta(hours=1)
EARLIER = datetime.now(UTC) - timedelta(hours=1)

PRIVATE_KEY = generate_private_key(public_exponent=65537, key_size=2048)
PEM = PRIVATE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
KEYS = {"K1": PEM.decode()}


def signer(key_id: str = "K1") -> CloudFrontSigner:
    return CloudFrontSigner(
        key_id,
        lambda message: PRIVATE_KEY.sign(message, PKCS1v15(), SHA1()),  # noqa: S303 - CloudFront's
    )


def refused(url: str) -> str | None:
    address, _, query = url.partition("?")
    return refusal(address, query, KEYS)


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}?width=100"])
def test_a_signed_url_is_served_until_it_expires(address: str) -> None:
    assert refused(signer().generate_presigned_url(address, date_less_than=LATER)) is None
    expired = signer().generate_presigned_url(address, date_less_than=EARLIER)
    assert refused(expired) == "Access denied"


def test_a_policy_may_cover_many_images_from_some_time_on() -> None:
    def url(resource: str, since: datetime) -> str:
        policy = signer().build_policy(resource, LATER, date_greater_than=since)
        return str(signer().generate_presigned_url(ADDRESS, policy=policy))

    assert refused(url("https://images.example.com/cats/*", EARLIER)) is None
    assert refused(url("https://images.example.com/dogs/*", EARLIER)) == "Access denied"
    assert refused(url("https://images.example.com/cats/*", LATER)) == "Access denied"


def test_a_signature_is_of_one_image_only() -> None:
    url = signer().generate_presigned_url(ADDRESS, date_less_than=LATER)
    assert refused(url.replace("/cats/", "/dogs/")) == "Access denied"


def test_a_later_end_is_not_signed() -> None:
    url = signer().generate_presigned_url(ADDRESS, date_less_than=EARLIER)
    later = f"Expires={int(time.time()) + 60}"
    assert refused(url.replace(f"Expires={int(EARLIER.timestamp())}", later)) == "Access denied"


def test_another_key_is_not_trusted() -> None:
    url = signer("K2").generate_presigned_url(ADDRESS, date_less_than=LATER)
    assert refused(url) == "Access denied"


@pytest.mark.parametrize(
    "query",
    [
        "Key-Pair-Id=K1",
        "Key-Pair-Id=K1&Expires=x&Signature=x",
        "Key-Pair-Id=K1&Policy=e30_&Signature=x",
        "Key-Pair-Id=K1&Expires=9999999999&Signature=AAAA",
    ],
)
def test_what_is_no_signature_is_refused(query: str) -> None:
    assert refused(f"{ADDRESS}?{query}") == "Access denied"


def test_an_unsigned_url_is_refused() -> None:
    assert refused(ADDRESS) == "Missing Key-Pair-Id query parameter or cookie value"

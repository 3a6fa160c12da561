"""Check signed URLs as CloudFront's developer guide describes. Nothing here runs on AWS.

Signed cookies and conditions on IP addresses are not supported, and refused.
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_OWN: Final = ("Expires", "Policy", "Signature", "Key-Pair-Id")
_TO_BASE64: Final = str.maketrans("-_~", "+=/")


def refusal(address: str, query: str, keys: Mapping[str, str]) -> str | None:
    """Return why *address* with its *query* is refused; None if one of *keys* signed it.

    *keys* maps ids to public keys in PEM.
    """
    parameters = dict(parse_qsl(query))
    if "Key-Pair-Id" not in parameters:
        return "Missing Key-Pair-Id query parameter or cookie value"
    try:
        policy = _policy(_with_rest(address, query), parameters)
        key = load_pem_public_key(keys[parameters["Key-Pair-Id"]].encode())
        if not isinstance(key, RSAPublicKey):
            return "Access denied: the local cloud knows RSA keys only"
        signature = base64.b64decode(parameters["Signature"].translate(_TO_BASE64))
        key.verify(signature, policy, PKCS1v15(), SHA1())  # noqa: S303 - CloudFront's choice
        [statement] = json.loads(policy)["Statement"]
        return None if _allows(statement, _with_rest(address, query)) else "Access denied"
    except (ValueError, KeyError, InvalidSignature):
        return "Access denied"


def _with_rest(address: str, query: str) -> str:
    """Return *address* with the part of *query* that does not belong to the signature."""
    rest = [(name, value) for name, value in parse_qsl(query) if name not in _OWN]
    return f"{address}?{urlencode(rest)}" if rest else address


def _policy(address: str, parameters: Mapping[str, str]) -> bytes:
    """Return the signed policy: the given one, or the canned one for *address*."""
    if "Policy" in parameters:
        return base64.b64decode(parameters["Policy"].translate(_TO_BASE64))
    expiry = {"DateLessThan": {"AWS:EpochTime": int(parameters["Expires"])}}
    statement = {"Resource": address, "Condition": expiry}
    return json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()


def _allows(statement: Mapping[str, Any], address: str) -> bool:
    conditions = dict(statement["Condition"])
    until = conditions.pop("DateLessThan")["AWS:EpochTime"]
    since = conditions.pop("DateGreaterThan", {"AWS:EpochTime": 0})["AWS:EpochTime"]
    resource = re.escape(statement["Resource"]).replace(r"\*", ".*").replace(r"\?", ".")
    is_it = re.fullmatch(resource, address) is not None
    return is_it and since <= time.time() < until and not conditions

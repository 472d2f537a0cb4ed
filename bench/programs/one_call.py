"""The one signed call that the floors make: which one, by their event, and its headers.

It lies beside a floor's index.py in its code folder. Standard library only, as signing needs no more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from uuid import uuid4

CLUSTER = "c1f0a2b3c4d5e6f708192a3b4c5d6e7f8"


def described(event: bytes) -> tuple[str, dict[str, str]]:
    """Path and headers of a GET: an ENS event asks for the cluster, any other for the instance it names."""
    told = json.loads(event)
    if told["source"] == "acs.ens":
        path = f"/clusters/{CLUSTER}"
        return path, signed("DescribeClusterDetail", "2015-12-15", path)
    path = f"/openapi/instances/{told['data']['instanceId']}"
    return path, signed("DescribeInstance", "2017-06-13", path)


def host() -> str:
    """Host and port of all services."""
    return os.environ["ENLIST_ENDPOINT_URL"].partition("://")[2]


def signed(action: str, version: str, path: str) -> dict[str, str]:
    """The headers of a GET, signed with ACS3-HMAC-SHA256."""
    headers = {
        "host": host(),
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": uuid4().hex,
        "x-acs-version": version,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"GET\n{path}\n\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"].encode()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    key_id = os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"]
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"
    )
    return headers

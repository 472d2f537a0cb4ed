"""The signing vectors, and the vendor's own V3 signature, to compare with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "signing.json").read_text(encoding="utf-8"))

V3_VECTORS: list[dict[str, Any]] = [
    vector for vector in VECTORS["vectors"] if vector["authorization"].startswith("ACS3-HMAC-SHA256 ")
]


def official_authorization(
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body_sha256: str,
    key: tuple[str, str],
) -> str:
    """The `Authorization` that alibabacloud-tea-openapi computes for the same request."""
    request = DaraRequest()
    request.method = method
    request.pathname = path
    request.query = dict(query)
    request.headers = dict(headers)
    return str(Utils.get_authorization(request, "ACS3-HMAC-SHA256", body_sha256, *key))

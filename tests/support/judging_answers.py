"""What must be true of every answer of the local cloud, and of its state, whatever was asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from localcloud import LocalCloud

if TYPE_CHECKING:
    from localcloud.message import Request, Response

_ERROR_KEYS = {
    "cs": ("code", "message"),
    "fc2": ("ErrorCode", "ErrorMessage"),
    "eventbridge2015": ("code", "message"),
}
_ID_HEADERS = {
    "fc": "x-fc-request-id",
    "fc2": "x-fc-request-id",
    "mns": "x-mns-request-id",
    "oss": "x-oss-request-id",
}
# Functions hold code, which no state shows: they are made by calls.
_NO_SEED = ("fc",)
_XML_SERVICES = frozenset({"mns", "oss"})


def judge(cloud: LocalCloud, request: Request, response: Response) -> None:
    """Raises AssertionError unless the answer is one that the vendor could give."""
    call = cloud.calls[-1]
    service = str(call["service"])
    shown = f"{request.method} {request.path[:200]}?{request.query[:200]} {request.body[:200]!r}: {response}"
    assert 200 <= response.status < 300 or 400 <= response.status < 500 or response.status == 501, shown
    assert call["status"] == response.status, shown
    header = _ID_HEADERS.get(service, "x-acs-request-id")
    assert response.headers.get(header) == call["requestId"], shown
    for name, value in response.headers.items():
        assert "\n" not in value, shown
        assert "\r" not in value, shown
        value.encode("latin-1")
        assert name == name.lower(), shown
    if request.method == "HEAD":
        assert response.body == b"", shown
        return
    refused = response.status >= 400 or (service == "eventbridge" and not strict(response.body)["Success"])
    assert (_error_of(service, response) if refused else "") == call["code"], shown
    if "json" in response.headers.get("content-type", ""):
        strict(response.body)


def _error_of(service: str, response: Response) -> Any:
    """The code of an error in the service's own shape."""
    if service in _XML_SERVICES:
        root = ET.fromstring(response.body)  # noqa: S314 - our own answer
        found = {child.tag.rpartition("}")[2]: child.text for child in root}
        if root.tag.endswith("Errors"):  # a batch that was done in part
            return ""
        assert found["Message"]
        return found["Code"]
    body = strict(response.body)
    code, message = _ERROR_KEYS.get(service, ("Code", "Message"))
    assert body[message]
    return body[code]


def judge_state(cloud: LocalCloud) -> None:
    """Raises AssertionError unless the state is JSON and a seed, and the state of that seed is, too.

    What is under way is not in a seed, so the second state may differ from the first, but no third from it.
    """
    states = [cloud.state()]
    for _ in range(2):
        for part in _NO_SEED:
            states[-1].pop(part, None)
        with LocalCloud(now=cloud.clock.now()) as other:
            other.seed(strict(json.dumps(states[-1], allow_nan=False).encode()))
            states.append(other.state())
    assert states[1] == states[2]


def strict(content: bytes) -> Any:
    """JSON that says nothing which JSON has no word for."""
    return json.loads(content.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")

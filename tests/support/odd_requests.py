"""Requests that nobody sends, for every action, as hypothesis draws them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from localcloud import LocalCloud, catalogue
from localcloud.message import FORM_TYPE, Request
from tests.support.cloud_client import edge_seed, search_seed
from tests.support.cloud_modes import Plain, plain_request
from tests.support.queues import QUEUE, seed_queue

SUPPORTED = [(service, action) for service, actions in LocalCloud().supported.items() for action in actions]

_TEXTS = [
    *("", "0", "1", "-1", "007", "99999999999999999999", "1.5", "1e400", "NaN", "true", "null"),
    *("c1", "i-1", "es-1", "es-2", QUEUE, "default", "LATEST", "vpc-local", "cn-hangzhou", "running", "all"),
    *(
        "[]",
        "{}",
        "[[]]",
        '["i-1"]',
        '["i-1", 1]',
        '[{"Key":1}]',
        '[{"Key":"a","Value":"b"}]',
        "[1",
        '"\\ud800"',
    ),
    *(
        "é/ ",
        "²",
        "٣",
        "\x00",
        "\x7f",
        "\U0001f600",
        "\ufffe",
        "a\r\nb: c",
        "%",
        "%zz",
        "+",
        "../..",
        "a,b,,",
        "*",
    ),
    *("<a>&'\"", "' or 1=1 --", "2026-11-22T03:27:00Z", "acs:ram::1:role/x", "x" * 70_000),
    *("[" * 5000, '["\\ud800"]', '[{"Key":"\\ud800"}]', "[NaN]", '{"a":' * 100 + "1" + "}" * 100),
]
TEXTS = st.sampled_from(_TEXTS) | st.text(max_size=8)
_NUMBERS = st.sampled_from([0, 1, -1, 1.5, 2**31, 2**63, 2**64, -(2**70), 1e308, math.nan, math.inf])
_JSON_TEXTS = TEXTS | st.just("\ud800")
_LEAVES = st.none() | st.booleans() | _NUMBERS | _JSON_TEXTS


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_JSON_TEXTS, inner, max_size=3),
    max_leaves=6,
) | st.just(_deep(400))
# Bodies that are no object of the action's keys.
_BODIES = st.sampled_from(
    [
        *(
            b"",
            b"null",
            b"[]",
            b'"text"',
            b"0",
            b"{",
            b'{"a":}',
            b"\xff\xfe",
            b"NaN",
            b'{"a": NaN}',
            b"[" * 3000,
        ),
        *(b'{"a":' * 400 + b"1" + b"}" * 400, b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}', b"\x00" * 10),
        *(b"<Message/>", b"<a><b>", b"<Messages><Message/></Messages>", b"<!DOCTYPE a><a/>", b"x" * 200_000),
    ]
) | VALUES.map(lambda value: json.dumps(value).encode())
_TYPES = st.sampled_from(
    [
        "application/json",
        FORM_TYPE,
        "text/xml",
        "multipart/form-data",
        "application/json; charset=utf-7",
        "",
        "x",
    ]
)
_METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get", "TRACE", "X"])
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_HEADERS = st.sampled_from(
    [
        ("x-fc-log-type", "Tail"),
        ("x-fc-log-type", "é"),
        ("x-fc-invocation-type", "Later"),
        ("x-acs-version", "1999-01-01"),
        ("x-acs-action", "Nothing"),
        ("x-acs-action", "é"),
        ("if-match", "*"),
        ("accept", "text/xml"),
        ("host", "cs.cn-beijing.aliyuncs.com"),
        ("host", "[::1"),
        ("content-md5", "AAAA"),
        ("range", "bytes=5-"),
    ]
)
_AUTHORIZATIONS = st.sampled_from(
    [
        *(
            "",
            "x",
            "Basic dGVzdDp0ZXN0",
            "acs",
            "acs test",
            "acs test:x",
            "acs é:x",
            "MNS test:x",
            "FC test:x",
        ),
        *("acs:test:x", "OSS test:x", "OSS4-HMAC-SHA256 Credential=test", "ACS3-HMAC-SHA256", "acs :"),
        "ACS3-HMAC-SHA256 Credential=test,SignedHeaders=host;é,Signature=x",
        "ACS3-HMAC-SHA256 Credential=test,SignedHeaders=host;x-acs-date,Signature=é",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
    ]
)
_DATES = st.sampled_from(
    ["", "today", "2026-11-22T03:27:00Z", "9999-99-99T00:00:00Z", "Sun, 22 Nov 2026 03:27:00 GMT", "²"]
)


def furnish(cloud: LocalCloud) -> None:
    """Puts something of each kind into a cloud."""
    nodes = [{"instance_id": "i-2"}]
    cloud.seed({**edge_seed(2, nodes=nodes), **search_seed({"connectedClusters": ["es-2"]}, {}, {})})
    seed_queue(cloud, b"a", b"{}")
    rule = {"RuleName": "i-1", "Targets": [{"Id": "1", "Type": "acs.mns.queue", "Endpoint": QUEUE}]}
    cloud.seed(
        {"eventbridge": {"buses": [{"EventBusName": "c1", "Rules": [rule]}, {"EventBusName": "es-1"}]}}
    )
    cloud.seed({"oss": {"buckets": [{"Name": "default", "objects": [{"Key": "i-1", "Content": "AAAA"}]}]}})


@st.composite
def requests_of(draw: st.DrawFn, target: tuple[str, str]) -> Plain:
    """A request of an action: its own names with any values, and then perhaps spoilt."""
    service, action = target
    operation = catalogue.load(service).named(action)
    parts = {name: draw(TEXTS.filter(bool)) for name in _PATH_PARAMETER.findall(operation.path)}
    plain = plain_request(service, action, {**parts, **_MINIMAL.get(action, {})})
    names = sorted(operation.query)
    flat = [f"{name}.{tail}" for name in names for tail in ("1", "1.Key", "1.Value", "99999999999", "x")]
    query = draw(st.dictionaries(st.sampled_from([*names, *flat, "Odd"]), TEXTS, max_size=4)) if names else {}
    plain = replace(plain, query={**plain.query, **query})
    keys = sorted(operation.body - {"*"})
    if keys:
        body = draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=5))
        headers = {**plain.headers, "content-type": "application/json"}
        plain = replace(plain, content=json.dumps(body).encode(), headers=headers)
    return draw(spoilt(plain)) if draw(st.booleans()) else plain


# What the actions of MNS write into a body, which no catalogue lists.
_MINIMAL: dict[str, dict[str, Any]] = {
    "SendMessage": {"MessageBody": "x"},
    "BatchSendMessage": {"MessageBodies": ["x"]},
    "BatchDeleteMessage": {"ReceiptHandles": ["8-x"]},
}


@st.composite
def spoilt(draw: st.DrawFn, plain: Plain) -> Plain:
    """The request with one or two things wrong."""
    for _ in range(draw(st.integers(1, 2))):
        match draw(
            st.sampled_from(
                ["query", "query", "key", "key", "body", "type", "form", "method", "path", "header"]
            )
        ):
            case "query":
                name = draw(st.sampled_from([*plain.query, "Odd", ""]))
                kept = {key: value for key, value in plain.query.items() if key != name}
                added = {name: draw(TEXTS)} if draw(st.integers(0, 3)) else {}
                plain = replace(plain, query={**kept, **added})
            case "key":
                plain = replace(plain, content=draw(_other_key(plain.content)))
            case "body":
                plain = replace(plain, content=draw(_BODIES))
            case "type":
                plain = replace(plain, headers={**plain.headers, "content-type": draw(_TYPES)})
            case "form":
                form = urlencode(plain.query, errors="replace").encode()
                headers = {**plain.headers, "content-type": FORM_TYPE}
                plain = replace(plain, query={}, headers=headers, content=form)
            case "method":
                plain = replace(plain, method=draw(_METHODS))
            case "path":
                steps = plain.path.split("/")
                steps[draw(st.integers(0, len(steps) - 1))] = quote(draw(TEXTS), safe="", errors="replace")
                plain = replace(plain, path="/" + "/".join(steps).lstrip("/"))
            case _:
                name, value = draw(_HEADERS)
                plain = replace(plain, headers={**plain.headers, name: value})
    return plain


@st.composite
def _other_key(draw: st.DrawFn, content: bytes) -> bytes:
    """A JSON body with a value changed, added or left out at any depth; other content with other bytes."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        # A body that is deep enough breaks the reader, here as there.
        place = draw(st.integers(0, len(content)))
        return content[:place] + draw(st.binary(max_size=3)) + content[place + 1 :]
    if not isinstance(body, dict) or not body:
        return json.dumps(draw(VALUES)).encode()
    owner: Any = body
    while True:
        key = draw(st.sampled_from(sorted(owner) if isinstance(owner, dict) else range(len(owner))))
        if isinstance(owner[key], dict | list) and owner[key] and draw(st.booleans()):
            owner = owner[key]
            continue
        break
    match draw(st.sampled_from(["change", "change", "change", "drop", "add"])):
        case "drop":
            del owner[key]
        case "add" if isinstance(owner, dict):
            owner[draw(TEXTS)] = draw(VALUES)
        case _:
            owner[key] = draw(VALUES)
    return json.dumps(body).encode()


@st.composite
def claims(draw: st.DrawFn, plain: Plain) -> Plain:
    """The request with a signature that is none."""
    headers = {**plain.headers, "authorization": draw(_AUTHORIZATIONS), "x-acs-content-sha256": draw(TEXTS)}
    for name in ("date", "x-acs-date", "x-mns-date", "x-oss-date"):
        headers[name] = draw(_DATES)
    query = (
        {"Signature": "x", "AccessKeyId": "test", "Timestamp": draw(_DATES)} if draw(st.booleans()) else {}
    )
    return replace(plain, headers=headers, query={**plain.query, **query})


def request_of(plain: Plain) -> Request:
    """The request as it comes over the wire."""
    headers = {"host": "127.0.0.1", **{name: _as_header(value) for name, value in plain.headers.items()}}
    query = urlencode(plain.query, errors="replace")
    return Request(plain.method, plain.path, query, headers, plain.content)


def _as_header(value: str) -> str:
    """What a server makes of the bytes of a header."""
    return value.encode("utf-8", "replace").decode("latin-1")

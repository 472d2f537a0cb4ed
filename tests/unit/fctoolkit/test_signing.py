"""The signature: the vendor's vectors, and the vendor's code on arbitrary requests."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.signing import (
    EMPTY_BODY_SHA256,
    canonical_headers,
    canonical_query,
    is_signed_header,
    sha256_hex,
    sign,
)
from tests.support.api_vectors import V3_VECTORS, VECTORS, official_authorization

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADER_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
PATHS = st.lists(TEXT, max_size=4).map(
    lambda segments: "/" + "/".join(quote(text, safe="~") for text in segments)
)


@pytest.mark.parametrize("vector", V3_VECTORS, ids=lambda vector: vector["name"])
def test_every_vector_comes_out_identical(vector: dict[str, Any]) -> None:
    """The canonical request, the string to sign and the Authorization equal those of the vendor's clients."""
    headers = {name: value for name, value in vector["headers"].items() if name != "Authorization"}

    signed = sign(
        method=vector["method"],
        path=vector["path"],
        query=vector["query"],
        headers=headers,
        body_sha256=headers["x-acs-content-sha256"],
        access_key_id=vector.get("access_key_id", VECTORS["meta"]["access_key_id"]),
        access_key_secret=vector.get("access_key_secret", VECTORS["meta"]["access_key_secret"]),
    )

    assert vector["canonical_request"] == signed.canonical_request
    assert vector["string_to_sign"] == signed.string_to_sign
    assert vector["authorization"] == signed.authorization
    assert headers["x-acs-content-sha256"] == sha256_hex((vector["body"] or "").encode())


def test_all_v3_vectors_are_looked_at() -> None:
    """A vector that gets lost, or one of another signature, is noticed."""
    assert len(V3_VECTORS) == 14


@settings(max_examples=300)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=PATHS,
    query=st.dictionaries(TEXT, TEXT, max_size=5),
    headers=st.dictionaries(HEADER_NAMES, TEXT, max_size=5),
    body=st.binary(max_size=100),
    secret=TEXT,
)
def test_any_request_gets_the_vendors_signature(
    *, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, secret: str
) -> None:
    """Any path, query, header and secret, and any bytes as body, are signed as the vendor's client signs."""
    signed = sign(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body_sha256=sha256_hex(body),
        access_key_id="key",
        access_key_secret=secret,
    )

    expected = official_authorization(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body_sha256=hashlib.sha256(body).hexdigest(),
        key=("key", secret),
    )
    assert signed.authorization == expected


def test_an_empty_path_is_signed_as_the_root() -> None:
    """A request without a path is signed as one for `/`."""
    signed = sign(
        method="POST",
        path="",
        query={},
        headers={"host": "h"},
        body_sha256=EMPTY_BODY_SHA256,
        access_key_id="k",
        access_key_secret="s",
    )

    assert signed.canonical_request.startswith("POST\n/\n\nhost:h\n\nhost\n")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ""),
        ({"b": "2", "a": "1"}, "a=1&b=2"),
        ({"token": ""}, "token="),
        ({"a": "x y/~*+é"}, "a=x%20y%2F~%2A%2B%C3%A9"),
        ({"B": "1", "a": "2"}, "B=1&a=2"),
    ],
)
def test_the_query_has_one_canonical_form(query: dict[str, str], expected: str) -> None:
    """Names are sorted by code point, values percent-encoded, empty values kept."""
    assert expected == canonical_query(query)


def test_header_names_that_differ_by_case_are_one_header() -> None:
    """Their values are sorted and joined, so that the order they were set in does not matter."""
    assert canonical_headers({"X-Acs-A": " 2 ", "x-acs-a": "1"}) == ("x-acs-a:1,2\n", "x-acs-a")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Host", True), ("content-type", True), ("X-Acs-Date", True), ("user-agent", False), ("accept", False)],
)
def test_the_minimal_set_of_headers_is_signed(*, name: str, expected: bool) -> None:
    """Only what the vendor asks for is signed: a proxy may rewrite the rest."""
    assert expected is is_signed_header(name)


def test_the_repr_of_a_signature_shows_no_header() -> None:
    """Neither the canonical request, which may hold a token, nor the Authorization is in the repr."""
    signed = sign(
        method="GET",
        path="/",
        query={},
        headers={"x-acs-security-token": "CAIStoken"},
        body_sha256=EMPTY_BODY_SHA256,
        access_key_id="k",
        access_key_secret="s",
    )

    assert "CAIStoken" in signed.canonical_request
    assert "CAIStoken" not in repr(signed)
    assert signed.authorization not in repr(signed)

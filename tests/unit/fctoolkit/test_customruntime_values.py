"""The custom runtime's translations: headers to context, HTTP request to event, result to reply."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fctoolkit.context import deadline_of
from fctoolkit.credentials import resolve_credentials
from fctoolkit.customruntime.calls import Kind, kind_of
from fctoolkit.customruntime.context import context_of
from fctoolkit.customruntime.httpevent import UnsendableError, event_of, reply_of
from fctoolkit.customruntime.wire import Reply, Request
from fctoolkit.events.parse import parse_event
from fctoolkit.http import HttpEvent, HttpResponse
from localcloud.functions.spec import FunctionSpec
from localcloud.functions.triggers import HttpAnswer, HttpRequest, http_answer, http_event

HEADERS = {
    "x-fc-request-id": "1-a",
    "x-fc-access-key-id": "STS.key",
    "x-fc-access-key-secret": "secret",
    "x-fc-security-token": "token",
    "x-fc-function-name": "attach",
    "x-fc-function-handler": "index.handler",
    "x-fc-function-memory": "1024",
    "x-fc-function-timeout": "30",
    "x-fc-region": "cn-beijing",
    "x-fc-account-id": "42",
    "x-fc-qualifier": "prod",
}
CONTEXT = context_of(HEADERS, {}, handler="index.handler", request_id="own")


def event(request: Request) -> Any:
    """The decoded event of a request."""
    return json.loads(event_of(request, CONTEXT, 1_700_000_000.5))


class TestContext:
    """What a handler learns of its invocation."""

    def test_everything_comes_from_the_headers(self) -> None:
        """Request, function, region, account and credentials are those that FC sent."""
        assert (CONTEXT.request_id, CONTEXT.region, CONTEXT.account_id) == ("1-a", "cn-beijing", "42")
        function = CONTEXT.function
        assert (function.name, function.handler, function.memory) == ("attach", "index.handler", 1024)
        assert (function.timeout, function.qualifier) == (30, "prod")
        assert resolve_credentials({}, CONTEXT).security_token == "token"
        assert 28 < deadline_of(CONTEXT).remaining() <= 29

    def test_the_variables_stand_in(self) -> None:
        """What the headers do not say comes from FC's variables, and the rest has defaults."""
        variables = {"FC_REGION": "cn-hangzhou", "FC_ACCOUNT_ID": "7", "FC_FUNCTION_NAME": "f"}
        context = context_of({}, variables, handler="index.handler", request_id="own")
        assert (context.request_id, context.region, context.account_id) == ("own", "cn-hangzhou", "7")
        assert (context.function.name, context.function.timeout) == ("f", 60)
        assert not context.credentials

    @given(
        st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text()),
        st.dictionaries(st.sampled_from(["FC_REGION", "FC_FUNCTION_MEMORY_SIZE"]), st.text()),
    )
    def test_no_header_makes_it_fail(self, headers: dict[str, str], environ: dict[str, str]) -> None:
        """Whatever stands in headers and variables, there is a context with a positive timeout and memory."""
        function = context_of(headers, environ, handler="h.h", request_id="own").function
        assert function.timeout > 0
        assert function.memory > 0

    def test_half_a_key_is_none(self) -> None:
        """An id without its secret is no credentials."""
        context = context_of({"x-fc-access-key-id": "x"}, {}, handler="h.h", request_id="own")
        assert context.credentials.access_key_id == ""

    def test_secrets_are_not_shown(self) -> None:
        """A context that is printed shows nothing of the key."""
        assert not [word for word in ("STS.key", "secret'", "token'") if word in repr(CONTEXT)]


class TestKinds:
    """Which requests are events, hooks, and requests of an HTTP trigger."""

    @pytest.mark.parametrize(
        ("method", "path", "mark", "kind"),
        [
            ("POST", "/invoke", "", Kind.INVOKE),
            ("POST", "/initialize", "", Kind.INITIALIZE),
            ("GET", "/pre-stop", "", Kind.PRE_STOP),
            ("GET", "/pre-freeze", "", Kind.PRE_FREEZE),
            ("GET", "/invoke", "", Kind.HTTP),
            ("POST", "/invoke/", "", Kind.HTTP),
            ("POST", "/attach", "", Kind.HTTP),
            ("POST", "/invoke", "/http-invoke", Kind.HTTP),
            ("POST", "/initialize", "/http-invoke", Kind.HTTP),
            ("POST", "/invoke", "/invoke", Kind.INVOKE),
            ("POST", "/elsewhere", "/invoke", Kind.INVOKE),
            ("POST", "/invoke", "/unheard-of", Kind.INVOKE),
        ],
    )
    def test_the_mark_decides_then_the_path(self, method: str, path: str, mark: str, kind: Kind) -> None:
        """FC's mark stands above the path, which a caller of an HTTP trigger may choose."""
        headers = (("X-Fc-Control-Path", mark),) if mark else ()
        assert kind_of(Request(method, path, headers)) is kind


class TestEvents:
    """An HTTP request as an event."""

    def test_the_whole_envelope(self) -> None:
        """The toolkit reads from the event what was sent: method, path, query, headers, body, caller."""
        request = Request(
            "POST",
            "/ens/attach%20x?dryRun=true&tag=a&tag=b&empty=",
            (("Host", "x.example:80"), ("content-type", "application/json"), ("X-A", "1"), ("x-a", "2")),
            b'{"a":1}',
            "192.0.2.1",
        )
        made = event(request)
        read = parse_event(json.dumps(made))
        assert isinstance(read, HttpEvent)
        seen = read.request()
        assert (seen.method, seen.path, seen.json()) == ("POST", "/ens/attach x", {"a": 1})
        assert seen.query == {"dryRun": "true", "tag": "a,b", "empty": ""}
        assert (seen.header("x-a"), seen.account_id, seen.request_id) == ("1,2", "42", "1-a")
        assert made["requestContext"]["http"]["sourceIp"] == "192.0.2.1"
        assert (made["requestContext"]["domainName"], made["requestContext"]["domainPrefix"]) == (
            "x.example",
            "x",
        )
        assert made["requestContext"]["timeEpoch"] == "1700000000500"

    def test_the_roles_key_stays_out(self) -> None:
        """No header of FC's own is in the event, so that logging one tells no secret."""
        text = json.dumps(event(Request("GET", "/", tuple(HEADERS.items()))))
        assert "secret" not in text
        assert "x-fc" not in text.lower()

    def test_the_callers_address_cannot_be_invented(self) -> None:
        """Of a chain of addresses the last counts, which FC wrote."""
        chain = (("X-Forwarded-For", "6.6.6.6, 203.0.113.9"),)
        assert event(Request("GET", "/", chain))["requestContext"]["http"]["sourceIp"] == "203.0.113.9"

    @given(
        method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
        path=st.from_regex(r"/([A-Za-z0-9._~%+-]+/?)*", fullmatch=True).filter(lambda text: "//" not in text),
        query=st.from_regex(r"[A-Za-z0-9&=%+._~-]*", fullmatch=True),
        headers=st.dictionaries(
            st.sampled_from(["Content-Type", "X-One", "x-two", "USER-AGENT"]),
            st.sampled_from(["text/plain", "application/json; charset=utf-8", "image/png", "", "a,b"]),
        ),
        body=st.binary(max_size=64),
    )
    def test_it_is_the_event_of_a_built_in_runtime(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> None:
        """What the local cloud's gateway makes of a request, the custom runtime makes of it too."""
        target = f"{path}?{query}" if query else path
        spec = FunctionSpec("f", "f", "index.handler", Path(), account_id="42")
        theirs = json.loads(
            http_event(HttpRequest(method, target, headers, body), spec, "1-a", 1_700_000_000.5)
        )
        ours = event(Request(method, target, tuple(headers.items()), body, "127.0.0.1"))
        for made in (ours, theirs):
            del made["requestContext"]["domainName"], made["requestContext"]["domainPrefix"]
        assert ours == theirs

    @given(st.binary(), st.sampled_from(["", "text/plain", "application/json", "image/png"]))
    def test_no_byte_of_a_body_is_lost(self, body: bytes, kind: str) -> None:
        """Any body comes back from its event, as text or in base64."""
        made = event(Request("POST", "/", (("content-type", kind),), body))
        back = base64.b64decode(made["body"]) if made["isBase64Encoded"] else made["body"].encode()
        assert back == body


class TestReplies:
    """A handler's result as an HTTP response."""

    @pytest.mark.parametrize(
        "result",
        [
            HttpResponse(201, {"a": [1, None]}, {"X-A": "1"}).to_fc(),
            HttpResponse(200, b"\x00\xff").to_fc(),
            HttpResponse(404, "nö").to_fc(),
            {"statusCode": 204},
            {"statusCode": True, "body": "x"},
            {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
            {"statusCode": 200, "body": {"a": 1}},
            ["no", "envelope"],
            "text",
            None,
        ],
    )
    def test_it_is_the_answer_of_a_built_in_runtime(self, result: Any) -> None:
        """A result is the response that the local cloud's gateway makes of it."""
        payload = result.encode() if isinstance(result, str) else json.dumps(result).encode()
        reply = reply_of(payload)
        theirs = http_answer(payload, "r")
        headers = {**dict(reply.headers), "X-Fc-Request-Id": "r"}
        assert HttpAnswer(reply.status, headers, reply.body) == theirs

    def test_what_fc_sets_is_left_out(self) -> None:
        """Headers that FC or the server sets are not taken from the result."""
        headers = {"Content-Length": "99", "x-fc-status": "200", "Server": "mine", "X-A": "1"}
        assert reply_of(json.dumps({"statusCode": 200, "headers": headers}).encode()).headers == (
            ("X-A", "1"),
        )

    def test_a_list_is_so_many_headers(self) -> None:
        """A header whose value is a list is sent once for each."""
        result = {"statusCode": 200, "headers": {"Set-Cookie": ["a=1", "b=2"]}}
        assert reply_of(json.dumps(result).encode()) == Reply(
            200, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
        )

    @pytest.mark.parametrize(
        "result",
        [
            {"statusCode": 99},
            {"statusCode": 600},
            {"statusCode": 200, "headers": {"X-A": "1\r\nX-B: 2"}},
            {"statusCode": 200, "headers": {"X A": "1"}},
            {"statusCode": 200, "headers": {"X-A": "€"}},
        ],
    )
    def test_what_cannot_be_sent_is_an_error(self, result: Any) -> None:
        """A status out of range and a header that would break the response are refused, not sent."""
        with pytest.raises(UnsendableError):
            reply_of(json.dumps(result).encode())

"""Bad input at every door: a typed, logged rejection that names the field, and no call made."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enlist.errors import NotSettledError
from fctoolkit.errors import ConfigurationError, CredentialsError, ToolkitError
from localcloud.conditions.faults import Fault
from tests.support.product import (
    ENS_ID,
    EVENTS,
    TIMER,
    Product,
    custom_event,
    ens_instance,
    http_event,
    sample,
    seed,
)


def changed(name: str, **changes: Any) -> bytes:
    """A sample event with other attributes."""
    return json.dumps({**json.loads(sample(name)), **changes}).encode()


def deep(levels: int) -> bytes:
    """Arrays in arrays, as an event's data."""
    event = json.dumps({"id": "1", "source": "enlist.custom", "type": "ens:Instance:Ready", "data": "@"})
    return event.replace('"@"', "[" * levels + "]" * levels).encode()


BAD: dict[str, tuple[bytes, str]] = {
    "truncated": (sample("ens-custom.json")[:-40], "JSON"),
    "no JSON": (b"mock mns message", "an event of a known shape"),
    "empty": (b"", "an event of a known shape"),
    "unknown object": (b'{"hello": "world"}', "an event of a known shape"),
    "wrong type of type": (changed("ens-custom.json", type=["x"]), "type: expected a string"),
    "wrong type of data": (changed("ens-custom.json", data="i-1"), "data: expected an instance id"),
    "wrong type of id": (changed("ens-custom.json", data={"instanceId": 7}), "data.instanceId: expected"),
    "no id": (changed("ens-custom.json", data={}), "data: expected an instance id"),
    "id with a slash": (custom_event("i-1/../../x"), "data.instanceId: expected letters, digits"),
    "id with a space": (custom_event("i- 1"), "data.instanceId: expected letters, digits"),
    "too many ids": (custom_event(*(f"i-{one}" for one in range(101))), "at most 100 instance ids"),
    "300 KB": (changed("ens-custom.json", padding="x" * 300_000), "at most 262144 bytes"),
    "deep": (deep(5_000), "levels of nesting"),
    "very deep": (deep(100_000), "levels of nesting"),
    "another account": (
        sample("rejected/other-account.json"),
        "aliyunaccountid: expected an event of account",
    ),
    "slash sample": (sample("rejected/id-with-slash.json"), "data.instanceId"),
    "wrong types sample": (sample("rejected/wrong-types.json"), "type: expected a string"),
    "truncated sample": (sample("rejected/truncated.json"), "JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_events_are_rejected(product: Product, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each bad event raises one typed error naming the field, is logged once as rejected, makes no call."""
    raw, words = BAD[name]
    with pytest.raises(NotSettledError) as raised:
        product.attach(raw)
    assert words in str(raised.value)
    assert len(str(raised.value)) < 500
    assert product.cloud.calls == []
    rejected = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in rejected] == ["rejected"]


def test_a_failed_call_is_rejected(product: Product) -> None:
    """An ActionTrail record of a call that failed names its error code, and nothing is looked up."""
    with pytest.raises(NotSettledError, match=r"data\.errorCode: expected a call that succeeded"):
        product.connect(sample("rejected/failed-call.json"))
    assert product.cloud.calls == []


@pytest.mark.parametrize("name", ["elasticsearch-custom.json", "ignored/unknown-source.json"])
def test_events_of_others_are_ignored(product: Product, name: str) -> None:
    """An event that is no signal of this function is told apart from a bad one: ignored, and no call made."""
    answer: Any = product.attach(sample(name))
    assert answer["counts"] == {"ignored": 1}
    assert "not a signal of this function" in answer["outcomes"][0]["reason"]
    assert product.cloud.calls == []


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"instances": []}, "instances", "expected 1 to 100 instance ids, found []"),
        ({"instances": ["i-1"] * 101}, "instances", "expected 1 to 100 instance ids"),
        ({"instances": "i-1"}, "instances", "expected an array"),
        ({"instances": [7]}, "instances[0]", "expected a string, found 7"),
        ({"instances": ["i-1", "a/b"]}, "instances[1]", "letters, digits"),
        ({"instances": ["i-1"], "cluster": "c1"}, "cluster", "expected one of instances"),
        ({"instances": ["i-1"], "dryRun": "yes"}, "dryRun", "expected true or false"),
        ({**json.loads(sample("ens-custom.json")), "dryRun": True}, "dryRun", "goes with instances"),
        ({"hello": "world"}, "instances", "names no instances"),
        ([], "instances", "names no instances"),
        ("{", "body", "JSON"),
        ("", "body", "JSON"),
        ("[1]", "[0]", "an object"),
    ],
)
def test_bad_requests_are_answered(product: Product, body: object, field: str, words: str) -> None:
    """A bad HTTP request is answered 4xx with the field and the request id, and makes no call."""
    answer: Any = product.attach(http_event(body))
    content = json.loads(answer["body"])
    assert answer["statusCode"] in (400, 422)
    assert content["requestId"]
    said = json.dumps(content)
    assert field in said
    assert words in said
    assert product.cloud.calls == []


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 405), ("POST", "/nothing", 404)])
def test_routes_that_do_not_exist(product: Product, method: str, path: str, status: int) -> None:
    """A wrong method or path is answered as HTTP does."""
    answer: Any = product.attach(http_event({"instances": [ENS_ID]}, method=method, path=path))
    assert answer["statusCode"] == status


@pytest.mark.parametrize(
    "body", [{"instances": [ENS_ID]}, {"instanceIds": [ENS_ID]}, json.loads(sample("ens-custom.json"))]
)
def test_a_request_names_instances_or_carries_an_event(product: Product, body: object) -> None:
    """Both kinds of request lead to the same outcome, as JSON."""
    answer: Any = product.attach(http_event(body))
    content = json.loads(answer["body"])
    assert (answer["statusCode"], content["outcomes"][0]["result"]) == (200, "attaching")


def test_a_direct_invocation_names_instances(product: Product) -> None:
    """Without any envelope, the same body works for a direct invocation."""
    answer: Any = product.attach(json.dumps({"instances": [ENS_ID]}).encode())
    assert answer["counts"] == {"attaching": 1}


def test_a_dry_run_never_raises(product: Product) -> None:
    """A dry run by direct invocation returns what it found, refusals too."""
    seed(product.cloud, ens=[ens_instance(Cpu="1")])
    answer: Any = product.attach(json.dumps({"instances": [ENS_ID], "dryRun": True}).encode())
    assert answer["counts"] == {"rejected": 1}


def test_an_api_that_does_not_answer_is_a_502_with_its_reason(product: Product) -> None:
    """The caller of the HTTP door learns what the vendor's API said."""
    product.cloud.add_fault(
        Fault(
            service="ens", action="DescribeInstances", times=9, status=403, code="NoPermission", message="no"
        )
    )
    answer: Any = product.attach(http_event({"instances": [ENS_ID]}))
    assert answer["statusCode"] == 502
    assert "NoPermission" in json.loads(answer["body"])["error"]["message"]


def test_missing_credentials_name_both_places(product: Product) -> None:
    """Without credentials the error says where they were looked for, and no call is made."""
    product.environ = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ""}
    with pytest.raises(CredentialsError, match=r"ALIBABA_CLOUD_ACCESS_KEY_ID.*context\.credentials"):
        product.attach(TIMER)
    assert product.cloud.calls == []


def test_wrong_bindings_stop_the_function(product: Product) -> None:
    """A function whose bindings are wrong does nothing and says which field is."""
    product.edge = [{"name": "x", "match": {}, "cluster": "c", "region": "cn-hangzhou"}]
    with pytest.raises(ConfigurationError, match=r"edge\[0\]\.match"):
        product.attach(TIMER)


def test_secrets_stay_out_of_logs_and_errors(
    product: Product, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong with a signed call, neither key nor token is written or raised."""
    secret, token = "verySecretAccessKeyValue", "verySecretSecurityToken"
    product.environ = {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret, "ALIBABA_CLOUD_SECURITY_TOKEN": token}
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ToolkitError) as raised:
        product.attach(custom_event(ENS_ID))
    told = f"{raised.value!r} {raised.value} {caplog.text} {capfd.readouterr()}"
    assert secret not in told
    assert token not in told
    assert "SignatureDoesNotMatch" in told or "InvalidSecurityToken" in told


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_lead_to_a_call_or_an_untyped_error(product: Product, raw: bytes) -> None:
    """Arbitrary bytes end in a typed error or an ignored event, never in a call."""
    with contextlib.suppress(ToolkitError):
        product.attach(raw)
    assert product.cloud.calls == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(one.name for one in EVENTS.glob("*.json"))),
    st.integers(0, 4_000),
    st.sampled_from([b"", b'"', b"{", b"null", b"9e999", b"\xff", b"[" * 40]),
)
def test_damaged_samples_never_lead_to_an_untyped_error(
    product: Product, name: str, place: int, damage: bytes
) -> None:
    """A sample with something broken into it is taken or refused, never answered with an untyped error."""
    raw = sample(name)
    for function in (product.attach, product.connect):
        with contextlib.suppress(ToolkitError):
            function(raw[:place] + damage + raw[place + len(damage) :])

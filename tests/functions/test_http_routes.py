"""What can be asked of a function over HTTP: plan, sweep, the status of an instance, health."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.conditions.faults import Fault
from tests.support.product import (
    CLUSTER,
    ENS_ID,
    ES_ID,
    HUB_ID,
    Product,
    ens_instance,
    http_event,
    sample,
    seed,
)


def asked(
    product: Product, path: str, body: object = "", *, method: str = "POST", function: str = "attach"
) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of a request to a function's HTTP trigger."""
    answer = getattr(product, function)(http_event(body, method=method, path=path))
    return answer["statusCode"], json.loads(answer["body"])


def test_a_plan_of_everything_tells_what_a_sweep_would_do(product: Product) -> None:
    """POST /plan without a body lists what a sweep would change, and changes nothing."""
    status, content = asked(product, "/plan")
    assert status == 200
    assert content["requestId"]
    assert content["outcomes"] == [
        {
            "instanceId": ENS_ID,
            "result": "ignored",
            "reason": "dry run: it would be attached now",
            "binding": "edge-one",
            "target": CLUSTER,
        }
    ]
    assert product.writes() == []


def test_a_plan_of_pairs_tells_what_would_be_connected(product: Product) -> None:
    """POST /plan on the other function lists the pair, and connects nothing."""
    status, content = asked(product, "/plan", {}, function="connect")
    told = [(one["instanceId"], one["target"]) for one in content["outcomes"]]
    assert (status, told) == (200, [(ES_ID, HUB_ID)])
    assert product.writes() == []


def test_a_plan_of_named_instances_is_about_these(product: Product) -> None:
    """POST /plan with instances answers for each of them, refusals too, with status 200."""
    seed(product.cloud, ens=[ens_instance(), ens_instance("i-small", Cpu="1"), ens_instance("i-other")])
    status, content = asked(product, "/plan", {"instances": ["i-small", ENS_ID]})
    assert status == 200
    assert {one["instanceId"]: one["result"] for one in content["outcomes"]} == {
        "i-small": "rejected",
        ENS_ID: "ignored",
    }
    assert product.writes() == []


def test_a_plan_cannot_be_made_to_act(product: Product) -> None:
    """POST /plan stays a plan whatever dryRun says, and takes no event."""
    asked(product, "/plan", {"instances": [ENS_ID], "dryRun": False})
    status, content = asked(product, "/plan", json.loads(sample("ens-custom.json")))
    assert (status, content["error"]["code"]) == (400, "InvalidRequest")
    assert product.writes() == []


def test_a_dry_run_is_answered_with_200(product: Product) -> None:
    """A question that could be answered is no error, even when the answer is a refusal."""
    seed(product.cloud, ens=[ens_instance(Cpu="1")])
    status, content = asked(product, "/", {"instances": [ENS_ID], "dryRun": True})
    assert (status, content["outcomes"][0]["result"]) == (200, "rejected")
    assert asked(product, "/", {"instances": [ENS_ID]})[0] == 422


def test_a_sweep_can_be_asked_for(product: Product) -> None:
    """POST /sweep does what a timer tick does, and lists what is worth telling."""
    status, content = asked(product, "/sweep")
    assert (status, content["counts"]) == (200, {"attaching": 1})
    assert product.writes() == ["AttachInstances"]
    product.cloud.advance(600)
    again = asked(product, "/sweep", {})
    assert again == (200, {"requestId": again[1]["requestId"], "counts": {"already": 1}, "outcomes": []})


def test_a_sweep_that_rejects_is_no_error_and_one_that_fails_is(product: Product) -> None:
    """A sweep answers 200 when it refuses an instance as at every tick, and 502 when a write failed now."""
    seed(product.cloud, ens=[ens_instance(Cpu="1")])
    assert asked(product, "/sweep")[0] == 200
    seed(product.cloud)
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", times=9, status=403, code="Forbidden", message="no")
    )
    status, content = asked(product, "/sweep")
    assert (status, content["outcomes"][0]["result"]) == (502, "failed")


@pytest.mark.parametrize(("body", "field"), [({"instances": [ENS_ID]}, "instances"), ([1], "body")])
def test_a_sweep_takes_no_body(product: Product, body: object, field: str) -> None:
    """A body that would have no effect is refused by the name of its field."""
    status, content = asked(product, "/sweep", body)
    assert (status, content["error"]["field"]) == (400, field)
    assert product.cloud.calls == []


def test_the_status_of_an_instance(product: Product) -> None:
    """GET /instances/{id} says how an instance stands, before and after, and changes nothing."""
    path = f"/instances/{ENS_ID}"
    before = asked(product, path, method="GET")
    assert (before[0], before[1]["outcomes"][0]["reason"]) == (200, "dry run: it would be attached now")
    assert product.writes() == []
    asked(product, "/sweep")
    product.cloud.advance(600)
    after = asked(product, path, method="GET")[1]["outcomes"][0]
    assert (after["result"], after["target"], after["reason"]) == ("already", CLUSTER, "a node, Ready")


def test_the_status_of_a_pair(product: Product) -> None:
    """GET /instances/{id} on the other function has one outcome for each peer; a region may be named."""
    path = f"/instances/{ES_ID}"
    event = json.loads(http_event("", method="GET", path=path))
    event["queryParameters"] = {"regionId": "cn-hangzhou"}
    answer: Any = product.connect(json.dumps(event).encode())
    (outcome,) = json.loads(answer["body"])["outcomes"]
    assert (outcome["instanceId"], outcome["target"]) == (ES_ID, HUB_ID)
    assert product.writes() == []


@pytest.mark.parametrize("name", ["i-1%2F..%2Fx", "i%201"])
def test_the_status_of_no_instance(product: Product, name: str) -> None:
    """An id that cannot be one is refused, and no call is made."""
    status, content = asked(product, f"/instances/{name}", method="GET")
    assert (status, content["error"]["field"]) == (400, "instances[0]")
    assert product.cloud.calls == []


def test_health_says_what_is_carried_and_calls_nothing(product: Product) -> None:
    """GET /health answers from what the instance has read: its bindings, their modes, the kind of store."""
    status, content = asked(product, "/health", method="GET")
    assert (status, content["status"], content["kind"]) == (200, "ok", "edge")
    assert content["bindings"] == [{"name": "edge-one", "mode": "apply"}]
    assert content["store"] == "none"
    assert content["requestId"]
    assert product.cloud.calls == []


@pytest.mark.parametrize("path", ["/", "/plan", "/sweep"])
def test_a_body_that_is_too_large(product: Product, path: str) -> None:
    """A request that is larger than any event is refused by its body, and is no error of the function."""
    status, content = asked(product, path, {"instances": [ENS_ID], "more": "x" * 256 * 1024})
    assert (status, content["error"]["field"], bool(content["requestId"])) == (400, "body", True)
    assert "262144" in content["error"]["message"]
    assert product.cloud.calls == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/plan", "POST"), ("POST", "/health", "GET"), ("DELETE", "/instances/i-1", "GET")],
)
def test_routes_say_what_they_take(product: Product, method: str, path: str, allowed: str) -> None:
    """A wrong method is answered 405 with the one that is right."""
    answer: Any = product.attach(http_event("", method=method, path=path))
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, allowed)

"""What is promised of every request, with a few hundred of them; `promises` hunts for longer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cloud.promises import PROMISES, WatchedCloud, hunt
from tests.support.cloud_modes import plain_request
from tests.support.cloud_scene import IN_PROCESS, Scene, in_modes, with_functions
from tests.support.odd_requests import request_of, spoilt

HALF = "\ud800"
EXAMPLES = {"answered": 200, "refused": 100, "meddled": 100}


@pytest.mark.parametrize("name", PROMISES)
def test_no_request_breaks_a_promise(name: str) -> None:
    """Spoilt, unsigned or in the middle of a scenario, a request is answered as the vendor could."""
    hunt(name, EXAMPLES[name])


@pytest.mark.parametrize(
    ("service", "action", "parameters"),
    [
        ("cs", "CreateCluster", {"name": HALF, "region_id": "cn-hangzhou"}),
        ("ens", "DescribeInstances", {"Tags": [{"Key": HALF}]}),
        ("fc", "UntagResources", {"ResourceType": "function", "ResourceId": [HALF], "TagKey": ["a"]}),
        ("eventbridge", "PutEvents", {"EventBusName": "default", "EventList": [{"Id": HALF}]}),
        ("eventbridge", "PutEvents", {"EventBusName": "default", "EventList": [{"Data": float("nan")}]}),
        ("eventbridge", "TestEventPattern", {"EventPattern": {"id": ["a"]}, "Event": {"id": HALF}}),
    ],
)
def test_what_no_answer_could_repeat(service: str, action: str, parameters: dict[str, Any]) -> None:
    """Half of a surrogate pair is refused wherever JSON may bring it, in the body and in parameters."""
    with WatchedCloud() as cloud:
        cloud.configure(eventbridge_refusal_status=400)
        assert cloud.handle(request_of(plain_request(service, action, parameters))).status == 400


@in_modes("fc", "fc2", only=(IN_PROCESS,))
def test_no_invocation_breaks_a_promise(at: Scene) -> None:
    """So is one that invokes a function, in either version of the API."""
    with with_functions(at, WatchedCloud()) as own:

        @given(st.data())
        @settings(max_examples=25, database=None)
        def spoil(data: st.DataObject) -> None:
            service = data.draw(st.sampled_from(["fc", "fc2"]))
            plain = plain_request(
                service,
                "InvokeFunction",
                {"serviceName": "app", "functionName": "app-Open_1", "content": b"x"},
            )
            own.cloud.handle(request_of(data.draw(spoilt(plain))))

        spoil()

"""EventBridge's clients, unmodified: rules made by one take events that the other puts to functions.

What the newer client can do beside that is in `tests/cloud/test_eventbridge.py`.
"""

from __future__ import annotations

import gc
import json
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from alibabacloud_eventbridge.client import Client
from alibabacloud_eventbridge.models import CloudEvent, Config
from alibabacloud_eventbridge20200401 import models
from alibabacloud_eventbridge20200401.client import Client as NewerClient
from alibabacloud_tea_openapi.utils_models import Config as NewerConfig
from Tea.exceptions import TeaException

from localcloud.server import running_server
from tests.support.delivering import Scene, delivering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

FUNCTION = "acs:fc:cn-hangzhou:1234567890123456:functions/app-second"
DEAD_LETTERS = "acs:mns:cn-hangzhou:1234567890123456:/queues/records"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Scene, str]]:
    """The functions, deployed in a cloud on a port."""
    with delivering(tmp_path) as scene, running_server(scene.cloud) as url:
        scene.begin()
        yield scene, urlsplit(url).netloc
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


def older(endpoint: str, secret: str = "test", token: str = "") -> Any:  # noqa: S107 - the local cloud's
    """The client of the API of 2015."""
    config = Config(
        endpoint=endpoint, access_key_id="test", access_key_secret=secret, region_id="cn-hangzhou"
    )
    config.security_token = token or None
    return Client(config)


def newer(endpoint: str) -> Any:
    """The client of the API of 2020."""
    keys = {"access_key_id": "test", "access_key_secret": "test"}
    return NewerClient(NewerConfig(endpoint=endpoint, protocol="http", **keys))


def event(bus: str = "", **changes: Any) -> Any:
    """An event as the client has it."""
    fields = {"id": "1", "source": "shop", "type": "shop:Order:Created", "data": b'{"n": 7}', **changes}
    return CloudEvent(**fields, extensions={"aliyuneventbusname": bus} if bus else {})


def test_from_a_bus_to_a_function(served: tuple[Scene, str]) -> None:
    """A bus and a rule of one client; events of the other run the function, or are told why they did not."""
    scene, endpoint = served
    client = newer(endpoint)
    client.create_event_bus(models.CreateEventBusRequest(event_bus_name="mine"))
    target = models.CreateRuleRequestEventTargets(
        id="f",
        type="acs.fc.function",
        endpoint=FUNCTION,
        param_list=[models.CreateRuleRequestEventTargetsParamList(resource_key="Body", form="ORIGINAL")],
        dead_letter_queue=models.CreateRuleRequestEventTargetsDeadLetterQueue(arn=DEAD_LETTERS),
    )
    rule = models.CreateRuleRequest(event_bus_name="mine", rule_name="orders", event_targets=[target])
    rule.filter_pattern = json.dumps({"data": {"n": [7]}})
    assert client.create_rule(rule).body.success
    answer = older(endpoint).put_events([event("mine"), event("mine", id="2", data=b'{"n": 8}')])
    assert (answer.failed_entry_count, [row.event_id for row in answer.entry_list]) == (0, ["1", "2"])
    scene.cloud.deliveries.settle()
    (seen,) = scene.seen("app-second")
    assert (seen["id"], seen["data"], seen["aliyuneventbusname"]) == ("1", {"n": 7}, "mine")
    (entry,) = scene.cloud.became("2")
    assert entry["rules"] == [{"rule": "orders", "matched": False, "reason": "data.n: wanted [7], found 8"}]
    scene.broken()
    older(endpoint).put_events([event("mine", id="3")])
    scene.cloud.deliveries.settle()
    scene.cloud.advance(100)
    (letter,) = scene.bodies("records")
    assert json.loads(letter)["id"] == "3"


def test_the_default_bus(served: tuple[Scene, str]) -> None:
    """An event that names no bus meets the triggers of the template."""
    scene, endpoint = served
    told = older(endpoint).put_events([event(), event("absent")])
    assert (told.failed_entry_count, told.entry_list[1].error_code) == (1, "EventBusNotExist")
    scene.cloud.deliveries.settle()
    assert [one["data"] for one in scene.seen()] == [{"n": 7}]


def test_keys(served: tuple[Scene, str]) -> None:
    """A temporary key works with its token; a wrong secret and a wrong token do not."""
    scene, endpoint = served
    key = {"access_key_id": "test", "access_key_secret": "test", "security_token": "token"}
    with pytest.raises(TeaException, match="signature"):
        older(endpoint, "wrong").put_events([event()])
    scene.cloud.seed(
        {"credentials": {"access_key_id": "k", "access_key_secret": "s"}, "sts_credentials": [key]}
    )
    assert older(endpoint, token="token").put_events([event()]).failed_entry_count == 0
    with pytest.raises(TeaException, match="SecurityToken"):
        older(endpoint, token="other").put_events([event()])

"""Function Compute's own clients, unmodified, invoke functions that the local cloud serves."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from fc2.fc_exceptions import FcError

from localcloud import Fault, LocalCloud
from localcloud.server import running_server
from tests.support.cloud_modes import Keys
from tests.support.deployed import deployed
from tests.support.echo_function import echo_deployment
from tests.support.fc_clients import fc2_client, fc3_invoke
from tests.support.product import ENS_ID, ES_ID, HUB_ID, custom_event, seed, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.functions.running import Ended

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.usefixtures("cleared"),
]

ECHO = "app-Open_1"
BYTES = bytes(range(256))


class Served:
    """A cloud with echoing functions, on a port, and the invocations that ended."""

    def __init__(self, cloud: LocalCloud, url: str) -> None:
        self.cloud = cloud
        self.url = url
        self.ended: list[Ended] = []

    def background(self, number: int) -> list[Ended]:
        """The last background invocations, waited for."""
        deadline = time.monotonic() + 20
        while len(done := [one for one in self.ended if one.background]) < number:
            assert time.monotonic() < deadline, "background invocations did not end within 20 seconds"
            time.sleep(0.01)
        return done[-number:]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Functions that do what their event asks for."""
    with LocalCloud() as cloud, running_server(cloud) as url:
        world = Served(cloud, url)
        folder = tmp_path_factory.mktemp("clients")
        with echo_deployment(folder, url, ended=world.ended.append) as deployment:
            cloud.deploy(deployment, url)
            yield world


def order(**what: Any) -> bytes:
    """An event that the function acts on."""
    return json.dumps(what).encode()


def invoke2(served: Served, event: bytes, keys: Keys | None = None, **options: Any) -> Any:
    """InvokeFunction of FC 2.0, of the echoing function in the template's service unless options say else."""
    options = {"service": "app", "function": ECHO, "headers": {}, **options}
    client = fc2_client(served.url, keys or Keys())
    return client.invoke_function(
        options["service"], options["function"], event, options["headers"], options.get("qualifier")
    )


@contextmanager
def refused3(status: int, code: str) -> Iterator[None]:
    """FC 3.0's client raises with this status and code, and a request id."""
    with pytest.raises((ClientException, ServerException)) as refusal:
        yield
    assert (refusal.value.status_code, refusal.value.code) == (status, code)
    assert refusal.value.request_id


@contextmanager
def refused2(status: int, code: str) -> Iterator[None]:
    """FC 2.0's client raises with this status and code, and a request id."""
    with pytest.raises(FcError) as refusal:
        yield
    assert (refusal.value.status_code, refusal.value.err_code) == (status, code)
    assert len(refusal.value.request_id) == 36


@pytest.mark.parametrize("event", [b"", BYTES, b"x" * 2_000_000], ids=["nothing", "binary", "2 MB"])
def test_events_are_any_bytes(served: Served, event: bytes) -> None:
    """Both clients hand over bytes of any kind and size, and get the result back unchanged."""
    status, headers, body = fc3_invoke(served.url, ECHO, event)
    assert (status, body) == (200, event)
    assert headers["x-fc-invocation-duration"].isdecimal()
    assert "x-fc-error-type" not in headers
    assert invoke2(served, event).data == event


def test_a_call_is_listed_with_the_functions_request_id(served: Served) -> None:
    """The id in the answer is the one that the function saw and that `calls` lists, for both APIs."""
    _, headers, body = fc3_invoke(served.url, ECHO, order(do="count"), qualifier="LATEST")
    first = served.cloud.calls[-1]
    answer = invoke2(served, order(do="count"), qualifier="LATEST")
    second = served.cloud.calls[-1]
    assert json.loads(body)["seen"][-1] == headers["x-fc-request-id"] == first["requestId"]
    assert answer.headers["X-Fc-Request-Id"] == second["requestId"]
    assert [(call["service"], call["action"], call["status"], call["code"]) for call in (first, second)] == [
        ("fc", "InvokeFunction", 200, ""),
        ("fc2", "InvokeFunction", 200, ""),
    ]


def test_the_instance_is_named(served: Served) -> None:
    """The answer names the instance that ran, by the id that the function has in its environment."""
    _, headers, body = fc3_invoke(served.url, ECHO, order(do="instance"))
    assert headers["x-fc-instance-id"] == body.decode()
    assert invoke2(served, b"").headers["x-fc-instance-id"] == body.decode()


def test_the_end_of_the_logs(served: Served) -> None:
    """Log type Tail brings the last 4 KB of the logs, to both clients."""
    event = order(do="log much")
    _, headers, _ = fc3_invoke(served.url, ECHO, event, x_fc_log_type="Tail")
    other = invoke2(served, event, headers={"x-fc-log-type": "Tail"}).headers
    for told in (headers, other):
        logs = base64.b64decode(told["x-fc-log-result"])
        assert len(logs) == 4096
        end, _, report = logs.decode().rpartition("\n\n")
        assert end.endswith(f"FC Invoke End RequestId: {told['x-fc-request-id']}")
        assert report.endswith(f"Max Memory Used: {float(told['x-fc-max-memory-usage']):.2f} MB")


def test_errors_of_a_function(served: Served) -> None:
    """A function's error is a 200 with FC's payload and X-Fc-Error-Type; FC 2.0's client raises it."""
    status, headers, body = fc3_invoke(served.url, ECHO, order(do="fail"))
    assert (status, headers["x-fc-error-type"]) == (200, "UnhandledInvocationError")
    assert json.loads(body)["errorMessage"] == "asked to"
    with pytest.raises(FcError, match="asked to"):
        invoke2(served, order(do="fail"))
    assert served.cloud.calls[-1]["status"] == 200


def test_a_custom_runtime_that_does_not_start(served: Served) -> None:
    """A server that cannot be started is an error of FC's own in both APIs, and is listed with its code."""
    with refused3(412, "CAExited"):
        fc3_invoke(served.url, "app-broken", b"")
    with refused2(412, "CAExited"):
        invoke2(served, b"", function="app-broken")
    assert served.cloud.calls[-1]["code"] == "CAExited"


def test_background_invocations(served: Served) -> None:
    """Async is a 202 at once; the invocations run at the same time, and how they ended is told."""
    before = len([one for one in served.ended if one.background])
    slow = order(do="count", seconds=1)
    status, headers, body = fc3_invoke(
        served.url, ECHO, slow, x_fc_invocation_type="Async", x_fc_async_task_id="task_1"
    )
    other = invoke2(served, order(do="fail"), headers={"x-fc-invocation-type": "Async"})
    assert len([one for one in served.ended if one.background]) == before
    assert (status, body, headers["x-fc-async-task-id"]) == (202, b"", "task_1")
    assert (other.headers["x-fc-async-task-id"] != "", other.data) == (True, b"")
    ended = served.background(before + 2)[-2:]
    assert [(one.invocation.request_id, one.invocation.ok) for one in ended] == [
        (other.headers["x-fc-request-id"], False),
        (headers["x-fc-request-id"], True),
    ]


def test_no_instance_is_left(served: Served) -> None:
    """When no instance may take a request, both clients get FC's 429."""
    deployment = served.cloud.deliveries.deployment
    spec = deployment.named(ECHO)
    assert spec is not None
    deployment.put(replace(spec, reserved=0))
    with refused3(429, "ResourceExhausted"):
        fc3_invoke(served.url, ECHO, b"")
    with refused2(429, "ResourceExhausted"):
        invoke2(served, b"")
    deployment.put(spec)
    assert fc3_invoke(served.url, ECHO, b"")[0] == 200


def test_functions_that_are_not_there(served: Served) -> None:
    """Unknown functions, services, versions and aliases have the vendor's codes, and the known are named."""
    with refused3(404, "FunctionNotFound"):
        fc3_invoke(served.url, "nobody", b"")
    with refused3(404, "AliasNotFound"):
        fc3_invoke(served.url, ECHO, b"", qualifier="prod")
    with refused3(404, "VersionNotFound"):
        fc3_invoke(served.url, ECHO, b"", qualifier="3")
    with refused2(404, "ServiceNotFound"):
        invoke2(served, b"", service="other")
    with refused2(404, "FunctionNotFound"):
        invoke2(served, b"", function="nobody")
    with refused2(404, "AliasNotFound"):
        invoke2(served, b"", qualifier="prod")
    with pytest.raises(FcError, match=r"the template.*s is .*app"):
        invoke2(served, b"", service="other")
    with pytest.raises(ClientException, match="app-signed"):
        fc3_invoke(served.url, "nobody", b"")


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (Keys(secret="wrong"), "SignatureNotMatch"),
        (Keys(key_id="unknown"), "InvalidAccessKeyID"),
        (Keys("STS.1", "s", "wrong"), "AccessDenied"),
        (Keys("STS.1", "s"), "AccessDenied"),
    ],
)
def test_wrong_keys(served: Served, keys: Keys, code: str) -> None:
    """A wrong secret, an unknown key and a wrong or missing token are refused by FC's codes in both APIs."""
    served.cloud.seed(TEMPORARY)
    with refused3(403, code):
        fc3_invoke(served.url, ECHO, b"", keys)
    with refused2(403, code):
        invoke2(served, b"", keys)


TEMPORARY: Any = {
    "sts_credentials": [{"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "to+k/en=="}]
}


def test_temporary_keys(served: Served) -> None:
    """Keys with an STS token sign for both APIs."""
    served.cloud.seed(TEMPORARY)
    keys = Keys("STS.1", "s", "to+k/en==")
    assert fc3_invoke(served.url, ECHO, b"x", keys)[2] == b"x"
    assert invoke2(served, b"x", keys).data == b"x"


def test_limits_and_options(served: Served) -> None:
    """Events that are too large and options that FC does not have are refused by code."""
    large = bytes(128 * 1024 + 1)
    with refused3(400, "EntityTooLarge"):
        fc3_invoke(served.url, ECHO, large, x_fc_invocation_type="Async")
    with refused2(400, "EntityTooLarge"):
        invoke2(served, large, headers={"x-fc-invocation-type": "Async"})
    with refused3(400, "EntityTooLarge"):
        fc3_invoke(served.url, ECHO, bytes(32 * 1024 * 1024 + 1))
    with refused3(400, "InvalidArgument"):
        fc3_invoke(served.url, ECHO, b"", x_fc_invocation_type="Later")
    with refused2(400, "InvalidArgument"):
        invoke2(served, b"", headers={"content-md5": "AAAA"})


def test_faults(served: Served) -> None:
    """InvokeFunction can be made to fail before and after it ran, in the shape of each API."""
    fault = {"action": "InvokeFunction", "status": 429, "code": "ResourceExhausted", "message": "busy"}
    served.cloud.add_fault(Fault.model_validate({"service": "fc", **fault, "effect": "after"}))
    before = len(served.ended)
    with refused3(429, "ResourceExhausted"):
        fc3_invoke(served.url, ECHO, b"")
    assert len(served.ended) == before + 1
    served.cloud.add_fault(Fault.model_validate({"service": "fc2", **fault}))
    with refused2(429, "ResourceExhausted"):
        invoke2(served, b"")
    assert len(served.ended) == before + 1
    assert served.cloud.calls[-1]["code"] == "ResourceExhausted"


def test_many_callers_wait_for_few_instances(served: Served) -> None:
    """A hundred callers of a function that itself calls the cloud are all answered, by a few processes."""
    with ThreadPoolExecutor(100) as callers:
        event = order(do="look around")
        results = list(callers.map(lambda _: fc3_invoke(served.url, ECHO, event), range(100)))
    assert [status for status, _, _ in results] == [200] * 100
    assert len({headers["x-fc-request-id"] for _, headers, _ in results}) == 100


def test_other_calls_are_answered_while_a_function_runs(served: Served) -> None:
    """A function that is slow holds up nobody but its own callers."""
    thread = threading.Thread(target=fc3_invoke, args=(served.url, ECHO, order(do="count", seconds=2)))
    thread.start()
    time.sleep(0.1)
    assert fc3_invoke(served.url, "app-plain", b"x")[2] == b"x"
    assert thread.is_alive()
    thread.join()


def test_unsigned_calls_and_other_paths(served: Served) -> None:
    """An unsigned call is refused by the missing header; a path that FC does not have, by path."""
    with httpx2.Client(trust_env=False) as client:
        path = f"/2016-08-15/services/app/functions/{ECHO}/invocations"
        unsigned = client.post(served.url + path, headers={"date": "Sun, 22 Nov 2026 03:27:00 GMT"})
        new = client.post(f"{served.url}/2023-03-30/functions/{ECHO}/invocations")
        nowhere = client.get(f"{served.url}/2016-08-15/services/app")
    assert (unsigned.status_code, unsigned.json()["ErrorCode"]) == (400, "MissingRequiredHeader")
    assert (new.status_code, new.json()["Code"]) == (400, "MissingRequiredHeader")
    assert (nowhere.status_code, nowhere.json()["ErrorCode"]) == (400, "PathNotSupported")
    assert set(unsigned.json()) == {"ErrorCode", "ErrorMessage"}


def test_nothing_is_deployed(cloud_url: str) -> None:
    """Without a template both APIs say how to have one."""
    with pytest.raises(ClientException, match="--template"):
        fc3_invoke(cloud_url, ECHO, b"")
    with pytest.raises(FcError, match="--template"):
        fc2_client(cloud_url).invoke_function("app", ECHO, b"")


@pytest.mark.parametrize("api", ["FC 3.0", "FC 2.0"])
@pytest.mark.parametrize("kind", ["Sync", "Async"])
def test_both_functions_of_the_repository(tmp_path: Path, api: str, kind: str) -> None:
    """Both functions of s.yaml, invoked by both clients, attach an instance and connect a pair."""
    with LocalCloud() as cloud, running_server(cloud) as url, deployed(url, tmp_path) as deployment:
        cloud.deploy(deployment, url)
        seed(cloud)
        events = {
            "enlist-dev-attach-instances": custom_event(ENS_ID),
            "enlist-dev-add-connectable-cluster": custom_event(ES_ID, kind="search"),
        }
        for function, event in events.items():
            if api == "FC 3.0":
                status, headers, _ = fc3_invoke(url, function, event, x_fc_invocation_type=kind)
                assert (status, "x-fc-error-type" in headers) == (200 if kind == "Sync" else 202, False)
            else:
                fc2_client(url).invoke_function("enlist", function, event, {"x-fc-invocation-type": kind})
        deadline = time.monotonic() + 20
        writes = {"AttachInstances", "AddConnectableCluster"}
        while not writes <= {call["action"] for call in cloud.calls}:
            assert time.monotonic() < deadline, "not both functions have written within 20 seconds"
            time.sleep(0.02)
        cloud.advance(300)
        state: Any = cloud.state()
        assert [node["instance_id"] for node in state["cs"]["clusters"][0]["nodes"]] == [ENS_ID]
        assert state_of(cloud, "elasticsearch", ES_ID)["connectedClusters"] == [HUB_ID]

"""The local cloud's own API: seeds, state, clock, events and reset, and what each refuses."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud import Behaviour, Fault, LocalCloud
from localcloud.conditions.clock import StateClock, iso_time
from localcloud.errors import LocalCloudError, SeedError
from tests.support.cloud_client import CloudClient, edge_seed, search_seed, state_of

BASE = "http://127.0.0.1/_localcloud"
EVENT: Any = {"id": "e-1", "source": "tests", "type": "test"}


class Admin:
    """The cloud's own API, called as a tool would."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._http = httpx2.Client(transport=cloud.transport)

    def get(self, name: str) -> Any:
        """The decoded answer of a GET that must go well."""
        return self._http.get(f"{BASE}/{name}").raise_for_status().json()

    def post(self, name: str, body: object = None, status: int = 200) -> Any:
        """The decoded answer of a POST."""
        answer = (
            self._http.post(f"{BASE}/{name}", json=body)
            if body is not None
            else self._http.post(f"{BASE}/{name}")
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def delete(self, name: str, status: int = 200) -> Any:
        """The decoded answer of a DELETE."""
        answer = self._http.delete(f"{BASE}/{name}")
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def admin(cloud: LocalCloud) -> Admin:
    """The cloud's own API."""
    return Admin(cloud)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({"behaviour": {"ens_tag": "x"}}, "behaviour.ens_tag: not known; did you mean ens_tags?"),
        ({"enss": {}}, "enss: not known; did you mean ens?"),
        ({"ens": {"machines": []}}, "ens.machines: not known; known are instances"),
        ({"ens": {"instances": [{}]}}, "ens.instances[0].InstanceId: is missing"),
        ({"ens": None}, "ens: expected a JSON object, found null"),
        ({"ens": {"instances": "i-1"}}, "ens.instances: expected a JSON array, found a text"),
        (
            {"behaviour": {"ens_start": "soon"}},
            'behaviour.ens_start: expected seconds, 0 or more, or {"looks": n}',
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(
    admin: Admin, seed: object, message: str
) -> None:
    """The place, what is wrong with it, and the names that are near or known; in the words of JSON."""
    assert admin.post("seed", seed, status=400)["message"] == message


def test_state_has_the_documented_shape(cloud: LocalCloud, admin: Admin) -> None:
    """State shows credentials, clusters with nodes and tasks, machines and connections, as documented."""
    admin.post("seed", {**edge_seed(nodes=[{"instance_id": "i-0"}]), **search_seed({}, {})})
    client = CloudClient(cloud)
    task_id = client.attach("i-1").json()["task_id"]
    client.connect("es-1", "es-2")
    state = admin.get("state")
    cluster = state["cs"]["clusters"][0]
    assert state["credentials"] == {"access_key_id": "test", "access_key_secret": "test"}
    assert (cluster["cluster_id"], cluster["region_id"], cluster["profile"], cluster["state"]) == (
        "c1",
        "cn-hangzhou",
        "Edge",
        "running",
    )
    assert [(node["instance_id"], node["state"]) for node in cluster["nodes"]] == [
        ("i-0", "running"),
        ("i-1", "initial"),
    ]
    assert [task["task_id"] for task in cluster["tasks"]] == [task_id]
    assert state["ens"]["instances"][0]["attachCount"] == 1
    assert [row["connectedClusters"] for row in state["elasticsearch"]["instances"]] == [["es-2"], ["es-1"]]


def test_state_can_be_seeded_again(cloud: LocalCloud, admin: Admin) -> None:
    """What state shows is a seed that brings the same state about in another cloud."""
    admin.post(
        "seed",
        {**edge_seed(nodes=[{"instance_id": "i-0"}]), **search_seed({"connectedClusters": ["es-2"]}, {})},
    )
    CloudClient(cloud).attach("i-1")
    cloud.advance(100)
    state = admin.get("state")
    admin.post("reset")
    assert admin.get("state")["ens"] == {"instances": []}
    admin.post("seed", state)
    assert admin.get("state") == state


def test_a_seed_replaces_records_of_the_same_id_and_keeps_others(cloud: LocalCloud) -> None:
    """Seeding adds to what is there; a record of a known id is replaced."""
    cloud.seed(edge_seed(2))
    cloud.seed({"ens": {"instances": [{"InstanceId": "i-2", "Status": "Stopped"}]}})
    state: Any = cloud.state()
    assert [(row["InstanceId"], row["Status"]) for row in state["ens"]["instances"]] == [
        ("i-1", "Running"),
        ("i-2", "Stopped"),
    ]
    assert len(state["cs"]["clusters"]) == 1


@pytest.mark.parametrize(
    ("seed", "field"),
    [
        ({"rds": {}}, "rds"),
        ({"cs": {"cluster": []}}, "cs.cluster"),
        ({"cs": []}, "cs"),
        ({"cs": {"clusters": {}}}, "cs.clusters"),
        ({"cs": {"clusters": [{"cluster_id": "c1"}, {}]}}, "cs.clusters[1].cluster_id"),
        (
            {"cs": {"clusters": [{"cluster_id": "c", "nodes": [{"instance_id": "i", "state": "odd"}]}]}},
            "nodes[0].state",
        ),
        ({"ens": {"instances": [{"InstanceId": "i", "Memory": "much"}]}}, "ens.instances[0].Memory"),
        ({"ens": {"instances": [{"InstanceId": "i", "Cpu": "four"}]}}, "ens.instances[0].Cpu"),
        ({"ens": {"instances": [{"InstanceId": "i", "Tags": {"Tag": []}}]}}, "ens.instances[0].Tags: "),
        ({"elasticsearch": {"instances": [{"instanceId": ""}]}}, "elasticsearch.instances[0].instanceId"),
        ({"behaviour": {"node_joining": -1}}, "behaviour.node_joining"),
        ({"behaviour": {"node_joinin": 1}}, "behaviour.node_joinin"),
        ({"credentials": {"access_key_id": "a"}}, "credentials.access_key_secret"),
        ({"sts_credentials": {}}, "sts_credentials"),
        ([], "seed"),
    ],
)
def test_bad_seeds_name_the_field_and_change_nothing(admin: Admin, seed: object, field: str) -> None:
    """A wrong type, a missing id or an unknown key is refused with its path; nothing is kept."""
    before = admin.get("state")
    body = {"ens": {"instances": [{"InstanceId": "i-kept"}]}, **seed} if isinstance(seed, dict) else seed
    refused = admin.post("seed", body, status=400)
    assert refused["code"] == "LocalCloud.BadRequest"
    assert field in refused["message"]
    assert admin.get("state") == before


def test_state_is_a_copy(cloud: LocalCloud) -> None:
    """Changing what state returned, or what was seeded, changes nothing in the cloud."""
    seed = edge_seed()
    seed["ens"]["instances"][0]["Extra"] = {"a": []}
    cloud.seed(seed)
    state: Any = cloud.state()
    before = copy.deepcopy(state)
    seed["ens"]["instances"][0]["Extra"]["a"].append(2)
    state["ens"]["instances"][0]["Extra"]["a"].append(1)
    state["cs"]["clusters"].clear()
    assert cloud.state() == before


def test_the_clock_stands_still_until_it_is_moved(admin: Admin, cloud: LocalCloud) -> None:
    """In process no time passes by itself; POST clock moves it, and only forward."""
    cloud.seed(edge_seed())
    CloudClient(cloud).attach("i-1")
    before = cloud.clock.now()
    assert cloud.clock.now() == before
    assert admin.post("clock", {"advance": 90})["now"] == iso_time(before + 90)
    assert state_of(cloud, "cs", "clusters")["nodes"][0]["state"] == "running"
    for body in ({"advance": -1}, {"advance": "60"}, {"advance": True}, {}, {"forward": 1}):
        assert "clock" in admin.post("clock", body, status=400)["message"]
    assert cloud.clock.now() == before + 90


def test_the_clock_follows_real_time_when_it_is_told_to(admin: Admin, cloud: LocalCloud) -> None:
    """GET clock tells the time and whether it follows; POST lets it follow, stop, and move as well."""
    ticks = [100.0]
    cloud.clock = StateClock(1_000_000.0, ticks=lambda: ticks[0])
    still = {"now": "1970-01-12T13:46:40Z", "seconds": 1_000_000.0, "follow": False}
    assert admin.get("clock") == still
    assert admin.post("clock", {"follow": True}) == {**still, "follow": True}
    ticks[0] += 5
    assert admin.get("clock")["seconds"] == 1_000_005
    stopped = admin.post("clock", {"follow": False, "advance": 10})
    ticks[0] += 5
    assert (stopped["seconds"], admin.get("clock")) == (1_000_015, stopped)
    for body in ({"follow": 1}, {"follow": None}, {"follow": "yes"}):
        assert "clock" in admin.post("clock", body, status=400)["message"]


@pytest.mark.parametrize("seconds", [1e11, 1e300, 10 * 365 * 86400 + 1])
def test_the_clock_moves_ten_years_a_call_at_most(admin: Admin, cloud: LocalCloud, seconds: float) -> None:
    """A longer step is refused, and the cloud goes on answering at the time where it was."""
    before = cloud.clock.now()
    assert "clock.advance" in admin.post("clock", {"advance": seconds}, status=400)["message"]
    assert admin.post("clock", {"advance": 0})["now"] == iso_time(before)
    assert CloudClient(cloud).cs("DescribeUserQuota", "/quota").status_code == 200


@pytest.mark.parametrize("seconds", [400 * 86400, 1e11, float("inf"), float("nan")])
def test_the_clock_stops_before_the_last_year(seconds: float) -> None:
    """No step leads to a time that cannot be written; the clock stays where it was, and can still move."""
    start = datetime(9998, 6, 1, tzinfo=UTC).timestamp()
    cloud = LocalCloud(now=start)
    with pytest.raises(LocalCloudError, match="the clock"):
        cloud.advance(seconds)
    assert cloud.advance(60) == start + 60
    with pytest.raises(LocalCloudError, match="9999-01-01T00:00:00Z"):
        cloud.advance(300 * 86400)


def test_a_clock_can_follow_again() -> None:
    """What passes while it stands still is left out."""
    ticks = [0.0]
    clock = StateClock(0.0, ticks=lambda: ticks[0])
    for _ in range(2):
        clock.follow()
        ticks[0] += 3
        clock.stop()
        ticks[0] += 100
    assert clock.now() == 6


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=8), st.floats(min_value=0, max_value=1e6))
@settings(max_examples=50)
def test_a_following_clock_adds_real_and_asked_time(steps: list[float], passed: float) -> None:
    """Once it follows, the clock shows the real time that passed plus all that was asked for."""
    ticks = [100.0]
    clock = StateClock(0.0, ticks=lambda: ticks[0])
    for step in steps:
        clock.advance(step)
    clock.follow()
    ticks[0] += passed
    clock.follow()
    assert clock.now() == pytest.approx(sum(steps) + passed)


def test_reset_forgets_everything(cloud: LocalCloud, admin: Admin) -> None:
    """After a reset all is as in a new cloud, but for the time: it is told, and stays as it was."""
    cloud.seed({**edge_seed(), "credentials": {"access_key_id": "a", "access_key_secret": "b"}})
    cloud.configure(node_joining=1)
    cloud.add_fault(Fault(service="cs", action="*", code="X"))
    cloud.put_event(EVENT)
    cloud.advance(90)
    now = cloud.clock.now()
    CloudClient(cloud).cs("DescribeUserQuota", "/quota")
    assert admin.post("reset") == {"reset": True, "now": iso_time(now)}
    assert cloud.clock.now() == now
    assert admin.get("state") == LocalCloud().state()
    assert (admin.get("calls"), cloud.faults(), cloud.events) == ([], [], [])


def test_a_cloud_starts_with_the_behaviour_it_is_given() -> None:
    """Behaviour given at first is in force, is shown in the state, and comes back with a reset."""
    cloud = LocalCloud(behaviour=Behaviour(node_joining=5))
    cloud.configure(node_joining=7)
    assert cloud.behaviour.node_joining == 7
    cloud.reset()
    assert cloud.behaviour.node_joining == 5
    with pytest.raises(SeedError, match=r"behaviour\.attach_status"):
        cloud.configure(attach_status=500)


def test_calls_are_shown(cloud: LocalCloud, admin: Admin) -> None:
    """GET calls is the list of calls; calls of the cloud's own API are not in it."""
    CloudClient(cloud).cs("DescribeUserQuota", "/quota")
    assert [call["action"] for call in admin.get("calls")] == ["DescribeUserQuota"]
    assert admin.get("calls") == cloud.calls


def test_the_last_calls_and_events_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a cloud is served, its lists do not grow for ever: what came first is forgotten."""
    monkeypatch.setattr("localcloud.world.MOST_CALLS", 2)
    monkeypatch.setattr("localcloud.world.MOST_EVENTS", 2)
    with LocalCloud() as cloud:
        client = CloudClient(cloud)
        for number in range(3):
            client.ens("DescribeInstances", PageNumber=number + 1)
            cloud.put_event({**EVENT, "id": f"e-{number}"})
        assert [call["action"] for call in cloud.calls] == ["DescribeInstances"] * 2
        assert [event["id"] for event in cloud.events] == ["e-1", "e-2"]


def test_events_are_kept_while_nothing_is_deployed(cloud: LocalCloud, admin: Admin) -> None:
    """Without a deployment an event is stored, and the answer says so."""
    assert admin.post("events", EVENT) == {
        "deployed": False,
        "stored": 1,
        "message": "nothing is deployed, and the bus has no rule",
    }
    assert cloud.events == [EVENT]
    assert "event" in admin.post("events", [], status=400)["message"]


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_events_are_checked_while_nothing_is_deployed(cloud: LocalCloud, admin: Admin, missing: str) -> None:
    """What EventBridge would not take is refused with the field's name, and is not kept."""
    event = {name: value for name, value in EVENT.items() if name != missing}
    assert missing in admin.post("events", event, status=400)["message"]
    assert cloud.events == []


@pytest.mark.parametrize("value", ["\ud800", float("nan")], ids=["half a character", "no number"])
def test_an_event_that_no_answer_could_repeat_is_not_taken(cloud: LocalCloud, value: str | float) -> None:
    """What JSON cannot hold is refused as an event, with its place, and stands in no list."""
    with pytest.raises(LocalCloudError, match=r"data\.a|finite"):
        cloud.put_event({**EVENT, "data": {"a": value}})
    assert (cloud.events, cloud.became()) == ([], [])


def test_a_seed_in_process_must_be_json(cloud: LocalCloud) -> None:
    """What JSON cannot hold is refused as a seed."""
    with pytest.raises(SeedError, match="not JSON"):
        cloud.seed({"ens": {"instances": [{"InstanceId": "i-1", "Extra": object()}]}})


def test_several_threads_may_call_at_once(cloud: LocalCloud) -> None:
    """Each of many calls at once has its whole effect."""
    cloud.seed(edge_seed(16))
    client = CloudClient(cloud)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: client.attach(f"i-{number}").status_code, range(1, 17)))
    state: Any = cloud.state()
    assert statuses == [202] * 16
    assert [machine["attachCount"] for machine in state["ens"]["instances"]] == [1] * 16
    assert len(cloud.calls) == len(state["cs"]["clusters"][0]["nodes"]) == 16


@pytest.mark.parametrize("path", ["/nothing", "/seed/more", "/", ""])
def test_unknown_routes_list_the_known_ones(cloud: LocalCloud, path: str) -> None:
    """An unknown path is a 404 that lists what there is, and no call of a service."""
    answer = httpx2.Client(transport=cloud.transport).get(f"{BASE}{path}")
    assert answer.status_code == 404
    assert "POST /_localcloud/seed" in answer.json()["message"]
    assert cloud.calls == []


@pytest.mark.parametrize(("method", "name", "allowed"), [("GET", "seed", "POST"), ("POST", "state", "GET")])
def test_a_wrong_method_is_told_the_right_one(
    cloud: LocalCloud, method: str, name: str, allowed: str
) -> None:
    """A known path with another method is a 405 that names the right one."""
    answer = httpx2.Client(transport=cloud.transport).request(method, f"{BASE}/{name}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert f"takes {allowed}" in answer.json()["message"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff", b"[" * 100_000, b'{"behaviour": NaN}', b'{"behaviour": "\\ud800"}'],
    ids=["broken", "binary", "deep", "no number", "half a character"],
)
def test_a_body_that_is_no_json_is_refused(cloud: LocalCloud, content: bytes) -> None:
    """Broken JSON, or JSON that no answer could repeat, is a 400 that says so."""
    answer = httpx2.Client(transport=cloud.transport).post(f"{BASE}/seed", content=content)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("not valid JSON: ")


def test_the_clock_does_not_go_back() -> None:
    """Moving the clock back is an error of the caller."""
    with pytest.raises(LocalCloudError, match="back"):
        LocalCloud().advance(-1)


def test_a_fault_for_an_unknown_action_is_refused(admin: Admin) -> None:
    """A fault that could never happen is refused, and the message lists the actions there are."""
    refused = admin.post("faults", {"service": "cs", "action": "Attach", "status": 500}, status=400)
    assert "AttachInstances" in refused["message"]
    refused = admin.post("faults", [{"service": "cs", "action": "AttachInstances", "time": 2}], status=400)
    assert "faults[0].time" in refused["message"]
    assert issubclass(SeedError, LocalCloudError)


def test_faults_are_listed_and_forgotten(admin: Admin, cloud: LocalCloud) -> None:
    """GET faults tells what is left of each, with its id; DELETE forgets one, or all."""
    waiting = admin.post(
        "faults",
        [
            {"service": "cs", "action": "DescribeUserQuota", "after": 1, "times": 3, "code": "X"},
            {"service": "ens", "action": "*", "times": None, "drop": True},
            {"service": "fc", "action": "InvokeFunction", "delay": 1},
        ],
    )["waiting"]
    assert [(row["id"], row["after"], row["times"]) for row in waiting] == [
        (1, 1, 3),
        (2, 0, None),
        (3, 0, 1),
    ]
    client = CloudClient(cloud)
    assert [client.cs("DescribeUserQuota", "/quota").status_code for _ in range(2)] == [200, 500]
    first = admin.get("faults")["waiting"][0]
    assert (first["id"], first["after"], first["times"]) == (1, 0, 2)
    assert [row["id"] for row in admin.delete("faults/1")["waiting"]] == [2, 3]
    assert "faults/1" in admin.delete("faults/1", status=400)["message"]
    assert admin.delete("faults") == {"waiting": []}
    assert cloud.faults() == []

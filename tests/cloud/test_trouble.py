"""Trouble on demand, as every way to call sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.cloud_client import edge_seed, search_seed
from tests.support.cloud_modes import NO_ANSWER
from tests.support.cloud_scene import in_modes
from tests.support.queues import QUEUE, queued, seed_queue

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

ATTACH = {"ClusterId": "c1", "instances": ["i-1"], "is_edge_worker": True}


@in_modes("cs", "ens", "elasticsearch")
def test_throttling_is_seen_and_passes(at: Scene) -> None:
    """A call is throttled so often as was asked for, with the code, in the shape of each service."""
    at.seed({**edge_seed(1), **search_seed({})})
    for service, action, parameters in (
        ("cs", "DescribeClusterDetail", {"ClusterId": "c1"}),
        ("ens", "DescribeInstances", {}),
        ("elasticsearch", "DescribeInstance", {"InstanceId": "es-1"}),
    ):
        at.fault(service, action, times=2, status=400, code="Throttling.User")
        for _ in range(2):
            assert at.refuses(service, action, **parameters) == (400, "Throttling.User")
        at.does(service, action, **parameters)


@in_modes("cs")
def test_a_failure_before_or_after_the_effect(at: Scene) -> None:
    """The same error is told whether the attach was done or not; only the state tells them apart."""
    at.seed(edge_seed(1))
    at.fault("cs", "AttachInstances", status=500, code="InternalError")
    assert at.refuses("cs", "AttachInstances", **ATTACH) == (500, "InternalError")
    assert at.state["ens"]["instances"][0]["attachCount"] == 0
    at.fault("cs", "AttachInstances", status=500, code="InternalError", effect="after")
    assert at.refuses("cs", "AttachInstances", **ATTACH) == (500, "InternalError")
    assert at.state["ens"]["instances"][0]["attachCount"] == 1


@in_modes("cs")
def test_an_answer_that_never_comes(at: Scene) -> None:
    """A connection that is cut after the effect leaves no answer and a machine attached once."""
    at.seed(edge_seed(1))
    at.fault("cs", "AttachInstances", drop=True, effect="after")
    assert at.refuses("cs", "AttachInstances", **ATTACH) == (0, NO_ANSWER)
    assert at.state["ens"]["instances"][0]["attachCount"] == 1
    assert [(call["status"], call["code"]) for call in at.calls] == [(0, "InternalError")]


@in_modes("cs")
def test_machines_refused_one_by_one(at: Scene) -> None:
    """Of one attach some machines are refused, and some fail in their task; the others join."""
    at.seed(edge_seed(3))
    at.fault("cs", "AttachInstances", items={"i-1": "InvalidStatus"}, task_items={"i-2": "no disk"})
    asked = {**ATTACH, "instances": ["i-1", "i-2", "i-3"]}
    attached = at.does("cs", "AttachInstances", **asked)
    assert {row["instanceId"]: row["code"] for row in attached["list"]} == {
        "i-1": "InvalidStatus",
        "i-2": "200",
        "i-3": "200",
    }
    at.wait(90)
    ended = at.does("cs", "DescribeTaskInfo", task_id=attached["task_id"])
    assert {part["data"]: part["status"] for part in ended["task_result"]} == {
        "i-2": "failed",
        "i-3": "success",
    }


@in_modes("ens")
def test_an_answer_that_is_torn(at: Scene) -> None:
    """A body that is no JSON is a failure to every caller, and the next answer is whole."""
    at.seed(edge_seed(1))
    at.fault("ens", "DescribeInstances", body='{"TotalCount": 1, "Insta')
    at.refuses("ens", "DescribeInstances")
    assert at.does("ens", "DescribeInstances")["TotalCount"] == 1


@in_modes("mns")
def test_trouble_with_a_queue(at: Scene) -> None:
    """A queue's action fails as asked, in XML, and does nothing then."""
    seed_queue(at.cloud)
    at.fault("mns", "SendMessage", status=500, code="InternalError")
    told = {"queueName": QUEUE, "MessageBody": "x"}
    assert at.refuses("mns", "SendMessage", **told) == (500, "InternalError")
    assert queued(at.cloud) == []
    at.does("mns", "SendMessage", **told)
    assert len(queued(at.cloud)) == 1

"""The clients' answers: every documented spelling is read, and 2xx is not taken for success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from enlist.clients.cs import AttachInstancesRequest, Task, TaskState, task_state
from enlist.clients.elasticsearch import AddConnectableClusterAnswer, AddConnectableClusterRequest
from fctoolkit.errors import AnswerError, ApiError, PermanentError, TransientError
from tests.support.api_calls import Service, refusal
from tests.support.enlist_calls import REGION, cs, elasticsearch, ens, says, sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from enlist.clients.cs import AttachInstancesAnswer
    from fctoolkit.jsontypes import JsonObject

ATTACH = AttachInstancesRequest(cluster_id="c1", instances=("i-1", "i-2"))
CONNECT = AddConnectableClusterRequest(instance_id="es-1", remote_id="es-2", client_token="token-1")


def attached(body: Any, status: int = 200, **headers: str) -> AttachInstancesAnswer:
    """The answer to an attach."""
    return cs(says(body, status, **headers)).attach_instances(REGION, ATTACH)


def connected(body: Any, **headers: str) -> AddConnectableClusterAnswer:
    """The answer to a connect."""
    return elasticsearch(says(body, **headers)).add_connectable_cluster(REGION, CONNECT)


def unreadable(call: Callable[[], object]) -> AnswerError:
    """The error about an answer."""
    with pytest.raises(AnswerError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("status", [200, 202])
def test_an_accepted_attach_is_read_with_its_task(status: int) -> None:
    """HTTP 200 and 202 are both documented; the items and the task are the answer."""
    answer = attached(
        {
            "list": [
                {"code": "200", "instanceId": "i-1", "message": "successful"},
                {"code": "400", "instanceId": "i-2", "message": "not running"},
            ],
            "task_id": "T-1",
        },
        status,
        x_acs_request_id="R-1",
    )
    assert [(one.instance_id, one.accepted, one.message) for one in answer.items] == [
        ("i-1", True, "successful"),
        ("i-2", False, "not running"),
    ]
    assert (answer.task_id, answer.request_id) == ("T-1", "R-1")


@pytest.mark.parametrize(
    ("item", "accepted"),
    [
        ({"code": "200"}, True),
        ({"code": 200}, True),
        ({"code": "202"}, False),
        ({"code": "400"}, False),
        ({"code": 0}, False),
        ({"code": ""}, False),
        ({"code": None}, False),
        ({"code": "OK"}, False),
        ({}, False),
    ],
)
def test_only_code_200_is_an_accepted_instance(item: dict[str, Any], *, accepted: bool) -> None:
    """Text or number; every other code is undocumented and therefore a failure."""
    assert [one.accepted for one in attached({"list": [{**item, "instanceId": "i-1"}]}).items] == [accepted]


@pytest.mark.parametrize("body", [{}, {"list": []}, {"list": None, "task_id": None}, b""])
def test_an_answer_that_names_no_instance_accepts_none(body: Any) -> None:
    """Missing ids are unknown: neither accepted nor refused by the answer."""
    answer = attached(body)
    assert (answer.items, answer.task_id) == ((), "")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"list": {}}, "list: "),
        ({"list": ["i-1"]}, "list[0]: "),
        ({"list": [{"code": ["200"]}]}, "list[0].code: "),
        ({"task_id": {}}, "task_id: "),
    ],
)
def test_an_attach_answer_of_another_shape_is_an_error_that_may_have_happened(body: Any, field: str) -> None:
    """The field at fault is named, and who reads the error knows to look before repeating."""
    failure = unreadable(lambda: attached(body, x_acs_request_id="R-1")).failure
    assert failure.message.startswith(field)
    assert (failure.action, failure.status, failure.request_id) == ("AttachInstances", 200, "R-1")
    assert failure.maybe_done


@pytest.mark.parametrize(
    ("spelling", "state"),
    [
        ("success", TaskState.SUCCESS),
        ("Succeeded", TaskState.SUCCESS),
        ("fail", TaskState.FAILED),
        ("failed", TaskState.FAILED),
        ("FAILED", TaskState.FAILED),
        ("error", TaskState.FAILED),
        ("canceled", TaskState.FAILED),
        ("cancelled", TaskState.FAILED),
        ("running", TaskState.UNFINISHED),
        ("pending", TaskState.UNFINISHED),
        ("paused", TaskState.UNFINISHED),
        ("initial", TaskState.UNFINISHED),
        ("initail", TaskState.UNFINISHED),
        (" success ", TaskState.SUCCESS),
        ("", TaskState.UNFINISHED),
        ("somethingNew", TaskState.UNFINISHED),
    ],
)
def test_task_states_are_read_in_every_spelling(spelling: str, state: TaskState) -> None:
    """What is not known counts as unfinished, so that nothing is done over it."""
    assert task_state(spelling) is state


@pytest.mark.parametrize(
    ("state", "status", "part"),
    [
        ("success", "success", TaskState.SUCCESS),
        ("success", "failed", TaskState.FAILED),
        ("success", "initail", TaskState.UNFINISHED),
        ("running", "success", TaskState.SUCCESS),
        ("running", "initial", TaskState.UNFINISHED),
        ("fail", "success", TaskState.SUCCESS),
        ("fail", "initial", TaskState.FAILED),
        ("fail", "failed", TaskState.FAILED),
    ],
)
def test_each_part_of_a_task_has_its_own_state(state: str, status: str, part: TaskState) -> None:
    """A success on top can hide a failed part; a failed task leaves no part running."""
    body: JsonObject = {"task_id": "T-1", "state": state, "task_result": [{"data": "i-1", "status": status}]}
    task = cs(says(body)).describe_task_info(REGION, "T-1")
    assert task.state_of("i-1") is part
    assert task.state_of("i-2") is None


def test_a_failed_task_says_why() -> None:
    """Code and message of its error, for a person; nothing when it gives none."""
    error = {"code": "NodeUnreachable", "message": "no route"}
    task = cs(says({"state": "failed", "error": error})).describe_task_info(REGION, "T-1")
    assert (task.overall, task.why()) == (TaskState.FAILED, "NodeUnreachable no route")
    silent = cs(says({"state": "failed", "error": None})).describe_task_info(REGION, "T-1")
    assert silent.why() == ""


def test_a_task_in_full_has_parts_and_a_listed_one_has_none_yet() -> None:
    """Who sees None knows that the task has to be described before its parts are known."""
    assert cs(says({"task_result": None})).describe_task_info(REGION, "T-1").parts == ()
    listing: JsonObject = {"tasks": [{"task_id": "T-1", "state": "running"}], "page_info": {"total_count": 1}}
    assert cs(says(listing)).describe_cluster_tasks(REGION, "c1") == (Task(task_id="T-1", state="running"),)


def test_nulls_are_the_same_as_absent_fields() -> None:
    """Services write null where they know nothing; a listing is not lost to it."""
    body: JsonObject = {
        "nodes": [{"instance_id": "i-1", "state": "running", "error_message": None}],
        "page": None,
    }
    service = Service([says(body).steps[0], says({"nodes": None}).steps[0]])
    [node] = cs(service).describe_cluster_nodes(REGION, "c1")
    assert (node.instance_id, node.state, node.error_message) == ("i-1", "running", "")


@pytest.mark.parametrize(
    ("status", "text"), [("Ready", "Ready"), (True, "true"), (False, "false"), (None, "")]
)
def test_a_node_status_may_be_a_word_or_a_flag(status: Any, text: str) -> None:
    """An older edition of the page shows true and false."""
    body: JsonObject = {"nodes": [{"instance_id": "i-1", "node_status": status}], "page": {"total_count": 1}}
    [node] = cs(says(body)).describe_cluster_nodes(REGION, "c1")
    assert node.node_status == text


def test_a_cluster_its_pools_and_the_quota_are_read() -> None:
    """The fields that the preflight looks at, numbers as numbers or texts."""
    detail = {"cluster_id": "c1", "profile": "Edge", "state": "running", "size": "3", "region_id": "cn-a"}
    cluster = cs(says(detail)).describe_cluster_detail(REGION, "c1")
    assert (cluster.profile, cluster.state, cluster.size, cluster.region_id) == ("Edge", "running", 3, "cn-a")
    pools = {
        "nodepools": [{"nodepool_info": {"nodepool_id": "np1"}}, {"nodepool_info": {"nodepool_id": "np2"}}]
    }
    assert cs(says(pools)).describe_cluster_node_pools(REGION, "c1") == {"np1", "np2"}
    assert cs(says({"node_quota": 100})).describe_node_quota(REGION) == 100
    assert cs(says({})).describe_node_quota(REGION) is None


def test_an_answer_without_its_list_is_not_an_empty_list() -> None:
    """That nothing is there must be said: null says it, as some services write an empty list; silence not."""
    reads = {
        "nodes": lambda body: cs(says(body)).describe_cluster_nodes(REGION, "c1"),
        "tasks": lambda body: cs(says(body)).describe_cluster_tasks(REGION, "c1"),
        "clusters": lambda body: cs(says(body)).describe_edge_clusters(REGION),
        "nodepools": lambda body: cs(says(body)).describe_cluster_node_pools(REGION, "c1"),
        "Result": lambda body: elasticsearch(says(body)).list_instance(REGION),
        "TagResources": lambda body: tuple(ens(says(body)).list_tag_resources(["i-1"])["i-1"]),
    }
    for key, call in reads.items():
        assert not call({key: None})
        error = unreadable(lambda call=call: call({}))
        assert error.failure.message.startswith(f"{key}: ")


def test_a_cluster_without_an_id_is_no_answer() -> None:
    """An answer that names no cluster says nothing about the one asked for."""
    error = unreadable(lambda: cs(says({"state": "running"})).describe_cluster_detail(REGION, "c1"))
    assert error.failure.message.startswith("cluster_id: ")


@pytest.mark.parametrize("code", [1, "1", 400, "InternalError", "InvalidParameter.InstanceIds"])
def test_a_code_of_ens_inside_200_is_a_failure(code: Any) -> None:
    """A number or a word: the error is of the code's class and carries code, message and request id."""
    body = {"Code": code, "Message": "it went wrong", "RequestId": "R-1", "Instances": {"Instance": []}}
    with pytest.raises(ApiError) as raised:
        ens(says(body)).describe_instances()
    failure = raised.value.failure
    assert (failure.code, failure.message, failure.request_id) == (str(code), "it went wrong", "R-1")
    assert isinstance(raised.value, TransientError if code == "InternalError" else PermanentError)


def test_a_tag_listing_without_end_is_no_answer() -> None:
    """A listing that cannot be read whole is not read at all."""
    error = unreadable(
        lambda: ens(says({"TagResources": [], "NextToken": "more"})).list_tag_resources(["i-1"])
    )
    assert "always one more page" in error.failure.message


@pytest.mark.parametrize("code", [0, "0", 200, "200", "", None])
def test_a_good_code_of_ens_is_no_failure(code: Any) -> None:
    """0, as documented, and what else means success."""
    body = {"Code": code, "Instances": {"Instance": [{"InstanceId": "i-1"}]}, "TotalCount": 1}
    assert [facts.instance_id for facts in ens(says(body)).describe_instances()] == ["i-1"]


def test_an_ens_instance_without_an_id_is_no_answer() -> None:
    """A listing that cannot be read whole is not read at all."""
    body: JsonObject = {
        "Instances": {"Instance": [{"InstanceId": "i-1"}, {"Status": "Running"}]},
        "TotalCount": 2,
    }
    assert "without InstanceId" in str(unreadable(ens(says(body)).describe_instances))


@pytest.mark.parametrize(
    "body",
    [
        {"Result": [{"instances": "es-2", "networkType": "vpc"}, {"instances": "es-3"}]},
        {"Result": [{"instanceId": "es-2"}, {"instanceId": "es-3", "instances": None}]},
        {"Result": [{"instanceId": "es-2"}, {"instances": "es-3"}]},
        {"Result": {"Result": [{"instanceId": "es-2"}, {"instances": "es-3"}]}},
        {"Result": {"result": [{"instances": "es-2"}, {"instanceId": "es-3"}]}},
        b"<A><Result><instances>es-2</instances></Result><Result><instances>es-3</instances></Result></A>",
    ],
)
def test_connections_are_read_under_both_keys_and_both_nestings(body: Any) -> None:
    """The pages' tables say `instances`, their samples `instanceId`, the vendor's client one level more."""
    assert elasticsearch(says(body)).list_connected_clusters(REGION, "es-1") == {"es-2", "es-3"}
    assert elasticsearch(says(body)).describe_connectable_clusters(REGION, "es-1") == {"es-2", "es-3"}


@pytest.mark.parametrize(
    "body",
    [
        b"<Response><Result><instances>es-2</instances></Result></Response>",
        b"<Result><instanceId>es-2</instanceId></Result><RequestId>R-1</RequestId>",
        {"Result": {"instances": "es-2"}},
    ],
)
def test_a_single_connection_in_xml_is_one(body: Any) -> None:
    """XML has no lists: one item must not be taken for none."""
    assert elasticsearch(says(body)).list_connected_clusters(REGION, "es-1") == {"es-2"}


@pytest.mark.parametrize(
    "body",
    [
        {"Result": []},
        {"Result": None},
        {"Result": {}},
        {"Result": {"result": None}},
        b"<A><Result/><Id>1</Id></A>",
    ],
)
def test_no_connections_are_none(body: Any) -> None:
    """An empty list in any of its forms."""
    assert elasticsearch(says(body)).list_connected_clusters(REGION, "es-1") == frozenset()


@pytest.mark.parametrize(
    "body", [{}, {"Result": [{"networkType": "vpc"}]}, {"Result": "es-2"}, {"Result": False}]
)
def test_connections_that_cannot_be_read_are_not_none(body: Any) -> None:
    """An instance whose connections are unknown must not look like one that has none."""
    error = unreadable(lambda: elasticsearch(says(body)).list_connected_clusters(REGION, "es-1"))
    assert error.failure.message.startswith("Result")


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"RequestId": "R-1", "Result": True}, True),
        ({"RequestId": "R-1", "Result": False}, False),
        (b"<RequestId>R-1</RequestId><Result>true</Result>", True),
        (b"<RequestId>R-1</RequestId><Result>false</Result>", False),
        (b"<API-Response><RequestId>R-1</RequestId><Result>true</Result></API-Response>", True),
        (b'<?xml version="1.0"?>\n<R><Result>false</Result><RequestId>R-1</RequestId></R>', False),
    ],
)
def test_a_connect_is_read_from_json_and_xml(body: Any, *, result: bool) -> None:
    """The documented XML has no root; false means that nothing was configured although HTTP says 200."""
    answer = connected(body)
    assert (answer.result, answer.request_id) == (result, "R-1")


def test_the_request_id_may_stand_in_a_header() -> None:
    """An answer without one in its body still has it."""
    assert connected({"Result": True}, x_acs_request_id="R-2").request_id == "R-2"


@pytest.mark.parametrize("body", [{}, {"Result": None}, {"Result": "perhaps"}, {"Result": {}}, b""])
def test_a_connect_without_a_result_may_have_happened(body: Any) -> None:
    """Neither true nor false is neither done nor refused."""
    failure = unreadable(lambda: connected(body)).failure
    assert failure.message.startswith("Result: ")
    assert failure.maybe_done


def test_the_instance_described_has_the_region_it_was_asked_in() -> None:
    """Elasticsearch does not say the region; the endpoint that answered is it."""
    client = elasticsearch(says({"Result": {"instanceId": "es-1", "status": "active"}}))
    facts = client.describe_instance(REGION, "es-1")
    assert (facts.instance_id, facts.status, facts.region_id) == ("es-1", "active", REGION)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Result": {"instanceId": "es-2"}}, "Result.instanceId: expected es-1, found es-2"),
        ({"Result": {}}, "Result.instanceId: expected es-1, found none"),
        ({"Result": []}, "Result: "),
        ({"Result": None}, "Result: "),
        ({}, "Result: "),
    ],
)
def test_the_instance_described_is_the_one_asked_for(body: Any, message: str) -> None:
    """An answer about another instance, or about none, is not used."""
    error = unreadable(lambda: elasticsearch(says(body)).describe_instance(REGION, "es-1"))
    assert error.failure.message.startswith(message)


def test_an_attach_is_sent_once_and_a_connect_may_be_repeated() -> None:
    """Without a token a repeat could reload the machine twice; with one it is the same request."""
    unclear = refusal("ServiceUnavailable", 503)
    attach, connect = Service([unclear]), Service([unclear, says({"Result": True}).steps[0]])
    with pytest.raises(TransientError, match="ServiceUnavailable"):
        cs(attach).attach_instances(REGION, ATTACH)
    assert len(sent(attach)) == 1
    assert elasticsearch(connect).add_connectable_cluster(REGION, CONNECT).result
    assert [one.query for one in sent(connect)] == [{"clientToken": "token-1"}] * 2

"""What is peculiar to the vendor's clients: nonces, clocks, and answers that their models cannot read."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING

import pytest

from localcloud import LocalCloud
from tests.support.cloud_client import edge_seed, search_seed
from tests.support.cloud_modes import UNREADABLE, Keys
from tests.support.cloud_scene import CORE, OFFICIAL, OFFICIAL_OLDER, in_modes, scene

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

TEA = (OFFICIAL, OFFICIAL_OLDER)


@pytest.mark.parametrize("minutes", [-16, 16])
@in_modes("cs", only=TEA)
def test_a_client_whose_clock_is_wrong_is_told(at: Scene, minutes: int) -> None:
    """A server whose clock is 16 minutes away answers InvalidTimeStamp.Expired."""
    cloud = LocalCloud(wall_clock=lambda: time.time() + 60 * minutes)
    with scene(at.mode, cloud) as away:
        assert away.refuses("cs", "DescribeUserQuota") == (400, "InvalidTimeStamp.Expired")


@in_modes("cs", "ens", "elasticsearch", only=TEA)
def test_a_reused_nonce_is_told(at: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client whose nonces repeat is answered SignatureNonceUsed the second time."""
    utils = importlib.import_module("alibabacloud_tea_openapi.utils").Utils
    at.seed(search_seed({}))
    for service, action, parameters in (
        ("cs", "DescribeUserQuota", {}),
        ("ens", "DescribeInstances", {}),
        ("elasticsearch", "DescribeInstance", {"InstanceId": "es-1"}),
    ):
        monkeypatch.setattr(utils, "get_nonce", lambda service=service: f"the-same-{service}")
        at.does(service, action, **parameters)
        assert at.refuses(service, action, **parameters) == (400, "SignatureNonceUsed")
        assert at.calls[-1]["code"] == "SignatureNonceUsed"


@in_modes("elasticsearch", only=TEA)
def test_answers_that_the_models_cannot_read(at: Scene) -> None:
    """The documented list of connections does not fit the model, nor does XML; the call was made."""
    at.seed(search_seed({}, {}))
    at.behave(connect_format="xml")
    connect = {"InstanceId": "es-1", "instanceId": "es-2"}
    assert at.refuses("elasticsearch", "AddConnectableCluster", **connect) == (0, UNREADABLE)
    assert at.calls[-1]["status"] == 200
    listed = at.call("elasticsearch", "ListConnectedClusters", InstanceId="es-1")
    assert (listed.is_raw, listed.body["Result"]) == (True, [{"instances": "es-2", "networkType": "vpc"}])
    at.behave(connected_key="instanceId")
    free = at.does("elasticsearch", "DescribeConnectableClusters", InstanceId="es-1")
    assert "instances" not in free["Result"][0]


@in_modes("cs", "ens", only=(CORE,))
def test_the_general_client_knows_upper_camel_case_only(at: Scene) -> None:
    """Of an error of Container Service aliyun-python-sdk-core knows the status; the code is in its text."""
    client = importlib.import_module("tests.support.cloud_sdk_modes").CoreCaller(at.url, Keys(secret="wrong"))
    at.seed(edge_seed())
    for service, action, parameters, code in (
        ("ens", "DescribeInstances", {}, "SignatureDoesNotMatch"),
        ("cs", "DescribeUserQuota", {}, "SDK.UnknownServerError"),
    ):
        with pytest.raises(
            importlib.import_module("aliyunsdkcore.acs_exception.exceptions").ServerException
        ) as told:
            client._client.do_action_with_exception(client._request(service, action, parameters))
        assert (told.value.get_error_code(), told.value.get_http_status()) == (code, 400)


@in_modes("cs", only=TEA)
def test_an_action_that_is_not_played_is_named(at: Scene) -> None:
    """A call that the local cloud does not have is refused with its name in the message."""
    assert "DescribeClusters exists" in at.call("cs", "DescribeClusters").message

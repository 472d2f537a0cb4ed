"""Our functions' requests, signed again by the vendor's code on the other side of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud import LocalCloud
from tests.support.deployed import deployed
from tests.support.product import ENS_ID, ES_ID, TIMER, custom_event, seed
from tests.support.resigning import resigning_server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("token", ["", "CAIS/token+with==signs"])
def test_the_vendors_code_signs_our_requests_alike(tmp_path: Path, token: str) -> None:
    """Every request of both functions, with and without STS, has the signature the vendor's code gives it."""
    cloud = LocalCloud()
    seed(cloud)
    key = ("STS.testkey", "test-secret") if token else ("test", "test")
    if token:
        record = {"access_key_id": key[0], "access_key_secret": key[1], "security_token": token}
        cloud.seed({"sts_credentials": [record]})
    environ = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key[0],
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key[1],
        "ALIBABA_CLOUD_SECURITY_TOKEN": token,
    }
    with (
        resigning_server(cloud, key) as (url, compared),
        deployed(url, tmp_path, **environ) as deployment,
    ):
        assert deployment.invoke("attach_instances", custom_event(ENS_ID)).ok
        assert deployment.invoke("attach_instances", TIMER).ok
        assert deployment.invoke("add_connectable_cluster", custom_event(ES_ID, kind="search")).ok
        assert deployment.invoke("add_connectable_cluster", TIMER).ok
    assert {call["status"] for call in cloud.calls} <= {200, 202}
    assert {"AttachInstances", "AddConnectableCluster"} <= {str(call["action"]) for call in cloud.calls}
    assert len(compared) == len(cloud.calls)
    assert [ours for ours, _ in compared] == [theirs for _, theirs in compared]

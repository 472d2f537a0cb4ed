"""What keeps a first deployment from doing harm: the shipped bindings on an account full of machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from enlist.bindings.packed import load_bindings, pack
from tests.support.product import (
    CLUSTER,
    ENS_ID,
    ROOT,
    TIMER,
    Product,
    cluster,
    ens_instance,
    es_instance,
    still_cloud,
)

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud import LocalCloud

OLD = "2026-10-31T23:59:59Z"


def full_account() -> LocalCloud:
    """Machines of every kind that were there before, tagged and untagged, ready and not, members and not."""
    machines: list[Any] = []
    instances: list[Any] = [es_instance("es-cn-hub000000000001", tag="", createdAt=OLD)]
    for number in range(120):
        tags = [{"TagKey": "enlist", "TagValue": "edge-worker"}] if number % 2 else []
        status = "Running" if number % 3 else "Stopped"
        machines.append(
            ens_instance(f"i-old{number:04}", Tags={"Tags": tags}, Status=status, CreationTime=OLD)
        )
        tag = "logs" if number % 2 else ""
        instances.append(es_instance(f"es-cn-old{number:04}", tag=tag, createdAt=OLD))
    member = {"instance_id": "i-old0001", "state": "running"}
    cloud = still_cloud()
    cloud.seed(
        {
            "cs": {"clusters": [cluster(), cluster("cother", nodes=[member])]},
            "ens": {"instances": machines},
            "elasticsearch": {"instances": instances},
        }
    )
    return cloud


@pytest.mark.parametrize("mode", ["as shipped", "apply"])
def test_a_first_sweep_changes_nothing(tmp_path: Path, mode: str) -> None:
    """With the sample bindings, as shipped or set to apply, a first sweep touches no existing machine."""
    shipped: Any = pack(load_bindings(ROOT / "bindings.yaml"), "bindings.yaml")
    if mode == "apply":
        for binding in (*shipped["edge"], *shipped["search"]):
            binding["mode"] = "apply"
    product = Product(full_account(), tmp_path, edge=shipped["edge"], search=shipped["search"])
    before = product.cloud.state()
    assert shipped["edge"][0]["cluster"] == CLUSTER
    product.attach(TIMER)
    product.connect(TIMER)
    assert product.writes() == []
    assert product.cloud.state() == before


def test_shipped_bindings_on_new_machines_only_report(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new machine is named at each tick, with what apply would do, until somebody says apply."""
    shipped: Any = pack(load_bindings(ROOT / "bindings.yaml"), "bindings.yaml")
    cloud = still_cloud()
    cloud.seed({"cs": {"clusters": [cluster()]}, "ens": {"instances": [ens_instance()]}})
    product = Product(cloud, tmp_path, edge=shipped["edge"], search=shipped["search"])
    with caplog.at_level("INFO"):
        answer: Any = product.attach(TIMER)
    (told,) = answer["outcomes"]
    assert (told["instanceId"], told["reason"]) == (ENS_ID, "mode plan; in apply it would be attached")
    assert [record.getMessage() for record in caplog.records if hasattr(record, "outcome")] == ["ignored"]
    assert product.writes() == []

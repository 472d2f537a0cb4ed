"""An idle sweep is cheap: its calls are bounded by the pages of machines and the number of clusters."""

from __future__ import annotations

import json
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.product import EDGE_BINDING, TIMER, Product, cluster, ens_instance, seed, still_cloud

if TYPE_CHECKING:
    from pathlib import Path


def fleet(folder: Path, machines: int, clusters: int, *, ens_tags: str) -> Product:
    """Machines spread over clusters, each of them a node where its binding wants it."""
    cloud = still_cloud()
    names = [f"c{number:032x}" for number in range(clusters)]
    homes = {f"i-{number:06}": number % clusters for number in range(machines)}
    seed(
        cloud,
        ens=[
            ens_instance(one, Tags={"Tags": [{"TagKey": "home", "TagValue": str(home)}]})
            for one, home in homes.items()
        ],
        clusters=[
            cluster(
                name,
                nodes=[
                    {"instance_id": one, "state": "running"} for one, home in homes.items() if home == number
                ],
            )
            for number, name in enumerate(names)
        ],
    )
    cloud.configure(ens_tags=ens_tags, node_quota=10_000)
    bindings = [
        {
            **EDGE_BINDING,
            "name": f"edge-{number}",
            "match": {"tags": {"home": [str(number)]}},
            "cluster": name,
        }
        for number, name in enumerate(names)
    ]
    return Product(cloud, folder, edge=bindings)


@pytest.mark.parametrize("ens_tags", ["described", "separate"])
@pytest.mark.parametrize(("machines", "clusters"), [(1, 1), (250, 1), (250, 3), (1000, 10), (400, 50)])
def test_an_idle_sweep_is_bounded(tmp_path: Path, machines: int, clusters: int, ens_tags: str) -> None:
    """With N machines where they belong: at most 2 * ceil(N / 100) + 3 * clusters calls, and no write.

    Where DescribeInstances does not tell tags, they are asked for apart, fifty machines a call.
    """
    tags = ceil(machines / 50) if ens_tags == "separate" else 0
    product = fleet(tmp_path, machines, clusters, ens_tags=ens_tags)
    answer: Any = product.attach(TIMER)
    assert answer == {"counts": {"already": machines}, "outcomes": []}
    calls = [call["action"] for call in product.cloud.calls]
    assert len(calls) <= 2 * ceil(machines / 100) + 3 * clusters + tags, json.dumps(calls)
    assert product.writes() == []

"""The README is true: its code runs, its bindings are valid, its tables agree with the code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from enlist.bindings.packed import load_bindings
from enlist.facts import EDGE_FACTS, SEARCH_FACTS
from enlist.outcomes import Result
from fctoolkit.client import ApiSession
from fctoolkit.idempotency import MemoryStore
from fctoolkit.testing import FakeContext
from fctoolkit.transport import open_http
from localcloud import LocalCloud
from localcloud.conditions.faults import Fault
from tests.support.product import ROOT

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
README = (ROOT / "README.md").read_text(encoding="utf-8")
STORES = (ROOT / "docs/stores.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_bindings_are_valid(tmp_path: Path) -> None:
    """The example of a bindings file is accepted as it stands."""
    (example,) = blocks("yaml")
    file = tmp_path / "bindings.yaml"
    file.write_text(example)
    bindings = load_bindings(file)
    assert (bindings.edge[0].nodepool, bindings.search[0].max_peers) == ("np3a", 5)


def test_the_example_test_runs() -> None:
    """The example of a test on the local cloud passes."""
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102 -- our own README
    names["test_a_cluster_is_found"](LocalCloud())


def test_the_example_function_runs() -> None:
    """The example of a function takes its event."""
    names: dict[str, Any] = {}
    exec(blocks("python")[1], names)  # noqa: S102 -- our own README
    event = {"id": "1", "source": "acs.oss", "type": "oss:ObjectCreated:PutObject", "subject": "acs:oss:x"}
    assert names["handler"](json.dumps(event).encode(), FakeContext()) == {"stored": "acs:oss:x"}


def test_the_example_claim_is_made() -> None:
    """docs/stores.md: the example of a claim ships an order, and looks first where nothing is remembered."""
    (text, *_) = re.findall(r"^```python\n(.*?)^```$", STORES, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 -- our own page
    names |= {"find_parcel": lambda _: "found", "send_parcel": lambda _: "sent"}
    assert names["ship"]({"id": "o-1"}, FakeContext()) == "found"
    names["STORE"] = MemoryStore()
    assert [names["ship"]({"id": "o-1"}, FakeContext()) for _ in range(2)] == ["sent", "sent"]


def test_the_example_session_opens() -> None:
    """The example of how a function calls an API gives a session."""
    names: dict[str, Any] = {}
    exec(blocks("python")[2], names)  # noqa: S102 -- our own README
    names["os"] = type("Surroundings", (), {"environ": dict.fromkeys(KEYS, "test")})
    with open_http() as http:
        names["open_http"] = lambda: http
        assert isinstance(names["session"](FakeContext()), ApiSession)


def test_the_table_of_facts_is_complete() -> None:
    """Every fact that a pattern may use is listed, and no other."""
    row = next(line for line in README.splitlines() if line.startswith("| `instanceId`"))
    edge, search = (re.findall(r"`(\w+)`", cell) for cell in row.strip("|").split("|"))
    assert (edge, search) == (list(EDGE_FACTS), list(SEARCH_FACTS))


def test_the_table_of_outcomes_is_complete() -> None:
    """Every outcome is explained."""
    table = README.split("| outcome |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(Result)


def test_the_example_request_is_accepted() -> None:
    """The example of a request is valid JSON with the documented keys."""
    (example,) = blocks("json")
    assert json.loads(example) == {"instances": ["i-5ens00000000000001"], "dryRun": True}


def test_the_local_clouds_examples_are_accepted() -> None:
    """Each seed and each fault on its pages is taken as it stands, and the first seed's machine is there."""
    pages = [ROOT / "localcloud/README.md", *sorted((ROOT / "docs").glob("localcloud-*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    examples = [
        json.loads(one) for one in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]
    cloud = LocalCloud()
    for example in examples:
        if "action" in example:
            cloud.add_fault(Fault.model_validate(example))
        else:
            cloud.seed(example)
    assert cloud.faults()
    state: Any = cloud.state()
    assert state["ens"]["instances"][0]["Tags"]["Tags"][0]["TagValue"] == "edge-worker"
    assert cloud.behaviour.ens_tags == "separate"

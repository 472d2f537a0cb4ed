"""What `s` with fc3 asks for, recorded, asked again with the vendor's clients: for where there is no fc3."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.checksums import crc64
from localcloud.server import running_server
from tests.support.product import ROOT, sample, seed
from tests.support.recorded_deploys import (
    BEFORE_CREATION,
    BEFORE_UPDATE,
    CREATION,
    PLAN,
    PLAN_OF_NOTHING,
    REMOVAL,
    UPDATE,
    Fc3,
    as_planned,
    function_of,
)
from tests.support.uploads import fc_python, layer_zip, zipped_code
from tools.deploy.comparison import Wanted, read_wanted
from tools.deploylocal.standing import functions_of, layers_of, wrong_with
from tools.layer.build import zip_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.usefixtures("cleared"),
]

FUNCTIONS = read_wanted(ROOT / "s.yaml", {})
EDGE, SEARCH = FUNCTIONS
EMPTY = zip_bytes({"python/empty.py": b""})
"""A layer for functions that are not run."""
MARK = """

from pathlib import Path
import enlist

_handler = handler

def handler(event, context):
    return {**_handler(event, context), "mark": MARKED, "files": [__file__, enlist.__file__]}
"""


@dataclass
class Account:
    """A local cloud on a port, with the usual small account, and fc3 at work in it."""

    cloud: LocalCloud
    fc3: Fc3

    def deploy(self, wanted: Wanted, code: bytes, *, sequence: str = "new") -> Any:
        """A deployment of one function. Code that is there already is not uploaded."""
        before, then = (BEFORE_CREATION, CREATION) if sequence == "new" else (BEFORE_UPDATE, UPDATE)
        self.fc3.ensure_roles()
        seen = self.fc3.ask(before, wanted)["GetFunction"].get("codeChecksum")
        place = None if seen == str(crc64(code)) else self.fc3.upload(code)
        return self.fc3.ask(then, wanted, place)

    def wrong(self) -> list[str]:
        """What is not as s.yaml says."""
        shown = functions_of(self.cloud.state())
        return [words for wanted in FUNCTIONS for words in wrong_with(wanted, shown, {"enlist": 1})]

    def actions(self) -> list[str]:
        """The actions that were asked for, in order."""
        return [str(call["action"]) for call in self.cloud.calls]


@pytest.fixture
def account() -> Iterator[Account]:
    """Nothing is deployed yet."""
    with LocalCloud() as cloud, running_server(cloud) as url:
        seed(cloud)
        yield Account(cloud, Fc3(url))


@pytest.fixture
def deployed(account: Account) -> Account:
    """Both functions of s.yaml are there, with an empty layer."""
    account.fc3.publish_layer("enlist", EMPTY)
    for wanted in FUNCTIONS:
        account.deploy(wanted, code_of(wanted))
    return account


def code_of(wanted: Wanted) -> bytes:
    """The zip of a function's code."""
    return zipped_code(ROOT / str(wanted.props["code"]))


def test_a_first_deployment(account: Account) -> None:
    """A plan finds nothing and changes nothing; then function, triggers and settings are as s.yaml says."""
    account.fc3.publish_layer("enlist", EMPTY)
    assert account.fc3.ensure_roles() == [False, False]
    assert account.fc3.ensure_roles() == [True, True]
    for wanted in FUNCTIONS:
        account.fc3.ask(PLAN_OF_NOTHING, wanted)
    assert functions_of(account.cloud.state()) == {}
    shown = [account.deploy(wanted, code_of(wanted)) for wanted in FUNCTIONS]
    assert account.wrong() == []
    for wanted, answer in zip(FUNCTIONS, shown, strict=True):
        assert answer["CreateFunction"]["codeChecksum"] == str(crc64(code_of(wanted)))
        http = next(one for one in answer["GetTrigger"] if one["triggerType"] == "http")
        assert http["httpTrigger"]["urlInternet"].startswith("http")
        assert http["httpTrigger"]["urlIntranet"].startswith("http")


@pytest.mark.parametrize("wanted", FUNCTIONS, ids=lambda one: str(one.key))
def test_a_plan_is_clean(deployed: Account, wanted: Wanted) -> None:
    """After a deployment, what is answered is what the template has, and there is nothing beside it."""
    seen = deployed.fc3.ask(PLAN, wanted)
    local = {name: value for name, value in function_of(wanted).items() if name != "tags"}
    assert as_planned(seen["GetFunction"]) == local
    system = ("createdTime", "lastModifiedTime", "triggerId", "httpTrigger", "sourceArn")
    triggers = [
        {name: value for name, value in one.items() if name not in system} for one in seen["GetTrigger"]
    ]
    props: Any = wanted.props
    assert [{**one, "triggerConfig": json.loads(one["triggerConfig"])} for one in triggers] == [
        {"description": "", **one} for one in props["triggers"]
    ]
    queued = seen["GetAsyncInvokeConfig"]
    assert {name: queued[name] for name in props["asyncInvokeConfig"]} == props["asyncInvokeConfig"]
    assert queued.keys() - props["asyncInvokeConfig"].keys() <= {*system, "functionArn", "qualifier"}
    assert seen["GetConcurrencyConfig"].keys() <= {"functionArn", "reservedConcurrency"}
    assert seen["GetConcurrencyConfig"]["reservedConcurrency"] == 1
    assert seen["ListVpcBindings"] == {"vpcIds": []}
    assert "functionArn" not in {**seen["GetScalingConfig"], **seen["GetProvisionConfig"]}


def test_a_second_deployment(deployed: Account) -> None:
    """Nothing has changed, so nothing is uploaded, and everything stays as it was."""
    before = functions_of(deployed.cloud.state())
    uploads = deployed.actions().count("PutObject")
    for wanted in FUNCTIONS:
        deployed.deploy(wanted, code_of(wanted), sequence="again")
    after = functions_of(deployed.cloud.state())
    assert deployed.actions().count("PutObject") == uploads
    assert deployed.wrong() == []
    assert [after[name]["codeChecksum"] for name in after] == [
        before[name]["codeChecksum"] for name in before
    ]


def test_new_code_takes_the_place_of_the_old(deployed: Account) -> None:
    """Another zip is uploaded, and the function has its checksum."""
    code = zip_bytes({"index.py": b"def handler(event, context): return 1"})
    answer = deployed.deploy(EDGE, code, sequence="again")
    assert answer["GetFunction"]["codeChecksum"] == str(crc64(code))
    assert deployed.wrong() == []


def test_a_layer_is_published_once(account: Account) -> None:
    """The newest version is found by its checksum; other content is another version."""
    other = zip_bytes({"python/other.py": b""})
    made = [account.fc3.publish_layer("enlist", data) for data in (EMPTY, EMPTY, other)]
    assert [one["version"] for one in made] == [1, 1, 2]
    assert made[2]["layerVersionArn"].endswith(":layers/enlist/versions/2")
    assert layers_of(account.cloud.state(), "enlist") == {1: str(crc64(EMPTY)), 2: str(crc64(other))}


def test_what_is_removed_is_gone(deployed: Account) -> None:
    """A removal leaves no function, and no rule that an event would find."""
    for wanted in FUNCTIONS:
        gone = deployed.fc3.ask(REMOVAL, wanted)
        assert {one["triggerName"] for one in gone["ListTriggers"]["triggers"]} == wanted.triggers.keys()
        (queued,) = gone["ListAsyncInvokeConfigs"]["configs"]
        assert queued["functionArn"].endswith(f":functions/{wanted.name}")
    assert functions_of(deployed.cloud.state()) == {}
    receipt: Any = deployed.cloud.put_event(json.loads(sample("ens-custom.json")))
    assert receipt["deployed"] is False
    deployed.fc3.ask(PLAN_OF_NOTHING, EDGE)


@pytest.fixture
def marked(account: Account, tmp_path: Path) -> Account:
    """Both functions with the real layer, from a checkout of other code that is gone since."""
    fc_python()
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "functions", checkout / "functions")
    account.fc3.publish_layer("enlist", layer_zip().read_bytes())
    for wanted in FUNCTIONS:
        folder = checkout / str(wanted.props["code"])
        index = folder / "index.py"
        index.write_text(index.read_text() + MARK.replace("MARKED", repr(wanted.key)))
        account.deploy(wanted, zipped_code(folder))
    shutil.rmtree(checkout)
    return account


@pytest.mark.parametrize(
    ("wanted", "event", "action"),
    [
        (EDGE, "ens-custom.json", "AttachInstances"),
        (SEARCH, "elasticsearch-custom.json", "AddConnectableCluster"),
    ],
    ids=["attach_instances", "add_connectable_cluster"],
)
def test_an_event_runs_what_was_deployed(marked: Account, wanted: Wanted, event: str, action: str) -> None:
    """An event on the bus runs the code of the uploaded zip with the uploaded layer, and no file of here."""
    told: Any = marked.cloud.put_event(json.loads(sample(event)))
    (delivery,) = told["deliveries"]
    assert (delivery["function"], delivery["errorType"]) == (wanted.name, "")
    result = json.loads(delivery["result"])
    assert result["mark"] == wanted.key
    assert not [file for file in result["files"] if file.startswith(str(ROOT)) or "checkout" in file]
    assert [call["code"] for call in marked.cloud.calls if call["action"] == action] == [""]


def test_invocations_run_what_was_deployed(marked: Account) -> None:
    """What `s invoke` shows is answered: logs, instance, the code's checksum, and the id of a task."""
    checksum = str(functions_of(marked.cloud.state())[EDGE.name]["codeChecksum"])
    status, headers, result = marked.fc3.invoke(EDGE.name, sample("timer.json"))
    assert (status, json.loads(result)["mark"]) == (200, EDGE.key)
    assert headers["x-fc-code-checksum"] == checksum
    assert {"x-fc-log-result", "x-fc-request-id", "x-fc-instance-id"} <= headers.keys()
    assert "x-fc-error-type" not in headers
    attached = marked.actions().count("AttachInstances")
    status, headers, _ = marked.fc3.invoke(SEARCH.name, sample("elasticsearch-custom.json"), "Async")
    assert status == 202
    assert headers["x-fc-async-task-id"]
    ends = time.monotonic() + 60
    while "AddConnectableCluster" not in marked.actions():
        assert time.monotonic() < ends, "the asynchronous invocation did not end within a minute"
        time.sleep(0.05)
    assert marked.actions().count("AttachInstances") == attached == 1

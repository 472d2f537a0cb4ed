"""`./dev deploy-local` without Serverless Devs: where requests go, what is judged, and what it needs."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.product import ROOT
from tests.support.programs import requires
from tools.deploy.comparison import Wanted, read_wanted
from tools.deploy.serverless import DeployError
from tools.deploylocal.__main__ import NO_COMPONENT, main
from tools.deploylocal.home import COMPONENTS, local_environment, make_home
from tools.deploylocal.run import Steps
from tools.deploylocal.standing import changes, functions_of, layers_of, wrong_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REDIRECT = ROOT / "tools/deploylocal/redirect.js"
CALLER = """
const http = require("http"), https = require("https");
const how = {
  "https get": () => https.get("https://fcv3.cn-hangzhou.aliyuncs.com/functions?limit=1", told),
  "options": () => https.request(
    { hostname: "b.oss-cn-hangzhou.aliyuncs.com", path: "/o", agent: new https.Agent() }, told).end(),
  "url and options": () => https.request(
    new URL("https://cs.aliyuncs.com/clusters"), { headers: { Host: "other.aliyuncs.com" } }, told).end(),
  "http put": () => {
    const sent = http.request(
      { host: "oss.aliyuncs.com", path: "/o", method: "PUT", headers: { "content-length": 3 } }, told);
    sent.end("abc");
  },
  "itself": () => http.get(process.env.LOCALCLOUD_URL + "/_localcloud/state", told),
  "another host": () => https.get("https://aliyuncs.com.example/", told).on("error", failed),
  "an address": () => http.get("http://203.0.113.1/", told).on("error", failed),
  "fetch": () => fetch("https://registry.example/").then(told, (error) => failed(error.cause)),
};
function told(answer) { answer.on("data", (data) => process.stdout.write(data)); }
function failed(error) { process.stdout.write(error.message); }
how[process.argv[2]]();
"""
REFUSED = "a deployment to the local cloud lets nothing leave this machine; something asked for "


class Echo(BaseHTTPRequestHandler):
    """Answers with what was asked for."""

    def do_GET(self) -> None:
        """Method, host, path and body."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        host = self.headers["host"].replace(f":{self.server.server_port}", "")  # type: ignore[attr-defined]
        answer = f"{self.command} {host} {self.path} {body}".strip().encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_PUT(self) -> None:
        """The same."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """A server that answers with what was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ("https get", "GET fcv3.cn-hangzhou.aliyuncs.com /functions?limit=1"),
        ("options", "GET b.oss-cn-hangzhou.aliyuncs.com /o"),
        ("url and options", "GET other.aliyuncs.com /clusters"),
        ("http put", "PUT oss.aliyuncs.com /o abc"),
        ("itself", "GET 127.0.0.1 /_localcloud/state"),
        ("another host", f"{REFUSED}aliyuncs.com.example"),
        ("an address", f"{REFUSED}203.0.113.1"),
        ("fetch", f"{REFUSED}registry.example"),
    ],
)
def test_where_requests_go(tmp_path: Path, echo: str, how: str, answer: str) -> None:
    """What is for the vendor goes to the local cloud with its Host, and nothing leaves the machine."""
    program = tmp_path / "caller.js"
    program.write_text(CALLER)
    environment = {"PATH": os.environ["PATH"], "LOCALCLOUD_URL": echo}
    command = [str(requires("node")), "--require", str(REDIRECT), str(program), how]
    done = subprocess.run(  # noqa: S603 -- a program of our own
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (answer, "")


PLAN = """
one:
    region: cn-hangzhou
    layers:
       - acs:fc:cn-hangzhou:1:layers/enlist/versions/1
    tags:
       -
           - Key: app
           + key: app
    triggers:
       -
           triggerConfig:
               methods:
                   - GET
               {line}
           triggerName: sweep
two:
    region: cn-hangzhou
    {top}
"""


@pytest.mark.parametrize(
    ("line", "top", "found"),
    [
        ("payload: sweep", "cpu: 1", []),
        ("~ payload: sweep => other", "cpu: 1", [("one", "triggers")]),
        ("- payload: sweep", "cpu: 1", [("one", "triggers")]),
        ("+ payload: sweep", "cpu: 1", [("one", "triggers")]),
        ("payload: sweep", "~ cpu: 1 => 2", [("two", "cpu")]),
        ("payload: sweep", "+ cpu: 1", [("two", "cpu")]),
    ],
)
def test_what_a_plan_would_change(line: str, top: str, found: list[tuple[str, str]]) -> None:
    """A changed, added or removed line is a change; the items of a list and the spelling of tags are none."""
    plan = PLAN.replace("{line}", line).replace("{top}", top)
    assert [(one.resource, one.property) for one in changes(plan)] == found


@pytest.fixture
def wanted() -> Wanted:
    """attach_instances, as s.yaml has it."""
    return read_wanted(ROOT / "s.yaml", {})[0]


def standing(wanted: Wanted) -> dict[str, Any]:
    """The state of a local cloud in which the function stands as the template has it."""
    props: Any = copy.deepcopy(wanted.props)
    function = {name: props[name] for name in props if name not in {"code", "region", "concurrencyConfig"}}
    function |= {
        "codeChecksum": "123",
        "layers": [{"arn": arn, "size": 1} for arn in props["layers"]],
        "tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in props["tags"]],
        "reservedConcurrency": props["concurrencyConfig"]["reservedConcurrency"],
        "asyncInvokeConfigs": {"LATEST": {**function.pop("asyncInvokeConfig"), "createdTime": "now"}},
        "triggers": [{**one, "triggerConfig": json.dumps(one["triggerConfig"])} for one in props["triggers"]],
    }
    layer = {"layerName": "enlist", "version": 1, "codeChecksum": "9"}
    return {"fc": {"functions": [function], "layers": [layer, {**layer, "layerName": "other", "version": 2}]}}


def test_what_stands_as_it_should(wanted: Wanted) -> None:
    """Nothing is wrong with a function that has all that the template says; other layers do not count."""
    state = standing(wanted)
    assert wrong_with(wanted, functions_of(state), {"enlist": 1}) == []
    assert layers_of(state, "enlist") == {1: "9"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"functionName": "other"}, "the function is not there"),
        ({"timeout": 3}, "another timeout"),
        ({"environmentVariables": {"LOG_LEVEL": "INFO"}}, "another environmentVariables"),
        ({"role": ""}, "another role"),
        ({"codeChecksum": ""}, "it has no code"),
        ({"tags": [{"Key": "app", "Value": "x"}, {"Key": "stage", "Value": "dev"}]}, "other tags"),
        ({"asyncInvokeConfigs": {}}, "another asyncInvokeConfig"),
        ({"reservedConcurrency": None}, "its reservedConcurrency is not 1"),
        ({"layers": []}, "it does not have version 1 of the layer enlist"),
    ],
)
def test_what_does_not(wanted: Wanted, change: dict[str, Any], words: str) -> None:
    """Each property, setting and layer that is not as the template says is named."""
    state = standing(wanted)
    state["fc"]["functions"][0].update(change)
    assert wrong_with(wanted, functions_of(state), {"enlist": 1}) == [f"{wanted.name}: {words}"]


def test_triggers_that_are_missing_or_too_many(wanted: Wanted) -> None:
    """A trigger that was not made is found, and one that nobody asked for."""
    state = standing(wanted)
    state["fc"]["functions"][0]["triggers"][0]["triggerName"] = "web"
    assert wrong_with(wanted, functions_of(state), {"enlist": 1}) == [
        f"{wanted.name}: the trigger http is not there",
        f"{wanted.name}: nobody asked for web",
    ]


def make_component(home: Path) -> Path:
    """A component as Serverless Devs installs one."""
    component = home / COMPONENTS / "fc3"
    (component / "dist").mkdir(parents=True)
    (component / "dist/index.js").write_text("")
    (component / ".s.lock").write_text('{"version": "0.1.22", "lastUpdateCheck": 1}')
    return component


def test_the_component_is_used_and_not_changed(tmp_path: Path) -> None:
    """The home that is made has the machine's component; what `s` writes there changes nothing of it."""
    component = make_component(tmp_path / "own")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "own").rglob("*")}
    home = tmp_path / "home"
    make_home(home, {"serverless_devs_config_home": str(tmp_path / "own")})
    made = home / COMPONENTS / "fc3"
    assert (made / "dist").resolve() == component / "dist"
    assert json.loads((made / ".s.lock").read_text())["version"] == "0.1.22"
    (made / ".s.lock").write_text("changed")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "own").rglob("*")} == before


def test_nothing_of_the_callers_keys(tmp_path: Path) -> None:
    """`s` gets the local cloud's keys, and none by which it would go to a real account."""
    caller = {
        "PATH": "/bin",
        "ENLIST_STAGE": "test",
        "AccessKeyID": "real",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "real",
        "prod_serverless_devs_key": "real",
        "FC_CLIENT_CUSTOM_ENDPOINT": "https://real.example",
        "NODE_OPTIONS": "--inspect",
    }
    made = local_environment(tmp_path, "http://127.0.0.1:1", caller)
    assert "real" not in " ".join(made.values())
    assert (made["PATH"], made["ENLIST_STAGE"], made["AccountID"]) == ("/bin", "test", "1234567890123456")
    assert made["NODE_OPTIONS"] == f'--require "{REDIRECT}"'


def test_without_the_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without fc3 is told how to get it, by an exit code of its own, before anything is started."""
    monkeypatch.setenv("serverless_devs_config_home", str(tmp_path))
    assert main([]) == NO_COMPONENT
    assert "fetches it into ~/.s at the first `./dev deploy" in capsys.readouterr().err


def test_an_endpoint_without_a_local_cloud(echo: str) -> None:
    """Where nobody answers, or somebody else, one message says so, and how to start one."""
    deployment: Any = SimpleNamespace(functions=[])
    for url in ("http://127.0.0.1:1", echo, "nowhere"):
        steps = Steps(deployment, url, ROOT / "events/timer.json", (), lambda step, words: None)
        with pytest.raises(DeployError, match=f"{url} answers as no local cloud does: .*localcloud serve"):
            steps.run(keep=True)

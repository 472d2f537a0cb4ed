"""The command `localcloud`, run as a program: results, logs, exit codes, and what it refuses to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from localcloud import LocalCloud
from tests.support.fc_clients import fc3_invoke
from tests.support.fc_control import ControlPlane
from tests.support.programs import requires
from tests.support.vendor_clients import tidied
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "localcloud"]
NAMES = (
    "ENLIST_BINDINGS",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ENLIST_ENDPOINT_URL",
    "ENLIST_X",
    "STAGE",
)
TEMPLATE = """\
edition: 3.0.0
resources:
  probe:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: app-probe
      runtime: python3.12
      handler: index.handler
      code: ./code
      timeout: 20
      environmentVariables: {ENLIST_X: own, STAGE: own}
      asyncInvokeConfig:
        destinationConfig:
          onFailure: {destination: "acs:mns:cn-hangzhou:1234567890123456:/queues/failed/messages"}
      triggers:
        - triggerName: mine
          triggerType: eventbridge
          triggerConfig:
            eventRuleFilterPattern: '{"source": ["mine"]}'
            eventSourceConfig: {eventSourceType: Default}
        - {triggerName: soon, triggerType: timer, triggerConfig: {cronExpression: "@every 5m"}}
        - {triggerName: web, triggerType: http, triggerConfig: {authType: anonymous, methods: [POST]}}
"""
CUSTOM = """\
edition: 3.0.0
resources:
  server:
    component: fc3
    props:
      region: cn-hangzhou
      functionName: app-server
      runtime: custom.debian12
      handler: index.handler
      code: ./code
      customRuntimeConfig: {command: [python3], args: [server.py]}
      triggers:
        - {triggerName: web, triggerType: http, triggerConfig: {authType: anonymous, methods: [POST]}}
"""
SERVER = """\
import http.server, os

class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(500)
        self.send_header("x-fc-status", "404")
        self.end_headers()
        self.wfile.write(self.rfile.read(int(self.headers["content-length"])))

http.server.HTTPServer(("", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Answer).serve_forever()
"""
CODE = f"""\
import json, os, time, urllib.request

def handler(event, context):
    print("a log line")
    if event == b"fail":
        raise ValueError("asked to")
    if b"triggerTime" in event:
        open("ticked", "w").close()
    if b"/hang" in event:
        with open("hanging", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(60)
    if b"look around" in event:
        return urllib.request.urlopen(os.environ["ENLIST_ENDPOINT_URL"] + "/_localcloud/state").read()
    return {{"event": event.decode(), "variables": {{name: os.environ.get(name, "") for name in {NAMES!r}}}}}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an s.yaml of one function and a file with an event."""
    root = tmp_path_factory.mktemp("cli")
    (root / "code").mkdir()
    (root / "code" / "index.py").write_text(CODE)
    (root / "s.yaml").write_text(TEMPLATE)
    (root / "event.json").write_text("from a file")
    return root


def environment(**variables: str) -> dict[str, str]:
    """An environment without anything that steers functions, and with `variables`."""
    path = os.pathsep.join([str(ROOT / "shared"), str(ROOT)])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": path, **variables}


def run(
    root: Path, *arguments: str, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command to its end in the folder."""
    return subprocess.run(  # noqa: S603  # our own command
        [*COMMAND, *arguments],
        cwd=root,
        env=environment(**variables),
        input=stdin,
        capture_output=True,
        check=False,
    )


class TestInvoke:
    """`localcloud invoke`."""

    def test_an_event_from_a_file(self, root: Path) -> None:
        """The result is all of standard output, the logs are on standard error, and s.yaml is the default."""
        done = run(root, "invoke", "probe", "--event", "event.json", "--endpoint", "http://127.0.0.1:9")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["event"] == "from a file"
        assert b"a log line" in done.stderr
        assert b"FC Invoke Start RequestId: " in done.stderr

    def test_the_callers_variables(self, root: Path) -> None:
        """The caller's overrides stand above s.yaml, its others do not count; - is standard input."""
        done = run(
            root,
            *("invoke", "code", "--event", "-"),
            stdin=b"piped",
            ENLIST_ENDPOINT_URL="http://127.0.0.1:9",
            ENLIST_X="caller",
            STAGE="caller",
            ENLIST_BINDINGS="bindings.yaml",
            ALIBABA_CLOUD_ACCESS_KEY_ID="mine",
            ALIBABA_CLOUD_ACCESS_KEY_SECRET="also-mine",
        )
        assert json.loads(done.stdout) == {
            "event": "piped",
            "variables": {
                "ENLIST_BINDINGS": str(root / "bindings.yaml"),
                "ALIBABA_CLOUD_ACCESS_KEY_ID": "mine",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "also-mine",
                "ENLIST_ENDPOINT_URL": "http://127.0.0.1:9",
                "ENLIST_X": "caller",
                "STAGE": "own",
            },
        }
        assert b"test/test" not in done.stderr

    @pytest.mark.parametrize(
        ("endpoint", "key"),
        [("http://localhost:9", "test"), ("http://[::1]:9", "test"), ("https://cloud.invalid", "")],
    )
    def test_credentials_for_this_machine_only(self, root: Path, endpoint: str, key: str) -> None:
        """Without credentials, an endpoint on this machine gets test/test; another gets none."""
        done = run(root, "invoke", "probe", "--event", "event.json", "--endpoint", endpoint)
        assert json.loads(done.stdout)["variables"]["ALIBABA_CLOUD_ACCESS_KEY_ID"] == key
        assert (b"using test/test" in done.stderr) == bool(key)

    def test_no_endpoint(self, root: Path) -> None:
        """Without an endpoint nothing runs: it is said how to name one."""
        done = run(root, "invoke", "probe", "--event", "event.json")
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"no endpoint is named" in done.stderr
        assert b"--endpoint http" in done.stderr
        assert b"a log line" not in done.stderr

    @pytest.mark.parametrize(
        ("names", "missing"),
        [
            (["CS"], b"for ENS, ELASTICSEARCH:"),
            (["CS", "ENS"], b"for ELASTICSEARCH:"),
        ],
    )
    def test_services_that_would_go_to_the_real_cloud(
        self, root: Path, names: list[str], missing: bytes
    ) -> None:
        """With some endpoints named, the function runs, and finds nobody for the other services."""
        variables = {f"ENLIST_ENDPOINT_URL_{name}": "http://127.0.0.1:9" for name in names}
        done = run(root, "invoke", "probe", "--event", "event.json", **variables)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)["variables"]
        assert told["ENLIST_ENDPOINT_URL"] == "http://no-endpoint-named.invalid"
        assert missing in done.stderr

    def test_a_misspelt_endpoint_is_none(self, root: Path) -> None:
        """A variable that only looks like an endpoint's does not count: nothing runs."""
        variables = {"ENLIST_ENDPOINT_URL_ZZZ": "http://127.0.0.1:9"}
        done = run(root, "invoke", "probe", "--event", "event.json", **variables)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"no endpoint is named" in done.stderr

    def test_each_service_with_its_endpoint(self, root: Path) -> None:
        """Three addresses, one for each service, are as good as one for all."""
        names = ("CS", "ENS", "ELASTICSEARCH")
        variables = {f"ENLIST_ENDPOINT_URL_{name}": "http://127.0.0.1:9" for name in names}
        done = run(root, "invoke", "probe", "--event", "event.json", **variables)
        assert done.returncode == 0, done.stderr
        assert b"using test/test" in done.stderr

    @pytest.mark.parametrize(
        "address", ["127.0.0.1:4580", "localhost:4580", "ftp://127.0.0.1", "http://[::1"]
    )
    def test_addresses_without_a_scheme(self, root: Path, address: str) -> None:
        """An address that no service can be at is refused wherever it comes from, with what is expected."""
        given = run(root, "invoke", "probe", "--event", "event.json", "--endpoint", address)
        named = run(root, "invoke", "probe", "--event", "event.json", ENLIST_ENDPOINT_URL=address)
        for done, name in ((given, b"--endpoint: "), (named, b"ENLIST_ENDPOINT_URL: ")):
            assert (done.returncode, done.stdout) == (2, b"")
            assert name + b"expected an address with its scheme, such as http://127.0.0.1:4580" in done.stderr

    def test_a_function_without_its_layer(self, root: Path) -> None:
        """When an import fails and s.yaml lists no layer for the function, that is said beside the error."""
        (root / "lonely").mkdir()
        (root / "lonely" / "index.py").write_text("import fctoolkit, absent_package\n")
        (root / "lonely.yaml").write_text(TEMPLATE.replace("./code", "./lonely"))
        layered = TEMPLATE.replace("./code", "./lonely\n      layers: [one]").replace("probe", "other")
        (root / "layered.yaml").write_text(layered)
        arguments = ("--event", "event.json", "--endpoint", "http://127.0.0.1:9", "--template")
        lonely = run(root, "invoke", "probe", *arguments, "lonely.yaml")
        assert lonely.returncode == 1
        assert "'fctoolkit'" in json.loads(lonely.stdout)["errorMessage"]
        assert b"lonely.yaml lists no layer for the function probe" in lonely.stderr
        layered_run = run(root, "invoke", "other", *arguments, "layered.yaml")
        assert "'absent_package'" in json.loads(layered_run.stdout)["errorMessage"]
        assert b"lists no layer" not in layered_run.stderr

    def test_a_failing_function(self, root: Path) -> None:
        """A function's error is exit code 1, with FC's payload as the result."""
        done = run(root, "invoke", "probe", "--event", "-", "--endpoint", "http://127.0.0.1:9", stdin=b"fail")
        assert done.returncode == 1
        assert json.loads(done.stdout)["errorMessage"] == "asked to"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["absent", "--event", "event.json"], b"known are: probe"),
            (["probe", "--event", "absent.json"], b"absent.json"),
            (["probe", "--event", "event.json", "--template", "absent.yaml"], b"absent.yaml:1: "),
            (["probe"], b"--event"),
        ],
    )
    def test_wrong_commands(self, root: Path, arguments: list[str], message: bytes) -> None:
        """A wrong command is exit code 2 and one message, without a traceback."""
        done = run(root, "invoke", *arguments, ENLIST_ENDPOINT_URL="http://127.0.0.1:9")
        assert (done.returncode, done.stdout) == (2, b"")
        assert message in done.stderr
        assert b"test/test" not in done.stderr
        assert b"Traceback" not in done.stderr


@contextmanager
def serving(root: Path, *arguments: str, said: list[str] | None = None, **variables: str) -> Iterator[str]:
    """A local cloud that is served on a free port until the block ends; yields its address.

    What it wrote to standard error is added to `said` at the end.
    """
    with subprocess.Popen(  # noqa: S603  # our own command
        [*COMMAND, "serve", "--port", "0", *arguments],
        cwd=root,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("localcloud ready at http://127.0.0.1:"), line
            yield line.split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            rest, errors = process.communicate(timeout=20)
            if said is not None:
                said.append(errors)
        assert (process.returncode, rest) == (0, ""), errors


def ask(url: str, path: str, body: object = None) -> Any:
    """Asks the local cloud's own API; the body of a refusal counts as an answer."""
    with httpx2.Client(trust_env=False, timeout=20) as client:
        method = "GET" if body is None else "POST"
        return client.request(method, f"{url}/_localcloud/{path}", json=body).json()


class TestServe:
    """`localcloud serve`."""

    def test_events_reach_the_functions_of_a_template(self, root: Path) -> None:
        """An event put on the bus is delivered to functions that are pointed at this very server."""
        with serving(root, "--template", "s.yaml") as url:
            answer = ask(url, "events", {"id": "1", "source": "mine", "type": "test"})
            missed = ask(url, "events", {"id": "2", "source": "other", "type": "test"})
            refused = ask(url, "events", {"id": "3", "type": "test"})
        (delivery,) = answer["deliveries"]
        assert (delivery["rule"], delivery["function"], delivery["errorType"]) == (
            "app-probe-mine",
            "probe",
            "",
        )
        result = json.loads(delivery["result"])
        assert json.loads(result["event"])["id"] == "1"
        assert result["variables"]["ENLIST_ENDPOINT_URL"] == url
        assert result["variables"]["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "test"
        assert missed["deliveries"] == []
        assert missed["missed"][0]["rule"] == "app-probe-mine"
        assert "source" in missed["missed"][0]["reason"]
        assert "source" in refused["message"]

    def test_what_fails_is_tried_again_as_time_passes(self, root: Path) -> None:
        """An asynchronous invocation that fails is tried again by itself, and then stands in the queue."""
        seed = {"mns": {"queues": [{"QueueName": "failed"}]}, "behaviour": {"async_backoff_seconds": 0.01}}
        (root / "seed.json").write_text(json.dumps(seed))
        said: list[str] = []
        with serving(root, "--template", "s.yaml", "--seed", "seed.json", said=said) as url:
            fc3_invoke(url, "app-probe", b"fail", x_fc_invocation_type="Async")
            deadline = time.monotonic() + 30
            while not (found := ask(url, "state")["mns"]["queues"][0]["messages"]):
                assert time.monotonic() < deadline, ask(url, "state")["deliveries"]
                time.sleep(0.05)
        record = json.loads(found[0]["MessageBody"])
        assert (record["requestPayload"], record["requestContext"]["approximateInvokeCount"]) == ("fail", 4)
        assert "try 4, failed with UnhandledInvocationError: given up; in the queue failed" in said[0]

    def test_a_target_without_logs_says_why_it_failed(self, root: Path) -> None:
        """Of a queue that is not there the line on standard error has the name, and what to do."""
        target: dict[str, object] = {
            "Id": "1",
            "Type": "acs.mns.queue",
            "Endpoint": "acs:mns:cn-hangzhou:1234567890123456:queues/q",
            "ParamList": [{"ResourceKey": "Body", "Form": "ORIGINAL"}],
        }
        rule = {"RuleName": "r", "FilterPattern": '{"source": ["mine"]}', "Targets": [target]}
        bus = {"EventBusName": "b", "Rules": [rule]}
        event = {"id": "1", "source": "mine", "type": "test", "aliyuneventbusname": "b"}
        said: list[str] = []
        with serving(root, said=said) as url:
            ask(url, "seed", {"eventbridge": {"buses": [bus]}})
            ask(url, "events", event)
            ask(url, "clock", {"advance": 21})
        assert "localcloud: b/r/1, try 2, failed with QueueError, there is no queue q; seed it" in said[0]

    def test_functions_call_the_server_that_started_them(self, root: Path) -> None:
        """A function can ask the very server that waits for its result."""
        with serving(root, "--template", "s.yaml") as url:
            answer = ask(url, "events", {"id": "1", "source": "mine", "type": "look around"})
        assert json.loads(answer["deliveries"][0]["result"])["credentials"]["access_key_id"] == "test"

    def test_triggers_are_served(self, root: Path) -> None:
        """HTTP triggers answer at the addresses that standard error and `state` name; ends are shown."""
        said: list[str] = []
        with serving(root, "--template", "s.yaml", said=said) as url:
            (function,) = ask(url, "state")["functions"]
            address = function["urls"][0]
            with httpx2.Client(trust_env=False, timeout=20) as client:
                answer = client.post(f"{address}a", content=b"hello")
                later = {"x-fc-invocation-type": "Async"}
                ids = [client.post(address, content=text, headers=later) for text in (b"a", b"b")]
        assert (function["key"], function["name"], address) == (
            "probe",
            "app-probe",
            f"{url}/_localcloud/http/probe/",
        )
        assert json.loads(answer.json()["event"])["body"] == "hello"
        (errors,) = said
        assert f"localcloud: probe is at {', '.join(function['urls'])}" in errors
        first = ids[0].headers["x-fc-request-id"]
        assert f"localcloud: asynchronous invocation {first} of probe returned after " in errors
        assert errors.count("a log line") >= 2

    @pytest.mark.parametrize("body", [b"no JSON", b"", b"[]"])
    def test_a_custom_runtime_that_fails_in_its_own_words(self, root: Path, body: bytes) -> None:
        """What a failing server of one's own says reaches its caller, whether or not it is FC's payload."""
        (root / "custom.yaml").write_text(CUSTOM)
        (root / "code" / "server.py").write_text(SERVER)
        with serving(root, "--template", "custom.yaml") as url, httpx2.Client(trust_env=False) as client:
            answer = client.post(f"{url}/_localcloud/http/server/", content=body)
        assert (answer.status_code, answer.content) == (500, body)
        assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"

    def test_ticks(self, root: Path) -> None:
        """With --tick, the template's timers fire again and again by themselves."""
        ticked = root / "code" / "ticked"
        with serving(root, "--template", "s.yaml", "--tick", "0.05"):
            for _ in range(2):
                deadline = time.monotonic() + 10
                while not ticked.exists():
                    assert time.monotonic() < deadline, "no tick within 10 seconds"
                    time.sleep(0.02)
                ticked.unlink()

    def test_ticks_without_a_template(self, root: Path, tmp_path: Path) -> None:
        """With --tick, the timers of functions that calls made fire, too."""
        requires("python3.12")
        ticked = tmp_path / "ticked"
        with tidied(), serving(root, "--tick", "0.05") as url:
            plane = ControlPlane(LocalCloud(), url)
            plane.create("one", f"def handler(event, context): open({str(ticked)!r}, 'w').write('yes')")
            plane.trigger("one", "often", "timer", {"cronExpression": "@every 1m", "enable": True})
            until(ticked.exists)

    def test_the_end_comes_soon(self, root: Path) -> None:
        """A function that runs at the end holds up the end for seconds only, and leaves no process."""
        hanging = root / "code" / "hanging"
        with serving(root, "--template", "s.yaml") as url, httpx2.Client(trust_env=False) as client:
            client.post(f"{url}/_localcloud/http/probe/hang", headers={"x-fc-invocation-type": "Async"})
            until(lambda: hanging.exists() and hanging.read_text())
            asked = time.monotonic()
        assert time.monotonic() - asked < 15
        with pytest.raises(ProcessLookupError):
            os.kill(int(hanging.read_text()), 0)

    def test_a_seed(self, root: Path) -> None:
        """What a seed file names exists when the server is ready."""
        (root / "seed.json").write_text(json.dumps({"ens": {"instances": [{"InstanceId": "i-1"}]}}))
        with serving(root, "--seed", "seed.json") as url:
            state = ask(url, "state")
        assert [one["InstanceId"] for one in state["ens"]["instances"]] == ["i-1"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--seed", "event.json"], b"event.json is no valid JSON"),
            (["--seed", "list.json"], b"list.json: expected a JSON object"),
            (["--template", "absent.yaml"], b"absent.yaml:1: "),
            (["--tick", "5", "--replay", "calls.jsonl"], b"takes no --template, --seed, --record, --tick"),
            (["--tick", "-1", "--template", "s.yaml"], b"positive number of seconds"),
            (["--processes", "0"], b"whole number from 1 on"),
            (["--port", "99999"], b"expected a port, 0 to 65535"),
            (["--port", "-1"], b"expected a port, 0 to 65535"),
            (["--port", "http"], b"expected a port, 0 to 65535"),
        ],
    )
    def test_wrong_commands(self, root: Path, arguments: list[str], message: bytes) -> None:
        """A wrong command is exit code 2 and one message; nothing is served."""
        (root / "list.json").write_text("[]")
        done = run(root, "serve", "--port", "0", *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert message in done.stderr
        assert b"Traceback" not in done.stderr

    def test_a_taken_port(self, root: Path) -> None:
        """A port that somebody has is exit code 2, with host and port in the message."""
        with serving(root) as url:
            port = url.rpartition(":")[2]
            done = run(root, "serve", "--port", port)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(f"localcloud: cannot listen on 127.0.0.1, port {port}: ".encode())
        assert b"Traceback" not in done.stderr

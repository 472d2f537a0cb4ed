"""The custom runtime as FC meets it: a process that listens, spoken to over HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.customruntime.__main__ import listen_port
from tests.support.custom_runtime import Served, served
from tests.support.product import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
    import logging, os, sys, time

    STATE = {"initialized": 0, "most": 0}
    running = []

    def initialize(context):
        STATE["initialized"] += 1
        if context.request_id == "bad":
            raise RuntimeError("not today")
        return object()

    def pre_stop(context):
        print("stopping", context.request_id)

    def handler(event, context):
        command, _, argument = event.partition(b":")
        if command not in COMMANDS:
            return serve(event, context)
        return globals()[command.decode()](argument, context)

    def echo(argument, context): return argument
    def state(argument, context): return STATE
    def key(argument, context): return {name: os.environ.get(name) for name in KEYS}
    def raises(argument, context): raise ValueError(argument.decode())
    def odd(argument, context): return {"a": object()}
    def exits(argument, context): sys.exit(7)
    def log(argument, context): logging.info("logged"); print("half \\ud800")
    def length(argument, context): return len(argument)

    def waits(argument, context):
        print("waiting")
        running.append(1)
        STATE["most"] = max(STATE["most"], len(running))
        time.sleep(float(argument))
        running.pop()

    class Silent(Exception):
        def __str__(self): raise RuntimeError("no text")

    def silent(argument, context): raise Silent

    def serve(event, context):
        import base64, json
        asked = json.loads(event)
        if asked["rawPath"] == "/raise": raise ValueError("over HTTP")
        if asked["rawPath"] == "/broken": return {"statusCode": 1000}
        if asked["rawPath"] == "/empty": return {"statusCode": 204}
        body = base64.b64decode(asked["body"]) if asked["isBase64Encoded"] else asked["body"].encode()
        headers = {"X-Path": asked["rawPath"], "X-Two": asked["headers"].get("X-Two", "")}
        body = base64.b64encode(body).decode()
        return {"statusCode": 201, "headers": headers, "isBase64Encoded": True, "body": body}

    KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
    COMMANDS = b"echo state key raises odd exits log length waits silent".split()
"""
OPTIONS = ("--initializer", "index.initialize", "--pre-stop", "index.pre_stop")
HTTP = {"x-fc-control-path": "/http-invoke"}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A runtime that lives as long as the tests of this module."""
    with served(tmp_path_factory.mktemp("runtime"), SOURCE, *OPTIONS) as started:
        yield started


def invoke(runtime: Served, event: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One event. Headers are named as in `x_fc_request_id`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return runtime.send("POST", "/invoke", event, named)


def key_headers(key: str) -> dict[str, str]:
    """The headers that tell a role's key."""
    return {
        "x_fc_access_key_id": key,
        "x_fc_access_key_secret": f"{key}-s",
        "x_fc_security_token": f"{key}-t",
    }


class TestEvents:
    """POST /invoke."""

    def test_an_event_is_bytes_and_so_is_its_result(self, runtime: Served) -> None:
        """Any bytes come and go unchanged, and FC is told of success."""
        status, headers, body = invoke(runtime, b"echo:\x00\xff\r\n")
        assert (status, headers["x-fc-status"], body) == (200, "200", b"\x00\xff\r\n")

    def test_a_result_is_json_like_that_of_a_built_in_runtime(self, runtime: Served) -> None:
        """A result that is no text is sorted, indented JSON."""
        _, _, body = invoke(runtime, b"key:", **key_headers("a"))
        assert body.startswith(b'{\n    "ALIBABA_CLOUD_ACCESS_KEY_ID": "a",\n')

    def test_ten_megabytes(self, runtime: Served) -> None:
        """An event of 10 MB arrives whole."""
        assert invoke(runtime, b"length:" + b"x" * 10_000_000)[2] == b"10000000"

    def test_a_body_in_chunks(self, runtime: Served) -> None:
        """An event that comes in chunks is the event that was cut into them."""
        parts = [b"echo:", b"one", b"x" * 70_000, b"end"]
        assert runtime.send("POST", "/invoke", iter(parts))[2] == b"".join(parts)[5:]

    def test_an_error_is_fcs_payload_and_told_as_a_failure(self, runtime: Served) -> None:
        """An exception becomes message, type and one list a frame of user code, with status 404."""
        status, headers, body = invoke(runtime, b"raises:boom")
        error = json.loads(body)
        assert (status, headers["x-fc-status"]) == (404, "404")
        assert (error["errorMessage"], error["errorType"]) == ("boom", "ValueError")
        assert [frame[2] for frame in error["stackTrace"]] == ["in handler", "in raises"]

    @pytest.mark.parametrize(("event", "error_type"), [(b"odd:", "TypeError"), (b"silent:", "Silent")])
    def test_odd_results_and_errors_are_errors(self, runtime: Served, event: bytes, error_type: str) -> None:
        """A result that is no JSON, and an exception without a text, are failures that FC is told of."""
        status, _, body = invoke(runtime, event)
        assert (status, json.loads(body)["errorType"]) == (404, error_type)

    def test_the_log_has_fcs_lines(self, runtime: Served) -> None:
        """What a function logs stands between FC's two lines, with the request's id; none of it is lost."""
        invoke(runtime, b"log:", x_fc_request_id="r-log")
        invoke(runtime, b"raises:x", x_fc_request_id="r-bad")
        lines = runtime.log.read_text().splitlines()
        start = lines.index("FC Invoke Start RequestId: r-log")
        assert re.fullmatch(r"\S+Z r-log \[INFO\] logged", lines[start + 1])
        assert lines[start + 2 : start + 4] == ["half \\ud800", "FC Invoke End RequestId: r-log"]
        assert "FC Invoke End RequestId: r-bad, Error: Unhandled function error" in lines
        assert "ValueError: x" in lines

    def test_each_invocation_has_its_own_credentials(self, runtime: Served) -> None:
        """The environment holds the key that came with the request; without one, what it held before."""
        first, second, none = (
            list(json.loads(invoke(runtime, b"key:", **headers)[2]).values())
            for headers in (key_headers("one"), key_headers("two"), {})
        )
        assert first == ["one", "one-s", "one-t"]
        assert second == ["two", "two-s", "two-t"]
        assert none == [None, None, None]


class TestHooks:
    """POST /initialize and GET /pre-stop."""

    def test_an_initializer(self, runtime: Served) -> None:
        """The initializer runs, and what it returns is not looked at."""
        before = json.loads(invoke(runtime, b"state:")[2])["initialized"]
        assert runtime.send("POST", "/initialize")[0] == 200
        assert json.loads(invoke(runtime, b"state:")[2])["initialized"] == before + 1

    def test_a_failing_initializer(self, runtime: Served) -> None:
        """An initializer that raises is told as a failure, with its error and in the log."""
        status, headers, body = runtime.send("POST", "/initialize", headers={"x-fc-request-id": "bad"})
        assert (status, headers["x-fc-status"]) == (404, "404")
        assert json.loads(body)["errorMessage"] == "not today"
        assert "FC Initialize End RequestId: bad, Error: Unhandled function error" in runtime.log.read_text()

    def test_pre_stop(self, runtime: Served) -> None:
        """The pre-stop hook runs with a context of its own."""
        assert runtime.send("GET", "/pre-stop", headers={"x-fc-request-id": "last"})[0] == 200
        assert "FC PreStop Start RequestId: last\nstopping last\n" in runtime.log.read_text()

    def test_a_hook_that_is_not_there(self, tmp_path: Path) -> None:
        """A function without hooks answers FC's calls to them with success."""
        with served(tmp_path, "def handler(event, context): pass") as runtime:
            assert runtime.send("POST", "/initialize")[0] == 200
            assert runtime.send("GET", "/pre-stop")[0] == 200


class TestHttp:
    """Requests of an HTTP trigger, which come as they are."""

    @pytest.mark.parametrize("path", ["/a%20b/c", "//a", "/invoke"])
    def test_a_request_becomes_an_event_and_its_result_a_response(self, runtime: Served, path: str) -> None:
        """Path and binary body reach the handler, and status, headers and body come back."""
        status, headers, body = runtime.send("POST", path, b"\x00\xff", {**HTTP, "Content-Type": "image/png"})
        assert (status, headers["x-path"], headers["x-fc-status"], body) == (201, path, "200", b"\x00\xff")

    def test_repeated_headers_are_joined(self, runtime: Served) -> None:
        """A header that is sent twice is one in the event, its values joined by a comma."""
        connection = runtime.connect()
        connection.putrequest("GET", "/x")
        for value in ("1", "2"):
            connection.putheader("X-Two", value)
        connection.endheaders()
        assert connection.getresponse().headers["X-Two"] == "1,2"
        connection.close()

    def test_an_error_over_http(self, runtime: Served) -> None:
        """A handler that raises, or returns what cannot be sent, is answered with 502 and its error."""
        status, headers, body = runtime.send("GET", "/raise")
        assert (status, headers["x-fc-status"], json.loads(body)["errorMessage"]) == (502, "404", "over HTTP")
        assert runtime.send("GET", "/broken")[0] == 502

    @pytest.mark.parametrize(("line", "length"), [("HEAD /x", b"3"), ("GET /empty", None)])
    def test_responses_without_a_body(self, runtime: Served, line: str, length: bytes | None) -> None:
        """To a HEAD, and with a 204, nothing follows the headers, whatever the handler returned."""
        with socket.create_connection(("127.0.0.1", runtime.port)) as connection:
            ending = "Host: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
            connection.sendall(f"{line} HTTP/1.1\r\n{ending}".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == b""
        told = re.search(rb"(?i)content-length: (\d+)", head)
        assert (told[1] if told else None) == length


class TestTheProcess:
    """Connections, turns, and how it ends."""

    def test_a_connection_is_kept(self, runtime: Served) -> None:
        """Many requests go over one connection, while another one is open and idle."""
        idle, busy = runtime.connect(), runtime.connect()
        idle.connect()
        busy.connect()
        first = busy.sock
        for _ in range(3):
            busy.request("POST", "/invoke", b"echo:x")
            assert busy.getresponse().read() == b"x"
        assert busy.sock is first
        idle.close()
        busy.close()

    @pytest.mark.parametrize(("options", "most"), [((), 1), (("--concurrency", "3"), 3)])
    def test_requests_at_a_time(self, tmp_path: Path, options: tuple[str, ...], most: int) -> None:
        """One request is run after the other unless the runtime is told how many at a time."""
        with served(tmp_path, SOURCE, *options) as runtime:
            threads = [threading.Thread(target=invoke, args=(runtime, b"waits:0.5")) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert json.loads(invoke(runtime, b"state:")[2])["most"] == most

    def test_half_an_event_is_not_run(self, runtime: Served) -> None:
        """When a body breaks off, the handler is not called and the runtime goes on."""
        runs = runtime.log.read_text().count("FC Invoke Start")
        for head in (
            b"Content-Length: 50\r\n\r\nraises:",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\nraises:",
        ):
            with socket.create_connection(("127.0.0.1", runtime.port)) as connection:
                connection.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\n" + head)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(100).startswith(b"HTTP/1.1 400")
        assert runtime.log.read_text().count("FC Invoke Start") == runs
        assert invoke(runtime, b"echo:x")[2] == b"x"

    def test_exit_in_user_code_ends_the_instance(self, tmp_path: Path) -> None:
        """sys.exit() in a handler ends the process with its code, and no answer is made up."""
        with served(tmp_path, SOURCE) as runtime:
            with pytest.raises(http.client.RemoteDisconnected):
                invoke(runtime, b"exits:")
            assert runtime.process.wait(10) == 7

    def test_sigterm_ends_it_cleanly(self, tmp_path: Path) -> None:
        """SIGTERM ends an idle runtime with code 0 and without a word."""
        with served(tmp_path, SOURCE) as runtime:
            runtime.process.send_signal(signal.SIGTERM)
            assert runtime.process.wait(10) == 0
            assert runtime.log.read_text() == ""

    def test_sigterm_in_a_request_says_where_it_stood(self, tmp_path: Path) -> None:
        """SIGTERM in the middle of a request ends it at once, with a stack trace in the log."""
        with served(tmp_path, SOURCE) as runtime:
            thread = threading.Thread(target=_ignore_the_end, args=(runtime,))
            thread.start()
            deadline = time.monotonic() + 10
            while "waiting" not in runtime.log.read_text() and time.monotonic() < deadline:
                time.sleep(0.01)
            runtime.process.send_signal(signal.SIGTERM)
            assert runtime.process.wait(10) == 128 + signal.SIGTERM
            thread.join()
            assert "in waits" in runtime.log.read_text()

    def test_a_handler_that_cannot_be_loaded(self, tmp_path: Path) -> None:
        """The runtime listens all the same, and each event is told why the handler cannot be loaded."""
        with served(tmp_path, "import nowhere_to_be_found") as runtime:
            status, _, body = invoke(runtime, b"")
            assert (status, json.loads(body)["errorType"]) == (404, "ImportModuleError")

    @pytest.mark.parametrize(
        ("environ", "port"),
        [
            ({}, 9000),
            ({"FC_SERVER_PORT": "8080"}, 8080),
            ({"FC_SERVER_PORT": "1", "FC_CUSTOM_LISTEN_PORT": "2"}, 2),
        ],
    )
    def test_the_port(self, environ: dict[str, str], port: int) -> None:
        """The port is FC_CUSTOM_LISTEN_PORT, or what that was called before, or 9000."""
        assert listen_port(environ) == port

    def test_a_port_that_is_none(self) -> None:
        """A variable that holds no port is refused by name."""
        with pytest.raises(SystemExit, match="FC_CUSTOM_LISTEN_PORT is 'x'"):
            listen_port({"FC_CUSTOM_LISTEN_PORT": "x"})


def _ignore_the_end(runtime: Served) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        invoke(runtime, b"waits:30")


def loaded_after(statement: str) -> Any:
    """The names of all modules that Python has loaded after a statement, without installed packages."""
    command = [
        sys.executable,
        "-S",
        "-c",
        f"{statement}\nimport json, sys; print(json.dumps([*sys.modules]))",
    ]
    output = subprocess.run(  # noqa: S603 -- our own interpreter
        command, check=True, capture_output=True, env={"PYTHONPATH": str(ROOT / "shared")}
    ).stdout
    return json.loads(output)


def test_the_runtime_needs_the_standard_library_only() -> None:
    """The runtime starts where nothing is installed but the toolkit itself."""
    assert "fctoolkit.customruntime.server" in loaded_after("import fctoolkit.customruntime.__main__")

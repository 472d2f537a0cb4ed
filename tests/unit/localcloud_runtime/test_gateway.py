"""HTTP triggers behind FC's gateway: addresses, limits, headers, refusals, answers."""

from __future__ import annotations

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.functions.deployment import Deployment
from localcloud.functions.spec import HttpTrigger
from localcloud.message import Request, Response
from localcloud.runtime import Limits
from localcloud.template.reading import Template
from tests.support.echo_function import ACCOUNT, URL, decoded, echo_cloud, echo_deployment
from tests.support.runtime_functions import write_function
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.functions.running import Ended

PUBLIC = f"app-open_1-{ACCOUNT}.cn-hangzhou.fcapp.run"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A cloud with functions that echo the envelope they get; tests leave its behaviour as it was."""
    with echo_cloud(tmp_path_factory.mktemp("gateway")) as cloud:
        yield cloud


def ask(
    cloud: LocalCloud,
    path: str = "/",
    query: str = "",
    *,
    method: str = "GET",
    host: str = "open.localhost:4580",
    body: bytes = b"",
    **headers: str,
) -> Response:
    """One request; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return cloud.handle(Request(method, path, query, {"host": host, **named}, body))


def code_of(response: Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    error = decoded(response.body)
    assert set(error) == {"Code", "Message", "RequestId"}
    assert response.headers["x-fc-request-id"] == error["RequestId"]
    return response.status, error["Code"]


def answer_with(cloud: LocalCloud, result: object, **options: Any) -> Response:
    """The answer when the function returns this."""
    raw = base64.urlsafe_b64encode(json.dumps(result).encode()).decode()
    raw = raw.replace("-", "%2B").replace("_", "%2F")
    return ask(cloud, query=f"do=answer&with={raw}", **options)


@pytest.mark.parametrize(
    ("host", "path", "seen"),
    [
        ("open.localhost:4580", "/a%20b/c", "/a%20b/c"),
        ("app-open_1.localhost", "/a", "/a"),
        (PUBLIC, "/a", "/a"),
        (PUBLIC.replace(".run", ".invalid:4580"), "/", "/"),
        ("127.0.0.1:4580", "/_localcloud/http/open/a%20b/c", "/a%20b/c"),
        ("127.0.0.1:4580", "/_localcloud/http/app-Open_1/", "/"),
        ("127.0.0.1:4580", "/_localcloud/http/open", "/"),
    ],
)
def test_addresses(echo: LocalCloud, host: str, path: str, seen: str) -> None:
    """A trigger answers at FC's host, at a localhost name and below a prefix; the function sees the rest."""
    answer = ask(echo, path, "x=1", host=host)
    assert answer.status == 200
    event = decoded(answer.body)
    assert (event["rawPath"], event["queryParameters"]) == (seen, {"x": "1"})
    assert event["requestContext"]["requestId"] == answer.headers["x-fc-request-id"]


@pytest.mark.parametrize(
    ("host", "path", "code"),
    [
        ("nobody.localhost", "/", "FunctionNotFound"),
        (PUBLIC.replace(ACCOUNT, "1"), "/", "FunctionNotFound"),
        (PUBLIC.replace("hangzhou", "beijing"), "/", "FunctionNotFound"),
        (PUBLIC.replace("app-open_1", "open"), "/", "FunctionNotFound"),
        ("127.0.0.1", "/_localcloud/http/nobody/", "FunctionNotFound"),
        ("plain.localhost", "/", "TriggerNotFound"),
    ],
)
def test_addresses_where_nobody_is(echo: LocalCloud, host: str, path: str, code: str) -> None:
    """An address of another account, region or function, or of one without a trigger, is a 404."""
    assert code_of(ask(echo, path, host=host)) == (404, code)


def test_only_the_default_domain_makes_attachments(echo: LocalCloud) -> None:
    """FC's own domain has browsers save the answer; a local name does not."""
    assert ask(echo, host=PUBLIC).headers["content-disposition"] == "attachment"
    assert "content-disposition" not in ask(echo).headers


def test_state_names_the_addresses(echo: LocalCloud) -> None:
    """`state` lists every function with its name and the addresses of its trigger; a seed may carry that."""
    state = echo.state()
    functions: Any = state["functions"]
    assert [(row["key"], row["name"], bool(row["urls"])) for row in functions] == [
        ("open", "app-Open_1", True),
        ("signed", "app-signed", True),
        ("inner", "app-inner", True),
        ("broken", "app-broken", True),
        ("plain", "app-plain", False),
    ]
    assert functions[0]["urls"] == [
        f"{URL}/_localcloud/http/open/",
        "http://open.localhost:4580/",
        f"http://app-Open_1-{ACCOUNT}.cn-hangzhou.fcapp.invalid:4580/",
    ]
    echo.seed(state)


def test_nothing_is_deployed(cloud: LocalCloud) -> None:
    """Without a template the prefix says how to have one, and `state` lists no functions."""
    answer = ask(cloud, "/_localcloud/http/open/", host="127.0.0.1")
    assert answer.status == 404
    assert "--template" in decoded(answer.body)["message"]
    assert "functions" not in cloud.state()


def test_methods_of_the_trigger(echo: LocalCloud) -> None:
    """A method that the trigger does not list is refused with those that it lists."""
    answer = ask(echo, method="DELETE")
    assert code_of(answer) == (403, "AccessDenied")
    assert "GET, POST, HEAD" in decoded(answer.body)["Message"]


def test_a_trigger_for_inner_networks(echo: LocalCloud) -> None:
    """A trigger with disableURLInternet answers nobody here."""
    assert code_of(ask(echo, host="inner.localhost")) == (403, "AccessDenied")


@pytest.mark.parametrize("status", [403, 400])
def test_requests_without_a_signature(echo: LocalCloud, status: int) -> None:
    """Without Authorization a trigger with authType function refuses, with the status of the variant."""
    echo.configure(trigger_unsigned_status=status)
    assert code_of(ask(echo, host="signed.localhost")) == (status, "MissingRequiredHeader")
    echo.configure(trigger_unsigned_status=400)


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "ACS3-HMAC-SHA256 Credential=x", "acs test:x", "FC a:b"]
)
def test_other_signatures(echo: LocalCloud, authorization: str) -> None:
    """Only ACS3-HMAC-SHA256 opens a trigger with authType function."""
    answer = ask(echo, host="signed.localhost", authorization=authorization)
    assert code_of(answer) == (403, "InvalidArgument")


def head_of(size: int) -> dict[str, str]:
    """Headers of that many bytes together, the host's included."""
    return {"a": "x" * (size - len("host") - len("open.localhost:4580") - len("a"))}


def test_limits_of_headers(echo: LocalCloud) -> None:
    """Names and values of the headers may have 8 KB together."""
    assert ask(echo, **head_of(8192)).status == 200
    assert code_of(ask(echo, **head_of(8193))) == (400, "InvalidArgument")


def test_limits_of_the_path(echo: LocalCloud) -> None:
    """Path and query may have 4 KB together; what stands before the path here does not count."""
    assert ask(echo, "/abc", "x" * 4092).status == 200
    assert ask(echo, "/_localcloud/http/open/abc", "x" * 4092).status == 200
    assert code_of(ask(echo, "/abc", "x" * 4093)) == (400, "InvalidArgument")


@pytest.mark.parametrize(("kind", "limit"), [("Sync", 32 * 1024 * 1024), ("Async", 128 * 1024)])
def test_limits_of_the_body(echo: LocalCloud, kind: str, limit: int) -> None:
    """A body may have 32 MB when the caller waits, 128 KB when not."""
    answer = ask(echo, method="POST", body=bytes(limit + 1), x_fc_invocation_type=kind)
    assert code_of(answer) == (400, "InvalidArgument")
    assert str(limit) in decoded(answer.body)["Message"]
    assert ask(echo, method="POST", body=bytes(128 * 1024), x_fc_invocation_type=kind).status in {200, 202}


@pytest.mark.parametrize(
    "headers",
    [
        {"x_fc_invocation_type": "Later"},
        {"x_fc_log_type": "All"},
        {"x_fc_async_task_id": "1st"},
        {"x_fc_async_task_id": "a" * 129},
    ],
)
def test_options_that_do_not_exist(echo: LocalCloud, headers: dict[str, str]) -> None:
    """An invocation type, log type or task id that FC does not have is InvalidArgument."""
    assert code_of(ask(echo, **headers)) == (400, "InvalidArgument")


def test_headers_that_callers_cannot_set(echo: LocalCloud) -> None:
    """The function does not see `x-fc-` headers, Connection and Keep-Alive of the caller's."""
    answer = ask(echo, x_fc_log_type="Tail", connection="close", keep_alive="1", x_other="seen")
    assert set(decoded(answer.body)["headers"]) == {"Host", "X-Other"}


def test_the_end_of_the_logs(echo: LocalCloud) -> None:
    """With log type Tail the last 4 KB of the logs come in a header, in base64."""
    answer = ask(echo, query="do=log%20much", x_fc_log_type="Tail")
    logs = base64.b64decode(answer.headers["x-fc-log-result"])
    assert len(logs) == 4096
    assert re.search(
        rf"FC Invoke End RequestId: {answer.headers['x-fc-request-id']}\n\n"
        r"Duration: \d+\.\d\d ms, Billed Duration: \d+ ms, "
        r"Memory Size: \d+ MB, Max Memory Used: \d+\.\d\d MB$",
        logs.decode(),
    )
    assert "x-fc-log-result" not in ask(echo).headers


def test_a_caller_that_does_not_wait(tmp_path: Path) -> None:
    """Async is a 202 without a body and with the task id; the function runs after it."""
    ended: list[Ended] = []
    with LocalCloud() as cloud, echo_deployment(tmp_path, ended=ended.append) as deployment:
        cloud.deploy(deployment, URL)
        answer = ask(cloud, x_fc_invocation_type="Async", x_fc_async_task_id="task-1")
        assert (answer.status, answer.body, answer.headers["x-fc-async-task-id"]) == (202, b"", "task-1")
        again = ask(cloud, x_fc_invocation_type="Async")
        assert len(again.headers["x-fc-async-task-id"]) == 32
        until(lambda: len(ended) == 2)
    assert {one.invocation.request_id for one in ended} == {
        answer.headers["x-fc-request-id"],
        again.headers["x-fc-request-id"],
    }


def test_no_instance_is_left(tmp_path: Path) -> None:
    """A request that finds no instance is FC's own 429."""
    with echo_cloud(tmp_path) as cloud:
        deployment = cloud.deliveries.deployment
        deployment.put(replace(deployment.function("open"), reserved=0))
        assert code_of(ask(cloud)) == (429, "ResourceExhausted")


def test_deleted_on_the_way(tmp_path: Path) -> None:
    """A function that is deleted while a request waits for an instance of it is not there."""
    begun, go = tmp_path / "begun", tmp_path / "go"
    source = f"""
        import pathlib, time
        def handler(event, context):
            pathlib.Path({str(begun)!r}).touch()
            while not pathlib.Path({str(go)!r}).exists():
                time.sleep(0.01)
    """
    trigger = HttpTrigger("web", ("GET",), auth_type="anonymous")
    nothing = Template(tmp_path / "s.yaml", ())
    with (
        LocalCloud() as cloud,
        Deployment(nothing, {}, limits=Limits(processes=1)) as deployment,
        ThreadPoolExecutor(2) as threads,
    ):
        cloud.deploy(deployment, "")
        for name in ("held", "other"):
            deployment.put(write_function(tmp_path / name, source, key=name, name=name, triggers=(trigger,)))
        held = threads.submit(ask, cloud, host="held.localhost")
        until(begun.exists)
        waiting = threads.submit(ask, cloud, host="other.localhost")
        done, _ = wait([waiting], timeout=0.2)
        assert not done
        deployment.remove("other")
        assert code_of(waiting.result(20)) == (404, "FunctionNotFound")
        go.touch()
        assert held.result(20).status == 200


def test_head_has_no_body(echo: LocalCloud) -> None:
    """HEAD is answered with the headers of the answer, its length too, and no body."""
    answer = ask(echo, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    refused = ask(echo, method="HEAD", host="signed.localhost")
    assert (refused.status, refused.body) == (400, b"")


@pytest.mark.parametrize("status", [502, 200])
def test_a_function_that_fails(echo: LocalCloud, status: int) -> None:
    """An error is the function's payload with FC's name for it in a header, and the status of the variant."""
    echo.configure(trigger_error_status=status)
    answer = ask(echo, query="do=fail")
    echo.configure(trigger_error_status=502)
    assert (answer.status, answer.headers["x-fc-error-type"]) == (status, "UnhandledInvocationError")
    assert decoded(answer.body)["errorMessage"] == "asked to"


def test_a_custom_runtime_that_does_not_start(echo: LocalCloud) -> None:
    """A server that cannot be started is FC's own error, not the function's."""
    assert code_of(ask(echo, host="broken.localhost")) == (412, "CAExited")


def test_headers_that_functions_cannot_set(echo: LocalCloud) -> None:
    """What is FC's to say is dropped from an answer; a content disposition of another kind stays."""
    headers = {
        "X-Fc-Request-Id": "mine",
        "x-fc-other": "mine",
        "Connection": "close",
        "Content-Length": "1",
        "Date": "mine",
        "Keep-Alive": "1",
        "Server": "mine",
        "Content-Disposition": " Attachment",
        "X-Own": "1",
    }
    answer = answer_with(echo, {"statusCode": 201, "headers": headers, "body": "made"})
    assert (answer.status, answer.body) == (201, b"made")
    told = {"request-id", "instance-id", "invocation-duration", "max-memory-usage"}
    assert set(answer.headers) == {"x-own", "date", *(f"x-fc-{name}" for name in told)}
    assert "mine" not in answer.headers.values()
    inline = {"Content-Disposition": 'attachment; filename="a"'}
    answer = answer_with(echo, {"statusCode": 200, "headers": inline})
    assert answer.headers["content-disposition"] == inline["Content-Disposition"]


def test_an_answer_that_cannot_be_sent(echo: LocalCloud) -> None:
    """A result that is no HTTP answer is a 502 BadResponse with the request's id."""
    assert code_of(answer_with(echo, {"statusCode": 99})) == (502, "BadResponse")

"""A service that answers from a script, time that stands still until it is slept, and short ways to call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fctoolkit.client import DEFAULT_POLICY, ApiClient, ApiRequest, ApiSession, AttemptReport, log_attempt
from fctoolkit.clock import Clock, Deadline
from fctoolkit.credentials import Credentials
from fctoolkit.errors import ApiError
from fctoolkit.transport import open_http

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson
    from fctoolkit.retry import RetryPolicy

EPOCH = 1_698_315_752.0
"""2023-10-26T10:22:32Z, the moment of the signing vectors."""

KEY = Credentials("LTAItestAccessKeyId", "testAccessKeySecret", "CAISexampleStsToken+/==")

Step = httpx2.Response | type[httpx2.RequestError] | Callable[[httpx2.Request], httpx2.Response]
"""One answer of a script: a response, an exception to raise, or a function of the request."""


@dataclass
class FakeTime:
    """A clock that only moves when somebody sleeps, or when a test moves it."""

    wall: float = EPOCH
    passed: float = 0.0
    slept: list[float] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        """This time, as a clock."""
        return Clock(now=lambda: self.wall + self.passed, monotonic=lambda: self.passed, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Lets the time pass, and notes it."""
        self.slept.append(seconds)
        self.passed += seconds


@dataclass
class Service:
    """Gives the steps of a script in order, the last one for ever, and keeps the requests."""

    steps: list[Step]
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Does the next step."""
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        self.requests.append(request)
        if isinstance(step, httpx2.Response):
            # A response can be read once; a script may give it again.
            return httpx2.Response(step.status_code, headers=step.headers, content=step.content)
        if isinstance(step, type):
            raise step("made up by the test", request=request)
        return step(request)

    def session(
        self,
        time: FakeTime | None = None,
        *,
        seconds: float = 60.0,
        credentials: Credentials = KEY,
        policy: RetryPolicy = DEFAULT_POLICY,
        random: Callable[[], float] = lambda: 0.5,
        listener: Callable[[AttemptReport], None] = log_attempt,
    ) -> ApiSession:
        """A session that calls this service, with `seconds` until its deadline."""
        time = time or FakeTime()
        client = self.client(time, policy=policy, random=random, listener=listener)
        return client.session(credentials, Deadline.after(seconds, time.clock))

    def client(
        self,
        time: FakeTime,
        *,
        policy: RetryPolicy = DEFAULT_POLICY,
        random: Callable[[], float] = lambda: 0.5,
        listener: Callable[[AttemptReport], None] = log_attempt,
    ) -> ApiClient:
        """A client that calls this service."""
        http = open_http(transport=httpx2.MockTransport(self))
        return ApiClient(http, clock=time.clock, policy=policy, random=random, listener=listener)


def answer(status: int, body: FrozenJson | bytes = b"", /, **headers: str) -> httpx2.Response:
    """A response; a body that is not bytes goes as JSON. Underscores in header names stand for hyphens."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx2.Response(
        status, headers={name.replace("_", "-"): value for name, value in headers.items()}, content=content
    )


def refusal(code: str, status: int = 400, /, **headers: str) -> httpx2.Response:
    """An error answer in upper camel case, as gateways give it."""
    return answer(status, {"Code": code, "Message": f"about {code}", "RequestId": "R-1"}, **headers)


def http_date(seconds: float) -> str:
    """A `Date` header."""
    return formatdate(seconds, usegmt=True)


GOOD = answer(200, {"task_id": "T-1"}, x_acs_request_id="R-0", X_Total_Count="7")
"""An answer that went well."""


def failing(service: Service, request: ApiRequest, time: FakeTime | None = None, **options: Any) -> ApiError:
    """The error that a call ends with; options are those of `Service.session`."""
    with pytest.raises(ApiError) as caught:
        service.session(time, **options).send(request)
    return caught.value


def read(query: Mapping[str, str] | None = None) -> ApiRequest:
    """A call without an effect."""
    return ApiRequest(
        action="DescribeClusterNodes",
        version="2015-12-15",
        method="GET",
        endpoint="https://cs.cn-hangzhou.aliyuncs.com",
        path="/clusters/c1/nodes",
        query=query or {},
        repeatable=True,
    )


def write(*, repeatable: bool = False) -> ApiRequest:
    """A call with an effect, which may be repeated only when it carries an idempotency token."""
    return ApiRequest(
        action="AttachInstances",
        version="2015-12-15",
        method="POST",
        endpoint="https://cs.cn-hangzhou.aliyuncs.com",
        path="/clusters/c1/attach",
        body={"instances": ["i-1"], "is_edge_worker": True},
        repeatable=repeatable,
    )

"""For tests of functions: a context like FC's. Not imported by anything that runs in the cloud."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FakeFunction:
    """`context.function` as python3.12 gives it."""

    name: str = "function-under-test"
    handler: str = "index.handler"
    memory: int = 512
    timeout: int = 60
    version_id: str = ""
    qualifier: str = "LATEST"


@dataclass(frozen=True, slots=True)
class FakeContext:
    """FC's context as python3.12 gives it: without `credentials`, without `service`."""

    request_id: str = "1-00000000-0000000000000000"
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"
    function: FakeFunction = field(default_factory=FakeFunction)


@dataclass(frozen=True, slots=True)
class FakeCredentials:
    """`context.credentials` as python3.10 and older give it."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""


@dataclass(frozen=True, slots=True)
class FakeContextWithCredentials(FakeContext):
    """FC's context as python3.10 and older give it."""

    credentials: FakeCredentials | None = None

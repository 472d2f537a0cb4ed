"""A store of claims that is badly set, away, full or read-only: a clear error, no effect, settled later."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from localcloud import LocalCloud
from localcloud.runtime import FunctionProcess
from localcloud.server import running_server
from localcloud.template.reading import read_template
from tests.support.deployed import BINDINGS, caller_environment
from tests.support.product import ENS_ID, ROOT, TIMER, custom_event, ens_instance, seed, state_of
from tests.support.redis_server import RedisServer, redis_server
from tests.support.small_disk import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.runtime import Invocation

SECRET = "s3cret"
WORKER = f"user worker on >{SECRET} ~claim:* +@all"
OTHER_ID = "i-5ens00000000000002"
DOORS = pytest.mark.parametrize("raw", [custom_event(ENS_ID), TIMER], ids=["event", "tick"])


@dataclass
class Account:
    """A machine that is to be attached, another one, and the function as s.yaml has it, in its own process.

    Attributes:
        before: writes that went well before there was trouble.
    """

    cloud: LocalCloud
    url: str
    folder: Path
    stack: ExitStack = field(repr=False)
    before: int = 0

    def function(self, store: str, python: Path | None = None) -> FunctionProcess:
        """attach_instances with this store."""
        bindings = self.folder / "packed.json"
        bindings.write_text(json.dumps(BINDINGS))
        environment = {
            **caller_environment(self.url),
            "ENLIST_BINDINGS": str(bindings),
            "ENLIST_STORE": store,
        }
        spec = read_template(ROOT / "s.yaml", environment=environment).function("attach_instances")
        return self.stack.enter_context(FunctionProcess(spec, environment, python=python))

    def attached(self, instance_id: str = ENS_ID) -> int:
        """How often the machine was attached."""
        return int(state_of(self.cloud, "ens", instance_id)["attachCount"])

    def assert_refused(self, invocation: Invocation, said: str) -> None:
        """It raised, and so comes again: setting and remedy are named, no secret is, nothing was written."""
        assert invocation.error_type, invocation.payload
        message = json.loads(invocation.payload)["errorMessage"]
        assert "ENLIST_STORE" in message
        assert said in message
        assert SECRET not in message + invocation.logs
        assert self._writes() == self.before
        assert self.attached() == 0

    def assert_settled(self, invocation: Invocation) -> None:
        """The same event, delivered again: attached once."""
        assert invocation.ok, invocation.payload
        assert self._writes() == self.before + 1
        assert self.attached() == 1

    def work(self, function: FunctionProcess) -> None:
        """Before there is trouble, the function attaches the other machine."""
        seed(self.cloud, ens=[ens_instance(), ens_instance(OTHER_ID)])
        invocation = function.invoke(custom_event(OTHER_ID))
        assert invocation.ok, invocation.payload
        assert self.attached(OTHER_ID) == 1
        self.before = self._writes()

    def _writes(self) -> int:
        return sum(call["action"] == "AttachInstances" for call in self.cloud.calls)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """A served cloud, and no function yet."""
    with LocalCloud() as cloud, running_server(cloud) as url, ExitStack() as stack:
        seed(cloud)
        yield Account(cloud, url, tmp_path, stack)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that is not started yet; functions have a user of their own there."""
    with redis_server(tmp_path, WORKER) as server:
        yield server


def url_for_worker(server: RedisServer, secret: str = SECRET) -> str:
    """What ENLIST_STORE says."""
    return server.url.replace("//", f"//worker:{secret}@")


@DOORS
@pytest.mark.parametrize(
    ("store", "said"),
    [
        (f"mysql://worker:{SECRET}@db/claims", "no store is named so; expected sqlite:///FILE, redis://"),
        (
            "sqlite:////tmp/claims.db",
            "sqlite is refused on Function Compute: each instance has a disk",
        ),
        (f"redis://worker:{SECRET}#1@db", "not a URL"),
        (f"redis://worker:{SECRET}@db/0?timeout={SECRET}", "the option timeout is a number of seconds"),
    ],
)
def test_a_setting_that_cannot_be_used(account: Account, raw: bytes, store: str, said: str) -> None:
    """No instance starts with it, and with another setting the event is settled."""
    function = account.function(store)
    for _ in range(2):
        invocation = function.invoke(raw)
        account.assert_refused(invocation, said)
        assert invocation.error_type == "InitializationError"
    mended = account.function(f"sqlite:///{account.folder}/claims.db?one_machine=yes")
    account.assert_settled(mended.invoke(raw))


@DOORS
def test_a_wrong_password(account: Account, redis: RedisServer, raw: bytes) -> None:
    """It is refused without being shown."""
    wrong = account.function(url_for_worker(redis, f"not-{SECRET}"))
    account.assert_refused(
        wrong.invoke(raw), "refuses the user or password; write redis://USER:PASSWORD@HOST"
    )
    account.assert_settled(account.function(url_for_worker(redis)).invoke(raw))


@DOORS
def test_a_redis_that_evicts(account: Account, redis: RedisServer, raw: bytes) -> None:
    """It is refused until its policy is changed; the function need not be deployed again."""
    redis.client.config_set("maxmemory-policy", "volatile-lru")
    function = account.function(url_for_worker(redis))
    account.assert_refused(function.invoke(raw), "Set it to noeviction")
    redis.client.config_set("maxmemory-policy", "noeviction")
    account.assert_settled(function.invoke(raw))


@DOORS
def test_a_redis_that_is_away_at_first(account: Account, redis: RedisServer, raw: bytes) -> None:
    """The instance starts, each invocation raises, and once the server is there the event is settled."""
    redis.stop()
    function = account.function(url_for_worker(redis))
    for _ in range(2):
        invocation = function.invoke(raw)
        account.assert_refused(invocation, "does not answer")
        assert "see that it runs and can be reached from here" in invocation.payload.decode()
    redis.start()
    invocation = function.invoke(raw)
    assert not invocation.cold
    account.assert_settled(invocation)


@DOORS
def test_a_redis_that_dies_between_two_invocations(account: Account, redis: RedisServer, raw: bytes) -> None:
    """Killed after it has worked, and back: in between nothing is attached, afterwards what was asked for."""
    function = account.function(url_for_worker(redis))
    account.work(function)
    redis.stop()
    account.assert_refused(function.invoke(raw), "does not answer")
    redis.start()
    account.assert_settled(function.invoke(raw))


@DOORS
def test_a_redis_without_memory(account: Account, redis: RedisServer, raw: bytes) -> None:
    """A full server evicts nothing and takes no claim; with more memory it does."""
    function = account.function(url_for_worker(redis))
    account.work(function)
    redis.client.config_set("maxmemory", "1mb")
    account.assert_refused(function.invoke(raw), "has no memory left, and rightly evicts nothing")
    redis.client.config_set("maxmemory", "0")
    account.assert_settled(function.invoke(raw))


@DOORS
def test_a_redis_that_became_a_replica(account: Account, redis: RedisServer, raw: bytes) -> None:
    """As the old master after a failover, until the name leads to the new one."""
    function = account.function(url_for_worker(redis))
    account.work(function)
    redis.client.replicaof("127.0.0.1", "1")
    account.assert_refused(function.invoke(raw), "takes nothing just now: ")
    redis.client.replicaof("NO", "ONE")
    account.assert_settled(function.invoke(raw))


@DOORS
@pytest.mark.parametrize("warm", [False, True], ids=["at first", "later"])
def test_a_full_disk(account: Account, tmp_path: Path, raw: bytes, *, warm: bool) -> None:
    """No byte is left for a claim, when the file is made or later; with room there is one."""
    disk = small_disk(tmp_path)
    function = account.function(f"sqlite:///{disk.disk}/claims.db?one_machine=yes", disk.python)
    if warm:
        account.work(function)
        disk.become("full")
    else:
        disk.order("full")
    account.assert_refused(function.invoke(raw), "no space is left for it; make room on the disk")
    disk.become("fine")
    account.assert_settled(function.invoke(raw))


@DOORS
def test_a_read_only_disk(account: Account, tmp_path: Path, raw: bytes) -> None:
    """Nothing can be written: no instance starts, until it can."""
    disk = small_disk(tmp_path)
    disk.order("read-only")
    function = account.function(f"sqlite:///{disk.disk}/claims.db?one_machine=yes", disk.python)
    account.assert_refused(function.invoke(raw), "let this process write")
    disk.order("fine")
    account.assert_settled(function.invoke(raw))

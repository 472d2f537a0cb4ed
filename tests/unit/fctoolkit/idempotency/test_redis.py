"""A real Redis in trouble: passwords, eviction, memory, replicas, restarts, silence."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from fctoolkit.clock import Clock
from fctoolkit.errors import ConfigurationError, InProgressError, StaleOwnerError, StoreError
from fctoolkit.idempotency import Guard, open_store
from fctoolkit.idempotency.redisstore import RedisAddress
from tests.support.claims import TIMEOUT, key
from tests.support.redis_server import RedisServer, free_port, redis_server

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "p@ss/w:rd s3cret"
QUOTED = "p%40ss%2Fw%3Ard%20s3cret"


def guard_on(server: RedisServer, options: str = "") -> Guard:
    """A guard as a function has it."""
    return Guard(open_store(server.url + options, setting="THE_STORE", environ={}), timeout=TIMEOUT)


def refused(url: str) -> str:
    """What is said about a server that may not be used as it is set up."""
    with pytest.raises(ConfigurationError) as caught:
        open_store(url, setting="THE_STORE", environ={})
    message = str(caught.value)
    assert message.startswith("THE_STORE: redis://127.0.0.1:")
    assert "s3cret" not in message
    return message


def test_passwords_and_permissions(redis: RedisServer) -> None:
    """A wrong password and a missing permission are told apart, and no secret is shown."""
    user = redis.url.replace("//", f"//worker:{QUOTED}@")
    redis.client.acl_setuser(
        "worker", enabled=True, passwords=[f"+{SECRET}"], keys=["claim:*"],
        commands=["+eval", "+get", "+set", "+del", "+time", "+info", "+select"],
    )  # fmt: skip
    store = open_store(user, environ={})
    assert Guard(store, timeout=TIMEOUT).claim(key()).complete(1) == 1
    assert "s3cret" not in repr(store) + repr(RedisAddress("h", password=SECRET))
    store.close()
    assert "refuses the user or password" in refused(user.replace("cret@", "crets3cret@"))
    assert "refuses the user or password" in refused(redis.url.replace("//", "//:s3cret@"))
    redis.client.acl_setuser("worker", commands=["-time"], enabled=True, keys=["claim:*"])
    assert "does not allow what is needed, EVAL, GET, SET, DEL, TIME and INFO on keys claim:*" in refused(
        user
    )
    redis.client.acl_deluser("worker")


def test_a_database_that_is_not_there(redis: RedisServer) -> None:
    """A number that the server does not have is the setting's mistake."""
    assert "has no such database" in refused(f"{redis.url.removesuffix('/0')}/99")


def test_a_password_of_the_server(tmp_path: Path) -> None:
    """A server that wants a password says no to whoever brings none, and yes to who does."""
    with redis_server(tmp_path, "requirepass s3cret") as server:
        assert "refuses the user or password" in refused(server.url)
        open_store(server.url.replace("//", "//:s3cret@"), environ={}).close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl"])
def test_a_server_that_may_drop_claims(
    redis: RedisServer, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Any policy but noeviction is refused, with what to do; who accepts it is warned."""
    redis.client.config_set("maxmemory-policy", policy)
    try:
        said = refused(redis.url)
        assert f"maxmemory-policy {policy}: when its memory is full it may drop a claim" in said
        assert "Set it to noeviction" in said
        with caplog.at_level(logging.WARNING):
            open_store(f"{redis.url}?may_evict=yes", environ={}).close()
        assert f"maxmemory-policy {policy}" in caplog.text
    finally:
        redis.client.config_set("maxmemory-policy", "noeviction")


def test_a_server_without_memory(redis: RedisServer) -> None:
    """A full server refuses claims with a clear error and no effect, and still says what it knows."""
    guard = guard_on(redis)
    guard.claim(key("done")).complete(1)
    redis.client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreError, match="has no memory left, and rightly evicts nothing") as caught:
            guard.claim(key("new"))
        assert (caught.value.maybe_done, caught.value.transient) == (False, False)
        assert guard.claim(key("done")).outcome == 1
    finally:
        redis.client.config_set("maxmemory", "0")
    assert guard.claim(key("new")).attempts == 1


def test_a_server_that_became_a_replica(redis: RedisServer) -> None:
    """During a failover the old master refuses writes: an error in passing, without effect."""
    guard = guard_on(redis)
    redis.client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(StoreError, match="takes nothing just now") as caught:
            guard.claim(key())
        assert (caught.value.maybe_done, caught.value.transient) == (False, True)
    finally:
        redis.client.replicaof("NO", "ONE")
    assert guard.claim(key()).attempts == 1


def test_a_key_of_somebody_else(redis: RedisServer) -> None:
    """What another program keeps under a key is left alone and reported."""
    redis.client.rpush(f"claim:{key().text}", "x")
    with pytest.raises(StoreError, match="something else is kept under the key"):
        guard_on(redis).claim(key())
    redis.client.set(f"claim:{key('i-2').text}", b"\xff\xfe")
    with pytest.raises(StoreError, match="no record of version 1"):
        guard_on(redis).claim(key("i-2"))


def test_an_operation_is_one_command(redis: RedisServer) -> None:
    """Each operation of the store is one script, sent once."""
    store = guard_on(redis).store
    redis.client.config_resetstat()
    text = store.read("k").text
    store.swap("k", text, "v", 60)
    store.swap("k", "v", None, 60)
    assert redis.client.info("commandstats")["cmdstat_eval"]["calls"] == 3


def test_the_servers_clock_counts(redis: RedisServer) -> None:
    """Two machines whose clocks are hours apart agree on leases and expiry, because the server decides."""
    past = Clock(now=lambda: 0.0)
    future = Clock(now=lambda: 9e9)
    store = open_store(redis.url, clock=past, environ={})
    claim = Guard(store, timeout=0.1, lease=0.3, clock=past).claim(key())
    assert abs(claim.record.changed_at - time.time()) < 60
    other = Guard(open_store(redis.url, clock=future, environ={}), timeout=TIMEOUT, clock=future)
    with pytest.raises(InProgressError):
        other.claim(key())
    time.sleep(0.35)
    assert other.claim(key()).attempts == 2
    short = Guard(store, timeout=0.1, lease=0.2, keep=0.2)
    short.claim(key("short")).complete()
    assert short.claim(key("short")).replayed
    time.sleep(0.25)
    assert redis.client.exists(f"claim:{key('short').text}") == 0
    assert not short.claim(key("short")).replayed


def test_a_server_that_falls_silent(redis: RedisServer) -> None:
    """A server that takes a claim and does not answer leaves doubt, and the error says so."""
    guard = guard_on(redis, "?timeout=0.2&connect_timeout=0.2")
    guard.claim(key("warm"))
    seen = guard.store.read(key().text)
    assert redis.process is not None
    redis.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match="does not answer: Timeout reading") as caught:
            guard.store.swap(key().text, seen.text, "late", 60)
        assert (caught.value.maybe_done, caught.value.transient) == (True, True)
        begun = time.monotonic()
        with pytest.raises(StoreError) as caught:
            guard.claim(key())
        assert time.monotonic() - begun < 5
        assert not caught.value.maybe_done
    finally:
        redis.process.send_signal(signal.SIGCONT)
    ends = time.monotonic() + 5
    while guard.store.read(key().text).text != "late" and time.monotonic() < ends:
        time.sleep(0.01)
    assert guard.store.read(key().text).text == "late"


@pytest.mark.parametrize("durable", [True, False])
def test_a_server_that_crashes_and_comes_back(tmp_path: Path, *, durable: bool) -> None:
    """With every write on disk claims outlive a crash; without, the owner is told that its claim is gone."""
    settings = ("appendonly yes", "appendfsync always") if durable else ()
    with redis_server(tmp_path, *settings) as server:
        guard = guard_on(server)
        claim = guard.claim(key())
        server.stop()
        with pytest.raises(StoreError, match="does not answer"):
            guard.claim(key())
        server.start()
        if durable:
            with pytest.raises(InProgressError):
                guard.claim(key())
            claim.complete("there")
            assert guard.claim(key()).outcome == "there"
        else:
            with pytest.raises(StaleOwnerError, match="or the store lost it"):
                claim.complete("there")
            assert guard.claim(key()).attempts == 1


def test_a_restart_in_the_middle(tmp_path: Path) -> None:
    """Owners at work while a durable server is killed and restarted: nothing is done by two at once."""
    done: list[str] = []
    errors: list[str] = []
    stop = threading.Event()
    with redis_server(tmp_path, "appendonly yes", "appendfsync always") as server:
        guard = guard_on(server)

        def work(number: int) -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                name = f"i-{turn}"
                try:
                    claim = guard.claim(key(name))
                    if not claim.replayed:
                        done.append(name)
                        claim.complete(number)
                except InProgressError:
                    pass
                except StoreError as error:
                    errors.append(str(error))
                    turn -= 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            time.sleep(0.3)
            server.stop()
            time.sleep(0.1)
            server.start()
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert len(done) > 10
        assert len({*done}) == len(done)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback and its private key, as files."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    files = folder / "server.pem", folder / "server.key"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def listen_with_tls(server: RedisServer) -> int:
    """Lets the server listen with TLS too; others may take a port between its being found and used."""
    for _ in range(10):
        port = free_port()
        with contextlib.suppress(redis.ResponseError):
            server.client.config_set("tls-port", str(port))
            return port
    raise AssertionError("no port could be had for TLS")


def test_tls(tmp_path: Path) -> None:
    """With rediss:// the server's certificate is checked, against the authorities that were named."""
    certificate, secret = self_signed(tmp_path)
    with redis_server(tmp_path) as server:
        for name, value in {
            "tls-cert-file": certificate, "tls-key-file": secret, "tls-ca-cert-file": certificate,
            "tls-auth-clients": "no",
        }.items():  # fmt: skip
            server.client.config_set(name, str(value))
        port = listen_with_tls(server)
        url = f"rediss://127.0.0.1:{port}/0"
        store = open_store(f"{url}?certificates={certificate}", environ={})
        assert Guard(store, timeout=TIMEOUT).claim(key()).attempts == 1
        store.close()
        with pytest.raises(StoreError, match=r"(?i)certificate verify failed"):
            open_store(url, environ={})

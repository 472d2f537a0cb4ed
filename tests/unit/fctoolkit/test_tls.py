"""TLS: which authorities are trusted, which servers are refused, and where no folder can be used."""

from __future__ import annotations

import shutil
import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from fctoolkit import tls
from fctoolkit.clock import SYSTEM_CLOCK, Deadline
from fctoolkit.tls import FEWEST, as_by_default, lazy_context
from fctoolkit.transport import AcsAuth, NoReply, Reply, exchange, open_http
from tests.support.api_calls import KEY
from tests.support.authorities import Authority, showing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def trusted() -> Authority:
    """The authority that this machine trusts."""
    return Authority.named("trusted")


@pytest.fixture
def folder(tmp_path: Path, trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's only folder of hashed names: the trusted authority among others."""
    folder = tmp_path / "certs"
    folder.mkdir()
    for number in range(FEWEST):
        (folder / f"{number:08x}.0").write_bytes(Authority.named("another").text() if number < 1 else b"")
    (folder / trusted.hashed_name()).write_bytes(trusted.text())
    monkeypatch.setattr(tls, "system_folders", lambda: (str(folder),))
    return folder


def ask(endpoint: str) -> Reply | NoReply:
    """One call as the function makes it."""
    with open_http() as http:
        return exchange(
            http,
            method="GET",
            url=f"{endpoint}/",
            headers={},
            body=None,
            auth=AcsAuth(KEY),
            deadline=Deadline.after(60.0, SYSTEM_CLOCK),
        )


def refusal(reply: Reply | NoReply) -> str:
    """Why a call was not made."""
    assert isinstance(reply, NoReply)
    assert reply.code == "connect"
    assert reply.never_sent
    return reply.message


@pytest.mark.usefixtures("folder")
def test_a_server_with_a_certificate_of_a_trusted_authority_is_asked(
    tmp_path: Path, trusted: Authority
) -> None:
    """The authority is found in the folder when the handshake needs it."""
    with showing(trusted.certified(tmp_path, "127.0.0.1")) as endpoint:
        reply = ask(endpoint)
    assert isinstance(reply, Reply), reply
    assert reply.body == b"{}"


@pytest.mark.usefixtures("folder")
def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """A certificate of somebody else's authority opens no connection, even one of the same name."""
    with showing(Authority.named("trusted").certified(tmp_path, "127.0.0.1")) as endpoint:
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(ask(endpoint))


def test_an_authority_of_the_old_kind_is_trusted_as_by_python_itself(tmp_path: Path, folder: Path) -> None:
    """One without the extensions that Python 3.13 began to ask for is as good as for Python's own context."""
    old = Authority.named("old", extended=False)
    (folder / old.hashed_name()).write_bytes(old.text())
    asks_for_them = ssl.create_default_context().verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT
    with showing(old.certified(tmp_path, "127.0.0.1")) as endpoint:
        reply = ask(endpoint)
    assert isinstance(reply, NoReply if asks_for_them else Reply), reply


@pytest.mark.usefixtures("folder")
def test_a_certificate_for_another_host_is_refused(tmp_path: Path, trusted: Authority) -> None:
    """A trusted authority's certificate is good for the host that it names."""
    with showing(trusted.certified(tmp_path, "127.0.0.2")) as endpoint:
        assert "IP address mismatch" in refusal(ask(endpoint))


def test_variables_have_no_say(
    tmp_path: Path, folder: Path, trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SSL_CERT_FILE and SSL_CERT_DIR name is not trusted, and SSLKEYLOGFILE gets no keys."""
    unknown = Authority.named("unknown")
    (tmp_path / "bundle.pem").write_bytes(unknown.text())
    other = shutil.copytree(folder, tmp_path / "other")
    (other / unknown.hashed_name()).write_bytes(unknown.text())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(other))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with showing(unknown.certified(tmp_path, "127.0.0.1")) as endpoint:
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(ask(endpoint))
    with showing(trusted.certified(tmp_path, "127.0.0.1")) as endpoint:
        assert isinstance(ask(endpoint), Reply)
    assert not (tmp_path / "keys").exists()


def test_a_folder_that_cannot_be_relied_on_is_left(tmp_path: Path, folder: Path) -> None:
    """No folder, no hashed names, few of them, or links that lead nowhere: the next is taken, or none."""
    plain, few, dead = (tmp_path / name for name in ("plain", "few", "dead"))
    for one in (plain, few, dead):
        one.mkdir()
    for number in range(FEWEST):
        (plain / f"authority-{number}.pem").write_bytes(b"")
        (dead / f"{number:08x}.0").symlink_to(tmp_path / "gone.pem")
        if number:
            (few / f"{number:08x}.0").write_bytes(b"")
    unusable = [str(tmp_path / "absent"), str(plain), str(few), str(dead)]
    assert lazy_context(unusable) is None
    assert lazy_context([*unusable, str(folder)]) is not None


def test_where_there_is_no_such_folder_the_systems_bundle_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers are checked all the same."""
    monkeypatch.setattr(tls, "system_folders", lambda: ())
    with showing(Authority.named("unknown").certified(tmp_path, "127.0.0.1")) as endpoint:
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(ask(endpoint))


def test_no_context_checks_less_than_the_libraries(folder: Path) -> None:
    """Certificate, host name, version and flags: as strict as httpx2's context and Python's, or more."""
    ours = as_by_default(lazy_context([str(folder)]) or pytest.fail("no context"))
    for other in (httpx2.create_ssl_context(trust_env=False), ssl.create_default_context()):
        assert ours.verify_mode is other.verify_mode is ssl.CERT_REQUIRED
        assert ours.check_hostname
        assert ours.minimum_version >= max(other.minimum_version, ssl.TLSVersion.TLSv1_2)
        assert ours.verify_flags & other.verify_flags == other.verify_flags
        assert ours.options & other.options == other.options

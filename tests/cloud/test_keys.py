"""Who may call: the same keys are taken and refused, whoever signs with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloud_client import edge_seed, search_seed
from tests.support.cloud_modes import Keys
from tests.support.cloud_scene import IN_PROCESS, MODES, OVER_HTTP, in_modes
from tests.support.queues import QUEUE, seed_queue

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

TEMPORARY: Any = {
    "sts_credentials": [{"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "to+k/en=="}]
}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "cs": ("DescribeClusterDetail", {"ClusterId": "c1"}),
    "ens": ("DescribeInstances", {}),
    "elasticsearch": ("DescribeInstance", {"InstanceId": "es-1"}),
    "mns": ("GetQueueAttributes", {"queueName": QUEUE}),
}
GATEWAY = {
    "secret": (400, "SignatureDoesNotMatch"),
    "key": (404, "InvalidAccessKeyId.NotFound"),
    "token": (400, "InvalidSecurityToken.MismatchWithAccessKey"),
    "no token": (400, "InvalidSecurityToken.MismatchWithAccessKey"),
}
CODES = {
    "cs": GATEWAY,
    "ens": GATEWAY,
    "elasticsearch": GATEWAY,
    "mns": {
        "secret": (403, "SignatureDoesNotMatch"),
        "key": (403, "InvalidAccessKeyId"),
        "token": (403, "AccessDenied"),
        "no token": (403, "AccessDenied"),
    },
}
WRONG = {
    "secret": Keys(secret="wrong"),
    "key": Keys(key_id="unknown"),
    "token": Keys("STS.1", "s", "wrong"),
    "no token": Keys("STS.1", "s"),
}


def furnished(at: Scene) -> None:
    """Puts in place what the calls ask for."""
    at.seed({**edge_seed(2), **search_seed({}, {})}, TEMPORARY)
    seed_queue(at.cloud)


def called_in(at: Scene) -> list[str]:
    """The services that are called in this mode."""
    return [service for service in CALLS if service in MODES[at.mode]]


@pytest.mark.parametrize("what", WRONG)
@in_modes()
def test_wrong_keys(at: Scene, what: str) -> None:
    """A wrong secret, an unknown key, and a wrong or missing token are told apart by each service's codes."""
    furnished(at)
    liar = at.signing_with(WRONG[what])
    for service in called_in(at):
        action, parameters = CALLS[service]
        assert (service, liar.refuses(service, action, **parameters)) == (service, CODES[service][what])


@in_modes()
def test_temporary_keys(at: Scene) -> None:
    """Keys with an STS token sign for every service."""
    furnished(at)
    guest = at.signing_with(Keys("STS.1", "s", "to+k/en=="))
    for service in called_in(at):
        action, parameters = CALLS[service]
        guest.does(service, action, **parameters)


@in_modes(only=(IN_PROCESS, OVER_HTTP))
def test_no_signature(at: Scene) -> None:
    """A call that nobody signed is refused before anything else; a client of the vendor's always signs."""
    furnished(at)
    nobody = at.signing_with(None)
    for service in called_in(at):
        action, parameters = CALLS[service]
        status, code = nobody.refuses(service, action, **parameters)
        assert (status, code) == (
            400,
            "MissingAuthorizationHeader" if service == "mns" else "MissingAuthorization",
        )

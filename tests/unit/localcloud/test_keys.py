"""Temporary keys: accepted by every service until they expire, and told by `state`."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import httpx2
import pytest

from fctoolkit.credentials import Credentials
from fctoolkit.mns.signing import signed_headers
from localcloud import LocalCloud
from localcloud.errors import Refusal, SeedError
from localcloud.keys import TemporaryKeys, key_of, key_record
from localcloud.message import Request
from localcloud.signatures import Keyring, Verifier, claim_of
from tests.support.cloud_client import CS, ENS, ES, CloudClient, Signer

if TYPE_CHECKING:
    from localcloud.signatures import Key

ROLE = "acs:ram::1234567890123456:role/reader"
HOUR = 3600


def issued(seconds: float = HOUR) -> Key:
    """A key that is accepted so long from now."""
    return TemporaryKeys().issue(now=time.time(), seconds=seconds, role_arn=ROLE, session="test")


def accepting(key: Key, passed: float = 0) -> LocalCloud:
    """A cloud that knows the key, so many seconds after now."""
    cloud = LocalCloud(wall_clock=lambda: time.time() + passed)
    cloud.seed({"sts_credentials": [key_record(key)]})
    return cloud


@pytest.mark.parametrize(
    ("service", "action", "url"),
    [
        ("cs", "DescribeClustersV1", f"{CS}/api/v1/clusters"),
        ("ens", "DescribeInstances", ENS),
        ("elasticsearch", "ListInstance", f"{ES}/openapi/instances"),
    ],
)
def test_a_key_is_accepted_until_it_expires(service: str, action: str, url: str) -> None:
    """Afterwards it is refused by a name that tells a client to fetch new ones."""
    key = issued(60)
    signer = Signer(key.access_key_id, key.access_key_secret, key.security_token)
    assert CloudClient(accepting(key), signer).call(service, action, url).status_code == 200
    late = CloudClient(accepting(key, passed=61), signer).call(service, action, url)
    assert late.status_code == 400
    assert "InvalidSecurityToken.Expired" in late.text


def test_an_expired_key_is_denied_by_queues_which_have_no_code_for_it() -> None:
    """A signature of MNS's own kind ends with its key, too."""
    key = issued(60)
    own = Credentials(key.access_key_id, key.access_key_secret, key.security_token)
    resource = "/queues/q/messages?peekonly=true"
    told = {"x-mns-version": "2015-06-06"}
    headers = signed_headers("GET", resource, told, date=formatdate(usegmt=True), credentials=own)
    codes = []
    for passed in (0, 61):
        with httpx2.Client(transport=accepting(key, passed).transport) as http:
            url = f"https://1.mns.cn-hangzhou.aliyuncs.com{resource}"
            answer = http.get(url, headers={**told, **headers})
        codes.append(answer.text.partition("<Code>")[2].partition("<")[0])
    assert codes == ["QueueNotExist", "AccessDenied"]


def test_a_wrong_token_is_no_expired_one() -> None:
    """Who guesses a key's id does not learn that it has ended."""
    key = issued(-1)
    headers = {"authorization": f"MNS {key.access_key_id}:x", "date": formatdate(usegmt=True)}
    claim = claim_of(Request("GET", "/queues", headers=headers), "mns")
    with pytest.raises(Refusal) as refusal:
        Verifier().verify(claim, Keyring({key.access_key_id: key}.get), time.time())
    assert refusal.value.code == "InvalidSecurityToken.MismatchWithAccessKey"


def test_a_key_says_whom_it_acts_for() -> None:
    """Role and session are its name, and no two keys are alike."""
    first, second = issued(), issued()
    assert first.arn == "acs:ram::1234567890123456:assumed-role/reader/test"
    assert first.access_key_id.startswith("STS.")
    assert len({first.access_key_id, second.access_key_id}) == 2
    assert len({first.security_token, second.security_token}) == 2


def test_what_state_tells_of_a_key_is_a_seed_of_it() -> None:
    """Its end and whom it acts for, too; secrets are in no repr."""
    key = issued()
    assert key_of(accepting(key).state()["sts_credentials"][0], "") == key  # type: ignore[index, call-overload]
    assert key.access_key_secret not in repr(key)
    assert key.security_token not in repr(key)
    with pytest.raises(SeedError, match=r"sts_credentials\[0\]\.expiration"):
        LocalCloud().seed({"sts_credentials": [{**key_record(key), "expiration": "tomorrow"}]})

"""OSS's own client at a local cloud that is served, and STS's, whose keys it takes."""

from __future__ import annotations

import gc
import io
import json
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import oss2
import pytest
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_sts20150401.models import AssumeRoleRequest
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from localcloud import LocalCloud
from localcloud.checksums import crc64
from localcloud.server import running_server
from tests.support.fc_clients import fc2_client
from tests.support.fc_control import ControlPlane, models
from tests.support.oss_requests import BUCKET, VERSION_1, VERSION_4, Auth
from tests.support.programs import requires
from tools.layer.build import zip_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

BOTH = pytest.mark.parametrize("auth", [VERSION_1, VERSION_4], ids=["version 1", "version 4"])
CONTENT = bytes(range(256)) * 5000
KEY = "1234567890123456/function é+ 1.zip"


@pytest.fixture
def served() -> Iterator[tuple[LocalCloud, str]]:
    """A cloud with the bucket, on a port."""
    with LocalCloud() as cloud, running_server(cloud) as url:
        cloud.seed({"oss": {"buckets": [{"Name": BUCKET}]}})
        yield cloud, url
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


def bucket_at(url: str, auth: Auth, name: str = BUCKET) -> oss2.Bucket:
    """The client of a bucket, which checks checksums by itself."""
    return oss2.Bucket(auth, url, name, region="cn-hangzhou", connect_timeout=10)


@BOTH
def test_objects_come_back_as_they_were_put(served: tuple[LocalCloud, str], auth: Auth) -> None:
    """Put, sent in chunks, got, a part of it, listed and deleted; the client compares checksums."""
    bucket = bucket_at(served[1], auth)
    put = bucket.put_object(KEY, CONTENT, headers={"x-oss-meta-who": "me"})
    assert put.crc == crc64(CONTENT)
    assert put.request_id == served[0].calls[-1]["requestId"]
    bucket.put_object("chunked", io.BufferedReader(io.BytesIO(CONTENT)))
    assert bucket.get_object(KEY).read() == bucket.get_object("chunked").read() == CONTENT
    assert bucket.get_object(KEY, byte_range=(10, 19)).read() == CONTENT[10:20]
    head = bucket.head_object(KEY)
    assert (head.etag, head.content_length, head.headers["x-oss-meta-who"]) == (put.etag, len(CONTENT), "me")
    assert [one.key for one in oss2.ObjectIteratorV2(bucket, max_keys=1)] == [KEY, "chunked"]
    assert [one.key for one in oss2.ObjectIterator(bucket, delimiter="/")] == ["1234567890123456/", "chunked"]
    bucket.delete_object(KEY)
    assert not bucket.object_exists(KEY)


@BOTH
@pytest.mark.parametrize(
    "name", ["cache-control", "content-disposition", "content-encoding", "content-language", "expires"]
)
def test_who_gets_an_object_chooses_its_headers(
    served: tuple[LocalCloud, str], auth: Auth, name: str
) -> None:
    """Each header that a parameter may change is signed with it, and is in the answer."""
    bucket = bucket_at(served[1], auth)
    bucket.put_object(KEY, CONTENT)
    assert bucket.get_object(KEY, params={f"response-{name}": "identity"}).headers[name] == "identity"


@BOTH
def test_signed_addresses_need_no_client(served: tuple[LocalCloud, str], auth: Auth) -> None:
    """To put and to get, for the one object and method they were made for."""
    bucket = bucket_at(served[1], auth)
    put = httpx2.put(
        bucket.sign_url("PUT", KEY, 60, headers={"content-type": "text/x"}),
        content=CONTENT,
        headers={"content-type": "text/x"},
    )
    got = httpx2.get(bucket.sign_url("GET", KEY, 60))
    assert (put.status_code, got.status_code, got.content) == (200, 200, CONTENT)
    assert got.headers["content-type"] == "text/x"
    assert httpx2.delete(bucket.sign_url("GET", KEY, 60)).status_code == 403


def test_errors_are_the_client_s_own(served: tuple[LocalCloud, str]) -> None:
    """By class, with and without a body in the answer."""
    bucket = bucket_at(served[1], VERSION_1)
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_object("nowhere")
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.head_object("nowhere")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket_at(served[1], VERSION_1, "no-such-bucket").get_object("a")
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
        bucket_at(served[1], oss2.Auth("test", "wrong")).get_object("a")
    bucket.put_object("a", b"")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("a", b"", headers={"x-oss-forbid-overwrite": "true"})
    assert refused.value.code == "FileAlreadyExists"


def sts_at(url: str) -> StsClient:
    """STS's client."""
    return StsClient(
        Config(access_key_id="test", access_key_secret="test", endpoint=urlsplit(url).netloc, protocol="http")
    )


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_keys_of_a_role_put_objects(served: tuple[LocalCloud, str], version: str) -> None:
    """As a deployment does with those that it is given for its upload."""
    url = served[1]
    request = AssumeRoleRequest(role_arn="acs:ram::1234567890123456:role/uploader", role_session_name="s1")
    keys = sts_at(url).assume_role(request).body.credentials
    auth = oss2.StsAuth(keys.access_key_id, keys.access_key_secret, keys.security_token, version)
    bucket = bucket_at(url, auth)
    bucket.put_object(KEY, CONTENT)
    assert httpx2.get(bucket.sign_url("GET", KEY, 60)).content == CONTENT


def test_both_generations_of_clients_are_told_who_they_are(served: tuple[LocalCloud, str]) -> None:
    """STS's own client, and the older core that signs parameters."""
    url = served[1]
    identity = sts_at(url).get_caller_identity().body
    request = CommonRequest(
        domain=urlsplit(url).netloc, version="2015-04-01", action_name="GetCallerIdentity"
    )
    request.set_protocol_type("http")
    request.set_accept_format("JSON")
    older = json.loads(AcsClient("test", "test", "cn-hangzhou").do_action_with_exception(request))
    assert identity.identity_type == older["IdentityType"] == "RAMUser"
    assert identity.arn == older["Arn"]


def test_what_is_uploaded_is_what_runs(served: tuple[LocalCloud, str]) -> None:
    """As fc3 deploys: a token for an upload, the upload, and a function of it, known by the same checksum."""
    requires("python3.12")
    cloud, url = served
    plane, path = ControlPlane(cloud, url), "/2016-08-15/tempBucketToken"
    client = fc2_client(url)
    token = client._do_request("GET", path, client._build_common_headers("GET", path)).json()
    keys, name = token["credentials"], f"1234567890123456/{token['objectName']}"
    auth = oss2.StsAuth(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"])
    code = zip_bytes({"index.py": b"def handler(event, context): return b'uploaded ' + event"})
    put = bucket_at(url, auth, token["ossBucket"]).put_object(name, code)
    place = models.InputCodeLocation(oss_bucket_name=token["ossBucket"], oss_object_name=name)
    assert plane.create("uploaded", code=place).code_checksum == str(put.crc)
    assert plane.invoke("uploaded", b"event") == b"uploaded event"

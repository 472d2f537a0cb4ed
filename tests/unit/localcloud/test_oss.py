"""OSS in the local cloud: objects and buckets, addresses, seed and state."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud import Fault, LocalCloud, catalogue
from localcloud.checksums import crc64
from localcloud.endpoints import Endpoint, endpoint_of
from localcloud.errors import SeedError
from localcloud.message import Request
from tests.support.oss_requests import BUCKET, LOOPBACK, VENDOR, ask, code_of, send, signed, with_bucket

CONTENT = bytes(range(256)) * 20


@pytest.fixture
def cloud() -> LocalCloud:
    """A cloud with the bucket, and one object in it."""
    return with_bucket(LocalCloud(now=1_800_000_000), there=b"0123456789")


def listing(cloud: LocalCloud, **query: str) -> ET.Element:
    """The answer to a list."""
    answer = ask(cloud, "GET", query={name.replace("_", "-"): value for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return ET.fromstring(answer.content)  # noqa: S314 - the local cloud's own


def names(page: ET.Element) -> list[str]:
    """Objects and common prefixes of a page, in the order of their names."""
    found = [*page.findall("Contents/Key"), *page.findall("CommonPrefixes/Prefix")]
    return sorted((one.text or "" for one in found), key=str.encode)


@pytest.mark.parametrize("host", [LOOPBACK, VENDOR, f"{BUCKET}.oss-accelerate.aliyuncs.com"])
@pytest.mark.parametrize("key", ["a", "1234567890123456/o 1.zip", "é/%20/+", "2016-08-15/a", "x" * 1023])
def test_what_was_put_is_got_back(cloud: LocalCloud, host: str, key: str) -> None:
    """At every host of the bucket and below the address of this machine, by the same name."""
    headers = {"content-type": "application/zip", "x-oss-meta-who": "me", "cache-control": "no-store"}
    put = ask(cloud, "PUT", key, host=host, headers=headers, body=CONTENT)
    assert put.status_code == 200
    told = ("etag", "x-oss-hash-crc64ecma")
    for request in (signed("GET", key), signed("HEAD", key)):
        got = send(cloud, request)
        assert got.headers["content-length"] == str(len(CONTENT))
        assert {name: got.headers[name] for name in headers} == headers
        assert [got.headers[name] for name in told] == [put.headers[name] for name in told]
    assert ask(cloud, "GET", key).content == CONTENT
    assert put.headers["x-oss-hash-crc64ecma"] == str(crc64(CONTENT))
    assert put.headers["etag"] == f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest().upper()}"'
    assert put.headers["x-oss-request-id"] == cloud.calls[2]["requestId"]


def test_deleting_succeeds_whether_an_object_is_there_or_not(cloud: LocalCloud) -> None:
    """A second time, too; a bucket that is not there is another matter."""
    assert [ask(cloud, "DELETE", "there").status_code for _ in range(2)] == [204, 204]
    assert code_of(ask(cloud, "GET", "there")) == "NoSuchKey"
    assert code_of(ask(cloud, "DELETE", "there", bucket="other")) == "NoSuchBucket"


def test_a_bucket_goes_when_it_is_empty(cloud: LocalCloud) -> None:
    """And is made again as often as one likes."""
    assert ask(cloud, "PUT").status_code == 200
    assert code_of(ask(cloud, "DELETE")) == "BucketNotEmpty"
    ask(cloud, "DELETE", "there")
    assert ask(cloud, "DELETE").status_code == 204
    assert code_of(ask(cloud, "GET")) == "NoSuchBucket"
    assert code_of(ask(cloud, "PUT", bucket="Not_A_Name")) == "InvalidBucketName"


def test_an_object_is_not_overwritten_where_that_is_forbidden(cloud: LocalCloud) -> None:
    """What was there stays."""
    forbid = {"x-oss-forbid-overwrite": "true"}
    assert ask(cloud, "PUT", "new", headers=forbid, body=b"first").status_code == 200
    refused = ask(cloud, "PUT", "new", headers=forbid, body=b"second")
    assert (refused.status_code, code_of(refused)) == (409, "FileAlreadyExists")
    assert ask(cloud, "GET", "new").content == b"first"
    assert ask(cloud, "PUT", "new", headers={"x-oss-forbid-overwrite": "false"}).status_code == 200


@pytest.mark.parametrize("key", ["/a", "\\a", "x" * 1024])
def test_names_that_no_object_may_have_are_refused(cloud: LocalCloud, key: str) -> None:
    """By OSS's code."""
    assert code_of(ask(cloud, "PUT", key, host=VENDOR)) == "InvalidObjectName"


def test_a_name_that_is_not_utf_8_is_refused(cloud: LocalCloud) -> None:
    """It would be another name once it is read."""
    request = signed("GET", "a")
    assert code_of(send(cloud, Request("GET", f"/{BUCKET}/%ff", "", request.headers))) == "InvalidObjectName"


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=10-", 200, b"0123456789"),
        ("bytes=3-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_a_part_of_an_object_can_be_got(cloud: LocalCloud, wanted: str, status: int, content: bytes) -> None:
    """And the whole one for ranges that are not valid, as OSS answers them."""
    got = ask(cloud, "GET", "there", headers={"range": wanted})
    assert (got.status_code, got.content) == (status, content)
    assert got.headers["content-length"] == str(len(content))
    if status == 206:
        first = b"0123456789".index(content)
        assert got.headers["content-range"] == f"bytes {first}-{first + len(content) - 1}/10"


def test_a_caller_may_choose_headers_of_the_answer(cloud: LocalCloud) -> None:
    """By parameters, which are signed."""
    got = ask(cloud, "GET", "there", query={"response-content-type": "text/x", "response-expires": "never"})
    assert (got.headers["content-type"], got.headers["expires"]) == ("text/x", "never")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {"headers": {"if-none-match": "x"}}),
        ("GET", {"query": {"versionId": "1"}}),
        ("GET", {"query": {"acl": ""}}),
        ("PUT", {"headers": {"x-oss-callback": "e30="}}),
        ("PUT", {"headers": {"x-oss-copy-source": "/b/a"}}),
        ("PUT", {"query": {"partNumber": "1", "uploadId": "u"}}),
        ("POST", {"query": {"uploads": ""}}),
    ],
)
def test_what_is_not_played_is_refused(cloud: LocalCloud, method: str, options: dict[str, Any]) -> None:
    """Rather than ignored: an upload in parts, a condition, a copy, a version, rights, a callback."""
    refused = ask(cloud, method, "there", **options)
    assert (refused.status_code, code_of(refused)) == (501, "LocalCloud.NotImplemented")
    assert ask(cloud, "GET", "there").content == b"0123456789"


def test_the_answer_to_a_head_says_in_a_header_what_went_wrong(cloud: LocalCloud) -> None:
    """For it has no body."""
    refused = ask(cloud, "HEAD", "nowhere")
    assert (refused.status_code, refused.content) == (404, b"")
    assert b"<Code>NoSuchKey</Code>" in base64.b64decode(refused.headers["x-oss-err"])


def test_a_bucket_in_the_path_of_a_vendor_s_host_is_refused(cloud: LocalCloud) -> None:
    """As at the vendor's: only an address of this machine has it there."""
    refused = ask(cloud, "GET", "there", host="oss-cn-hangzhou.aliyuncs.com")
    assert (refused.status_code, code_of(refused)) == (403, "SecondLevelDomainForbidden")


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("b-1.oss-cn-hangzhou.aliyuncs.com", Endpoint("oss", "cn-hangzhou", "b-1")),
        ("b-1.oss-cn-hangzhou-internal.aliyuncs.com", Endpoint("oss", "cn-hangzhou", "b-1")),
        ("b-1.oss-cn-shanghai-finance-1-pub.aliyuncs.com", Endpoint("oss", "cn-shanghai-finance-1", "b-1")),
        (
            "b-1.oss-cn-shanghai-finance-1-pub-internal.aliyuncs.com",
            Endpoint("oss", "cn-shanghai-finance-1", "b-1"),
        ),
        ("b-1.oss-accelerate.aliyuncs.com:443", Endpoint("oss", "", "b-1")),
        ("b-1.oss-accelerate-overseas.aliyuncs.com", Endpoint("oss", "", "b-1")),
        ("oss-eu-central-1.aliyuncs.com", Endpoint("oss", "eu-central-1")),
        ("sts.aliyuncs.com", Endpoint("sts")),
        ("sts-vpc.cn-hangzhou.aliyuncs.com", Endpoint("sts", "cn-hangzhou")),
        ("resourcemanager.aliyuncs.com", Endpoint("resourcemanager")),
        ("a.b.oss-cn-hangzhou.aliyuncs.com", Endpoint()),
    ],
)
def test_hosts_name_service_region_and_bucket(host: str, endpoint: Endpoint) -> None:
    """As the vendor's endpoint list has them."""
    assert endpoint_of(host) == endpoint


KEYS = st.text(st.sampled_from("ab/é"), min_size=1, max_size=5).filter(lambda key: key.strip("/") == key)


@given(
    st.sets(KEYS, max_size=12),
    st.sampled_from(["", "a", "a/"]),
    st.sampled_from(["", "/", "b"]),
    st.integers(1, 5),
)
@settings(max_examples=50)
def test_pages_of_any_size_hold_every_name_once(
    keys: set[str], prefix: str, delimiter: str, size: int
) -> None:
    """In both versions of the action, with what shares a name up to the delimiter told by that name."""
    cloud = LocalCloud()
    objects = [{"Key": key, "Content": ""} for key in keys]
    cloud.seed({"oss": {"buckets": [{"Name": BUCKET, "objects": objects}]}})

    def told(key: str) -> str:
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        return key if cut < 0 else key[: cut + len(delimiter)]

    expected = sorted({told(key) for key in keys if key.startswith(prefix)}, key=str.encode)
    ways = [("NextMarker", "marker", {}), ("NextContinuationToken", "continuation_token", {"list_type": "2"})]
    for element, parameter, query in ways:
        found, after = [], {}
        for _ in range(len(keys) + 1):
            page = listing(cloud, prefix=prefix, delimiter=delimiter, max_keys=str(size), **query, **after)
            assert len(names(page)) <= size
            found += names(page)
            if page.findtext("IsTruncated") == "false":
                break
            after = {parameter: page.findtext(element) or ""}
        assert found == expected


def test_a_list_tells_what_clients_show_of_objects(cloud: LocalCloud) -> None:
    """Name, size, checksum and time; names as in an address where that is asked for."""
    ask(cloud, "PUT", "a b", body=b"1")
    page = listing(cloud, list_type="2", encoding_type="url", start_after="a ")
    assert [page.findtext(name) for name in ("Name", "KeyCount", "StartAfter")] == [BUCKET, "2", "a%20"]
    assert names(page) == [quote("a b"), "there"]
    there = page.findall("Contents")[1]
    assert {field.tag: field.text for field in there} == {
        "Key": "there",
        "LastModified": "2027-01-15T08:00:00.000Z",
        "ETag": '"781E5E245D69B566979B86E28D23F2C7"',
        "Type": "Normal",
        "Size": "10",
        "StorageClass": "Standard",
    }


@pytest.mark.parametrize(
    "query", [{"max_keys": "0"}, {"max_keys": "1001"}, {"max_keys": "²"}, {"encoding_type": "xml"}]
)
def test_a_list_that_cannot_be_is_refused(cloud: LocalCloud, query: dict[str, str]) -> None:
    """And so is a token that OSS did not give."""
    for one in (query, {"list_type": "2", "continuation_token": "é"}):
        asked = {name.replace("_", "-"): value for name, value in one.items()}
        assert code_of(ask(cloud, "GET", query=asked)) == "InvalidArgument"


def test_state_tells_of_objects_and_not_what_is_in_them(cloud: LocalCloud) -> None:
    """And is taken as a seed, which leaves objects as they are and brings none."""
    state: Any = cloud.state()
    (bucket,) = state["oss"]["buckets"]
    (there,) = bucket["objects"]
    assert (bucket["Name"], bucket["Location"]) == (BUCKET, "oss-cn-hangzhou")
    assert (there["Key"], there["Size"], there["Crc64"]) == ("there", 10, str(crc64(b"0123456789")))
    assert "0123456789" not in json.dumps(state)
    cloud.advance(60)
    cloud.seed({"oss": state["oss"]})
    assert cloud.state()["oss"] == state["oss"]
    assert ask(cloud, "GET", "there").content == b"0123456789"
    other = LocalCloud()
    other.seed({"oss": state["oss"]})
    assert names(listing(other)) == []


def test_a_seed_brings_objects() -> None:
    """In base64; a bucket of the same name is replaced with what is in it."""
    cloud = with_bucket(LocalCloud(), old=b"old")
    objects = [{"Key": "new", "Content": base64.b64encode(b"new").decode(), "ContentType": "text/plain"}]
    cloud.seed({"oss": {"buckets": [{"Name": BUCKET, "Location": "oss-cn-beijing", "objects": objects}]}})
    got = ask(cloud, "GET", "new")
    assert (got.content, got.headers["content-type"]) == (b"new", "text/plain")
    assert code_of(ask(cloud, "GET", "old")) == "NoSuchKey"


@pytest.mark.parametrize(
    ("bucket", "field"),
    [
        ({"Name": "A"}, "Name"),
        ({"Name": BUCKET, "objects": [{"Key": "a", "Content": "*"}]}, r"objects\[0\]\.Content"),
        ({"Name": BUCKET, "objects": [{"Key": "a", "Content": "é"}]}, r"objects\[0\]\.Content"),
        ({"Name": BUCKET, "objects": [{"Key": "/a", "Content": ""}]}, r"objects\[0\]\.Key"),
        ({"Name": BUCKET, "Region": "x"}, "Region"),
    ],
)
def test_a_seed_that_is_not_valid_names_its_field(bucket: dict[str, Any], field: str) -> None:
    """And changes nothing."""
    cloud = LocalCloud()
    with pytest.raises(SeedError, match=rf"oss\.buckets\[0\]\.{field}"):
        cloud.seed({"oss": {"buckets": [bucket]}})
    assert "oss" not in cloud.state()


def test_faults_speak_as_oss_does(cloud: LocalCloud) -> None:
    """A fault of an upload is an error in XML."""
    cloud.add_fault(Fault(service="oss", action="PutObject", status=503, code="ServiceUnavailable"))
    refused = ask(cloud, "PUT", "a")
    assert (refused.status_code, code_of(refused)) == (503, "ServiceUnavailable")
    assert ask(cloud, "PUT", "a").status_code == 200


OPERATIONS = [catalogue.load("oss").named(action) for action in LocalCloud().supported["oss"]]
WORDS = st.sampled_from(["", "1", "2", "a", "é/ ", "url", "-1", "\x01"])


@given(st.sampled_from(OPERATIONS), st.data())
@settings(max_examples=200)
def test_every_request_gets_an_answer_in_oss_s_shape(
    operation: catalogue.Operation, data: st.DataObject
) -> None:
    """Whatever a signed request holds: success, or an error in XML with its code."""
    cloud = with_bucket(LocalCloud(), a=b"x")
    parameters = st.sampled_from(sorted(operation.query | {"uploads", "Odd"}))
    request = signed(
        data.draw(st.sampled_from([*operation.methods, "GET", "POST"])),
        data.draw(WORDS) if "{key}" in operation.path else "",
        bucket=data.draw(st.sampled_from([BUCKET, "other", ""])),
        query=data.draw(st.dictionaries(parameters, WORDS, max_size=3)),
        headers=data.draw(st.dictionaries(st.sampled_from(["range", "x-oss-odd", "if-match"]), st.just("1"))),
    )
    answer = send(cloud, request)
    if answer.is_success:
        assert cloud.calls[-1]["code"] == ""
    elif request.method != "HEAD":
        assert answer.status_code in {400, 403, 404, 405, 409, 501}
        error = ET.fromstring(answer.content)  # noqa: S314 - the local cloud's own
        assert error.findtext("Code") == cloud.calls[-1]["code"]
        assert error.findtext("Message")
    json.dumps(cloud.state())

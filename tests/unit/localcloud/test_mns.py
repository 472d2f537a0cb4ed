"""MNS in the local cloud: messages over time, refusals, seed and state."""

from __future__ import annotations

import hashlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from fctoolkit.credentials import Credentials
from fctoolkit.mns.signing import signed_headers
from fctoolkit.transport import HeaderAuth
from localcloud import Fault, LocalCloud
from localcloud.errors import SeedError
from tests.support.queues import QUEUE, queued, seed_queue

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com"
MESSAGES = f"/queues/{QUEUE}/messages"


def mns_headers(method: str, resource: str, headers: Mapping[str, str]) -> dict[str, str]:
    """What signs a request now."""
    key, date = Credentials("test", "test"), formatdate(usegmt=True)
    return signed_headers(method, resource, headers, date=date, credentials=key)


def call(
    cloud: LocalCloud, method: str, target: str, content: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, ET.Element]:
    """One signed request: status and root of the answer, names without namespace."""
    with httpx2.Client(transport=cloud.transport) as http:
        told = {"x-mns-version": "2015-06-06", **(headers or {})}
        answer = http.request(
            method,
            HOST + target,
            content=content.encode(),
            headers=told,
            auth=HeaderAuth(mns_headers),
        )
    root = ET.fromstring(answer.content or b"<nothing/>")  # noqa: S314 - our own answer
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return answer.status_code, root


def test_messages_come_by_priority_and_age(cloud: LocalCloud) -> None:
    """A delayed one comes when its time is there; each time one is received is counted."""
    seed_queue(cloud)
    for text in (
        "<MessageBody>a</MessageBody><DelaySeconds>60</DelaySeconds>",
        "<MessageBody>b</MessageBody>",
    ):
        assert call(cloud, "POST", MESSAGES, f"<Message>{text}</Message>")[0] == 201
    call(cloud, "POST", MESSAGES, "<Message><MessageBody>c</MessageBody><Priority>1</Priority></Message>")
    bodies = [call(cloud, "GET", MESSAGES)[1].findtext("MessageBody") for _ in range(3)]
    assert bodies == ["c", "b", None]
    cloud.advance(61)
    _, root = call(cloud, "GET", f"{MESSAGES}?numOfMessages=16")
    assert [(one.findtext("MessageBody"), one.findtext("DequeueCount")) for one in root] == [
        ("c", "2"),
        ("a", "1"),
        ("b", "2"),
    ]


def test_a_batch_can_fail_in_part(cloud: LocalCloud) -> None:
    """A fault refuses messages of a batch by their place; the others are sent, or deleted, all the same."""
    seed_queue(cloud)
    cloud.add_fault(Fault(service="mns", action="BatchSendMessage", items={"2": "InternalServerError"}))
    inner = "".join(f"<Message><MessageBody>{text}</MessageBody></Message>" for text in "abc")
    status, root = call(cloud, "POST", MESSAGES, f"<Messages>{inner}</Messages>")
    codes = [one.findtext("ErrorCode") for one in root]
    assert (status, codes) == (500, [None, "InternalServerError", None])
    sent = [one.findtext("MessageId") for one in root if one.findtext("MessageId")]
    assert queued(cloud) == sent
    _, received = call(cloud, "GET", f"{MESSAGES}?numOfMessages=2")
    assert [one.findtext("MessageBody") for one in received] == ["a", "c"]
    handles = [str(one.findtext("ReceiptHandle")) for one in received]
    cloud.add_fault(
        Fault(service="mns", action="BatchDeleteMessage", items={handles[1]: "InternalServerError"})
    )
    inner = "".join(f"<ReceiptHandle>{handle}</ReceiptHandle>" for handle in handles)
    status, root = call(cloud, "DELETE", MESSAGES, f"<ReceiptHandles>{inner}</ReceiptHandles>")
    failed = [(one.findtext("ReceiptHandle"), one.findtext("ErrorCode")) for one in root]
    assert (status, failed) == (404, [(handles[1], "InternalServerError")])
    assert queued(cloud) == sent[1:]


def test_the_cluster_limits_too_many_requests(cloud: LocalCloud) -> None:
    """A limit is answered with MNS's own status and code."""
    seed_queue(cloud)
    cloud.configure(limits=[{"service": "mns", "per_second": 1}])
    assert call(cloud, "GET", MESSAGES)[0] == 404
    status, root = call(cloud, "GET", MESSAGES)
    assert (status, root.findtext("Code")) == (429, "TooManyRequests")


def test_old_messages_are_forgotten(cloud: LocalCloud) -> None:
    """A queue keeps a message as long as it says."""
    seed_queue(cloud, b"{}", MessageRetentionPeriod=60)
    cloud.advance(61)
    assert call(cloud, "GET", MESSAGES)[0] == 404
    assert queued(cloud) == []


def test_a_batch_is_deleted_in_part(cloud: LocalCloud) -> None:
    """What cannot be deleted is listed, the rest is gone."""
    seed_queue(cloud, b"{}", b"{}")
    _, root = call(cloud, "GET", MESSAGES)
    receipt = root.findtext("ReceiptHandle")
    handles = f"<ReceiptHandle>{receipt}</ReceiptHandle><ReceiptHandle>8-x</ReceiptHandle>"
    status, root = call(cloud, "DELETE", MESSAGES, f"<ReceiptHandles>{handles}</ReceiptHandles>")
    assert (status, root.tag, [one.findtext("ErrorCode") for one in root]) == (
        404,
        "Errors",
        ["MessageNotExist"],
    )
    assert queued(cloud) == ["m-2"]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (("GET", "/queues/other/messages", ""), 404, "QueueNotExist"),
        (("GET", f"{MESSAGES}?numOfMessages=17", ""), 400, "InvalidArgument"),
        (("GET", f"{MESSAGES}?odd=1", ""), 400, "InvalidQueryString"),
        (("DELETE", f"{MESSAGES}?ReceiptHandle=x", ""), 400, "ReceiptHandleError"),
        (("DELETE", f"{MESSAGES}?ReceiptHandle=", ""), 400, "MissingReceiptHandle"),
        (("DELETE", MESSAGES, "<torn"), 400, "MalformedXML"),
        (("DELETE", MESSAGES, "<ReceiptHandles/>"), 400, "InvalidArgument"),
        (("POST", MESSAGES, "<!DOCTYPE x><Message/>"), 400, "MalformedXML"),
        (("POST", MESSAGES, "<Message/>"), 400, "InvalidArgument"),
        (
            ("POST", MESSAGES, f"<Message><MessageBody>{'x' * 65537}</MessageBody></Message>"),
            400,
            "InvalidArgument",
        ),
        (("PUT", f"/queues/{QUEUE}", "<Queue><Delay>1</Delay></Queue>"), 400, "InvalidArgument"),
        (("PUT", "/queues/1st", ""), 400, "InvalidArgument"),
        (
            ("PUT", "/queues/q", "<Queue><VisibilityTimeout>0</VisibilityTimeout></Queue>"),
            400,
            "InvalidArgument",
        ),
        (("PUT", "/queues/other?metaoverride=true", "<Queue></Queue>"), 404, "QueueNotExist"),
        (("PATCH", MESSAGES, ""), 400, "InvalidRequestURL"),
        (("GET", "/topics/x", ""), 400, "InvalidRequestURL"),
    ],
)
def test_refusals_are_the_vendor_s(
    cloud: LocalCloud, request_: tuple[str, str, str], status: int, code: str
) -> None:
    """Code, message, request id and host stand in an `Error` element."""
    seed_queue(cloud, b"{}")
    method, target, content = request_
    told, root = call(cloud, method, target, content)
    assert (told, root.tag, root.findtext("Code")) == (status, "Error", code)
    assert root.findtext("RequestId") == cloud.calls[-1]["requestId"]
    assert root.findtext("HostId") == HOST.removeprefix("https://")
    assert cloud.calls[-1]["code"] == code


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "MissingAuthorizationHeader"),
        ({"authorization": "MNS test"}, 400, "InvalidAuthorizationHeader"),
        ({"authorization": "ACS3-HMAC-SHA256 Credential=test"}, 400, "InvalidAuthorizationHeader"),
        ({"authorization": "MNS test:x"}, 400, "MissingDateHeader"),
        ({"authorization": "MNS test:x", "date": "today"}, 400, "InvalidDateHeader"),
        ({"authorization": "MNS test:x", "date": "Thu, 09 Jul 2015 03:01:34 GMT"}, 408, "TimeExpired"),
        (
            {"authorization": "MNS nobody:x", "date": "Thu, 09 Jul 2015 03:01:34 GMT"},
            403,
            "InvalidAccessKeyId",
        ),
    ],
)
def test_unsigned_requests_are_refused(
    cloud: LocalCloud, headers: dict[str, str], status: int, code: str
) -> None:
    """Only the signature of MNS opens MNS."""
    seed_queue(cloud, b"{}")
    with httpx2.Client(transport=cloud.transport) as http:
        answer = http.get(HOST + MESSAGES, headers=headers)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)


def test_a_changed_request_is_not_signed(cloud: LocalCloud) -> None:
    """Headers and body are held against the signature and Content-MD5."""
    seed_queue(cloud, b"{}")

    class Changed(HeaderAuth):
        def auth_flow(self, request: httpx2.Request) -> Any:
            for signed in super().auth_flow(request):
                signed.headers["x-mns-more"] = "1"
                yield signed

    with httpx2.Client(transport=cloud.transport) as http:
        answer = http.get(HOST + MESSAGES, auth=Changed(mns_headers))
    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)
    digest = hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    assert (
        call(cloud, "POST", MESSAGES, "<Message/>", {"content-md5": digest})[1].findtext("Code")
        == "InvalidDegist"
    )


def test_faults_have_the_service_s_shape(cloud: LocalCloud) -> None:
    """A fault of one action leaves the others alone."""
    seed_queue(cloud, b"{}")
    cloud.add_fault(Fault(service="mns", action="ReceiveMessage", status=503, code="ServiceUnavailable"))
    assert call(cloud, "GET", f"{MESSAGES}?peekonly=true")[0] == 200
    status, root = call(cloud, "GET", MESSAGES)
    assert (status, root.findtext("Code")) == (503, "ServiceUnavailable")
    assert call(cloud, "GET", MESSAGES)[0] == 200


def test_state_is_a_seed(cloud: LocalCloud) -> None:
    """A queue with a message out of sight is the same in another cloud."""
    seed_queue(cloud, b"{}", b"[]")
    call(cloud, "GET", MESSAGES)
    state: Any = cloud.state()
    with LocalCloud(now=cloud.clock.now()) as other:
        other.seed({"mns": state["mns"]})
        assert other.state()["mns"] == state["mns"]


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        ({"QueueName": "1"}, r"mns.queues\[0\].QueueName"),
        ({"QueueName": "q", "messages": [{}]}, r"messages\[0\].MessageBody"),
        ({"QueueName": "q", "messages": [{"MessageBody": "\x00"}]}, "send it as base64"),
        ({"QueueName": "q", "Visible": 1}, "Visible"),
    ],
)
def test_a_bad_seed_names_the_field(cloud: LocalCloud, queue: dict[str, Any], words: str) -> None:
    """Nothing is put in place."""
    with pytest.raises(SeedError, match=words):
        cloud.seed({"mns": {"queues": [queue]}})
    assert "mns" not in cloud.state()


def test_queues_are_listed_in_pages() -> None:
    """A list has the names with a prefix, so many a page, and the name that the next page begins with."""
    cloud = LocalCloud(signed=False)
    cloud.seed({"mns": {"queues": [{"QueueName": name} for name in ("a2", "b1", "a3", "a1")]}})
    client = httpx2.Client(transport=cloud.transport, base_url=HOST)

    def page(**headers: str) -> tuple[list[str], str]:
        told = {f"x-mns-{name.replace('_', '-')}": value for name, value in headers.items()}
        answer = client.get("/queues", headers={"x-mns-version": "2015-06-06", **told})
        assert answer.status_code == 200, answer.text
        root = ET.fromstring(answer.content)  # noqa: S314 - our own server
        named = {element.tag.rpartition("}")[2]: element.text or "" for element in root}
        urls = [element.text or "" for element in root.iter() if element.tag.endswith("QueueURL")]
        return [url.rpartition("/")[2] for url in urls], named.get("NextMarker", "")

    assert page() == (["a1", "a2", "a3", "b1"], "")
    assert page(prefix="a", ret_number="2") == (["a1", "a2"], "a3")
    assert page(prefix="a", ret_number="2", marker="a3", with_meta="true") == (["a3"], "")

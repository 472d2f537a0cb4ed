"""OSS, as every way to call it sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.cloud_scene import in_modes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

B = {"bucket": "code-bucket"}


@in_modes("oss")
def test_the_life_of_an_object(at: Scene) -> None:
    """An object is put, looked at, got, listed by its prefix, and deleted with its bucket."""
    at.does("oss", "PutBucket", **B)
    key = "1234567890123456/é+ 1.zip"
    put = at.call("oss", "PutObject", key=key, content=b"\x00\xff", **B)
    assert put.ok, put
    at.does("oss", "PutObject", key="other", content=b"", **B)
    assert at.does("oss", "GetObject", key=key, **B) == b"\x00\xff"
    for action in ("HeadObject", "GetObjectMeta"):
        head = at.call("oss", action, key=key, **B)
        assert (head.headers["content-length"], head.headers["etag"]) == ("2", put.headers["etag"])
    for action in ("ListObjects", "ListObjectsV2"):
        assert at.does("oss", action, prefix="1234", **B)["Key"] == [key]
    assert at.refuses("oss", "DeleteBucket", **B) == (409, "BucketNotEmpty")
    for name in (key, "other", "never there"):
        at.does("oss", "DeleteObject", key=name, **B)
    at.does("oss", "DeleteBucket", **B)
    assert at.refuses("oss", "ListObjects", **B) == (404, "NoSuchBucket")


@in_modes("oss")
def test_what_is_not_there(at: Scene) -> None:
    """Unknown buckets and objects are OSS's 404s."""
    at.seed({"oss": {"buckets": [{"Name": B["bucket"]}]}})
    assert at.refuses("oss", "GetObject", key="none", **B) == (404, "NoSuchKey")
    assert at.refuses("oss", "PutObject", bucket="nobodys-bucket", key="a", content=b"a") == (
        404,
        "NoSuchBucket",
    )

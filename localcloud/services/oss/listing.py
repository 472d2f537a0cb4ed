"""Lists the objects of a bucket, a page at a time, in both versions of the action. Knows no signature."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from localcloud.conditions.clock import iso_time
from localcloud.errors import Refusal
from localcloud.services.oss import answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.message import Response
    from localcloud.services.base import Call
    from localcloud.services.oss.answers import Fields
    from localcloud.services.oss.model import Bucket, StoredObject

MOST_KEYS: Final = 1000
# Comes after every text that has the same beginning.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class _Page:
    """Objects and common prefixes in their order, and after what the next page begins; empty for the last."""

    objects: list[StoredObject]
    prefixes: list[str]
    next: str


def list_objects(bucket: Bucket, call: Call) -> Response:
    """ListObjects: pages are told apart by `marker`."""
    marker = call.query.get("marker", "")
    page = _page(bucket, call, marker)
    fields = [("Marker", _shown(call, marker)), *_common(bucket, call, page)]
    if page.next:
        fields.append(("NextMarker", _shown(call, page.next)))
    return answers.xml("ListBucketResult", [*fields, *_found(call, page)])


def list_objects_v2(bucket: Bucket, call: Call) -> Response:
    """ListObjectsV2: pages are told apart by a token that only OSS understands."""
    token, start = call.query.get("continuation-token", ""), call.query.get("start-after", "")
    page = _page(bucket, call, _named_by(token) if token else start)
    count = len(page.objects) + len(page.prefixes)
    fields = [("StartAfter", _shown(call, start)), *_common(bucket, call, page), ("KeyCount", count)]
    if token:
        fields.append(("ContinuationToken", token))
    if page.next:
        fields.append(("NextContinuationToken", base64.b64encode(page.next.encode()).decode()))
    return answers.xml("ListBucketResult", [*fields, *_found(call, page)])


def _page(bucket: Bucket, call: Call, after: str) -> _Page:
    size = _page_size(call)
    objects: list[StoredObject] = []
    prefixes: list[str] = []
    name = ""
    for name, stored in _rows(bucket, call, after):
        if len(objects) + len(prefixes) == size:
            return _Page(objects, prefixes, _last_of(objects, prefixes))
        if stored is None:
            prefixes.append(name)
        else:
            objects.append(stored)
    return _Page(objects, prefixes, "")


def _rows(bucket: Bucket, call: Call, after: str) -> Iterator[tuple[str, StoredObject | None]]:
    """Objects, and in the place of those that share a name up to the delimiter, that name once."""
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    told = ""
    if delimiter and after.endswith(delimiter) and after.startswith(prefix):
        told, after = after, after + _LAST
    for stored in bucket.listed(prefix, after):
        cut = stored.key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            yield stored.key, stored
        elif told != (told := stored.key[: cut + len(delimiter)]):
            yield told, None


def _last_of(objects: list[StoredObject], prefixes: list[str]) -> str:
    names = [*prefixes[-1:], *(one.key for one in objects[-1:])]
    return max(names, key=str.encode, default="")


def _page_size(call: Call) -> int:
    text = call.query.get("max-keys", "100")
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MOST_KEYS):
        raise Refusal(400, "InvalidArgument", f"max-keys must be 1 to {MOST_KEYS}, not {text!r}.")
    return int(text)


def _named_by(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise Refusal(400, "InvalidArgument", "The continuation token is not valid.") from None


def _common(bucket: Bucket, call: Call, page: _Page) -> list[tuple[str, str | int | Fields]]:
    encoding = call.query.get("encoding-type", "")
    if encoding not in {"", "url"}:
        raise Refusal(400, "InvalidArgument", f"encoding-type must be url, not {encoding!r}.")
    told: list[tuple[str, str | int | Fields]] = [("EncodingType", "url")] if encoding else []
    return [
        *told,
        ("Name", bucket.name),
        ("Prefix", _shown(call, call.query.get("prefix", ""))),
        ("Delimiter", _shown(call, call.query.get("delimiter", ""))),
        ("MaxKeys", _page_size(call)),
        ("IsTruncated", "true" if page.next else "false"),
    ]


def _found(call: Call, page: _Page) -> list[tuple[str, Fields]]:
    contents: list[tuple[str, Fields]] = [
        (
            "Contents",
            [
                ("Key", _shown(call, one.key)),
                ("LastModified", iso_time(one.modified).replace("Z", ".000Z")),
                ("ETag", one.etag),
                ("Type", "Normal"),
                ("Size", len(one.content)),
                ("StorageClass", "Standard"),
            ],
        )
        for one in page.objects
    ]
    return [*contents, *(("CommonPrefixes", [("Prefix", _shown(call, name))]) for name in page.prefixes)]


def _shown(call: Call, name: str) -> str:
    return quote(name, safe="") if call.query.get("encoding-type") == "url" else name

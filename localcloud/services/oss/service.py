"""OSS: puts, gets, heads, deletes and lists objects. Uploads in parts, versions and rights are not played.

Who signs with a key that is accepted may do everything: OSS's own rights are not looked at. A bucket answers
at the hosts of all regions, because a client that is told an address instead of a host names any region.

Source: https://www.alibabacloud.com/help/en/oss/developer-reference/putobject and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.errors import Refusal
from localcloud.message import Response
from localcloud.services.base import NOT_IMPLEMENTED, refuse_unplayed
from localcloud.services.oss import answers
from localcloud.services.oss.codes import OSS_CODES
from localcloud.services.oss.listing import list_objects, list_objects_v2
from localcloud.services.oss.model import DEFAULT_LOCATION, BucketRecord, ObjectStore, StoredObject
from localcloud.validation import as_list, checked, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call, Handler, Moment

META: Final = "x-oss-meta-"
_KEPT = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    }
)
_RESPONSE = "response-"
# These change nothing here: who sends them gets what the vendor would answer.
_HEADERS = frozenset(
    {
        "x-oss-content-sha256",
        "x-oss-date",
        "x-oss-forbid-overwrite",
        "x-oss-request-payer",
        "x-oss-security-token",
        "x-oss-user-agent",
    }
)
_CONDITIONS = frozenset({"if-match", "if-modified-since", "if-none-match", "if-unmodified-since"})


class OssService:
    """Objects in a store that other services may look at."""

    name = "oss"
    request_id_header = "x-oss-request-id"
    error_codes = OSS_CODES

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.actions: Mapping[str, Handler] = {
            "DeleteBucket": self._delete_bucket,
            "DeleteObject": self._delete_object,
            "GetObject": self._get_object,
            "GetObjectMeta": self._head_object,
            "HeadObject": self._head_object,
            "ListObjects": self._list_objects,
            "ListObjectsV2": self._list_objects_v2,
            "PutBucket": self._put_bucket,
            "PutObject": self._put_object,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """An `Error` element."""
        return answers.error(refusal, request_id, host)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"buckets": […]}`; a bucket of a known name is replaced with its objects."""
        only(records, frozenset({"buckets"}), "oss")
        values = as_list(records.get("buckets", []), "oss.buckets")
        paths = [f"oss.buckets[{index}]" for index in range(len(values))]
        buckets = [
            self._store.seeded(checked(BucketRecord, value, path), path, moment.now)
            for value, path in zip(values, paths, strict=True)
        ]

        def place() -> None:
            self._store.buckets.update({bucket.name: bucket for bucket in buckets})

        return place

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing changes by itself
        """`{"buckets": […]}` with names, sizes and checksums, without contents; empty without buckets."""
        buckets: list[JsonValue] = [bucket.record() for bucket in self._store.buckets.values()]
        return {"buckets": buckets} if buckets else {}

    def _put_bucket(self, call: Call) -> Response:
        _refuse_headers(call)
        location = f"oss-{call.region}" if call.region else DEFAULT_LOCATION
        bucket = self._store.create(call.path["bucket"], location, call.moment.now)
        return Response(200, {"location": f"/{bucket.name}"})

    def _delete_bucket(self, call: Call) -> Response:
        bucket = self._store.bucket(call.path["bucket"])
        if bucket.objects:
            raise Refusal(
                409,
                "BucketNotEmpty",
                "The bucket you tried to delete is not empty.",
                details={"BucketName": bucket.name},
            )
        del self._store.buckets[bucket.name]
        return Response(204)

    def _put_object(self, call: Call) -> Response:
        bucket = self._store.bucket(call.path["bucket"])
        _refuse_headers(call)
        kept = {name: value for name, value in call.headers.items() if name in _KEPT or name.startswith(META)}
        headers = {"content-type": "application/octet-stream", **kept}
        stored = StoredObject(call.path["key"], call.content, call.moment.now, headers)
        forbidden = call.headers.get("x-oss-forbid-overwrite", "").lower() == "true"
        bucket.put(stored, overwrite=not forbidden)
        return Response(200, {"etag": stored.etag, "x-oss-hash-crc64ecma": stored.checksum})

    def _get_object(self, call: Call) -> Response:
        answer = answers.content(self._object(call), call.headers.get("range", ""))
        changed = {name.removeprefix(_RESPONSE): value for name, value in call.query.items()}
        return Response(answer.status, {**answer.headers, **changed}, answer.body)

    def _head_object(self, call: Call) -> Response:
        return Response(200, answers.object_headers(self._object(call)))

    def _delete_object(self, call: Call) -> Response:
        """204 whether it was there or not."""
        refuse_unplayed(call, frozenset())
        self._store.bucket(call.path["bucket"]).objects.pop(call.path["key"], None)
        return Response(204)

    def _list_objects(self, call: Call) -> Response:
        return list_objects(self._store.bucket(call.path["bucket"]), call)

    def _list_objects_v2(self, call: Call) -> Response:
        return list_objects_v2(self._store.bucket(call.path["bucket"]), call)

    def _object(self, call: Call) -> StoredObject:
        """The object that is asked for, without conditions."""
        answered = {name for name in call.operation.query if name.startswith(_RESPONSE)}
        refuse_unplayed(call, frozenset({"objectMeta", *answered}))
        _refuse_headers(call)
        return self._store.bucket(call.path["bucket"]).object(call.path["key"])


def _refuse_headers(call: Call) -> None:
    """Refuses headers that would change what happens at the vendor's and would be ignored here."""
    ignored = sorted(
        name
        for name in call.headers
        if name in _CONDITIONS
        or (name.startswith("x-oss-") and not name.startswith(META) and name not in _HEADERS)
    )
    if ignored:
        raise Refusal(
            501,
            NOT_IMPLEMENTED,
            f"{call.operation.action}: the local cloud does not play {', '.join(ignored)}.",
        )

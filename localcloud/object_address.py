"""Which bucket and object a request to OSS names, and by what its action is told. Knows no behaviour.

A bucket stands in the Host header. For clients that cannot choose the host, because they name this machine by
its address, it is the first segment of the path. Such a request is OSS's because it is signed as OSS wants
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from localcloud.endpoints import endpoint_of
from localcloud.errors import Refusal

if TYPE_CHECKING:
    from localcloud.message import Request

OSS: Final = "oss"

_SCHEMES = ("OSS ", "OSS2 ", "OSS4-HMAC-SHA256 ")
_SIGNED_QUERY = frozenset({"OSSAccessKeyId", "x-oss-signature-version", "x-oss-signature"})
# What signs an address, and is no parameter of an action.
_SIGNING = _SIGNED_QUERY | {
    "Expires",
    "Signature",
    "security-token",
    "x-oss-additional-headers",
    "x-oss-credential",
    "x-oss-date",
    "x-oss-expires",
    "x-oss-security-token",
}
_COPY_SOURCE = "x-oss-copy-source"


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """What a request names; empty texts for what it does not.

    Attributes:
        bucket: its name.
        key: the object's name, decoded.
        region: the region the host names.
    """

    bucket: str = ""
    key: str = ""
    region: str = ""

    @property
    def template(self) -> str:
        """The path as the catalogue has it: of the service, of a bucket or of an object."""
        if not self.bucket:
            return "/"
        return "/{bucket}/{key}" if self.key else "/{bucket}"


def is_oss(request: Request) -> bool:
    """Whether a request is OSS's: by its host or by the kind of its signature."""
    if request.header("authorization").startswith(_SCHEMES):
        return True
    if endpoint_of(request.header("host")).service == OSS:
        return True
    return any(name in _SIGNED_QUERY for name, _ in request.query_pairs())


def address_of(request: Request) -> ObjectAddress:
    """What a request to OSS names; refuses what is no text, and buckets in the path of a vendor's host."""
    endpoint = endpoint_of(request.header("host"))
    path = request.path.removeprefix("/")
    bucket = endpoint.bucket
    if not bucket:
        if endpoint.service and path:
            raise Refusal(
                403,
                "SecondLevelDomainForbidden",
                "The bucket you are attempting to access must be addressed using OSS third level domain.",
            )
        bucket, _, path = path.partition("/")
    try:
        return ObjectAddress(bucket, unquote_to_bytes(path).decode(), endpoint.region)
    except UnicodeDecodeError:
        raise Refusal(
            400, "InvalidObjectName", "The specified object is not valid: it is not UTF-8."
        ) from None


def parameters_of(request: Request) -> dict[str, str]:
    """The decoded query parameters that an action can have."""
    return {name: value for name, value in request.query_pairs() if name not in _SIGNING}


def marks_of(request: Request) -> set[str]:
    """What tells an action, as `Operation.told_by` has it."""
    pairs = request.query_pairs()
    copied = {_COPY_SOURCE} & request.headers.keys()
    return {name for name, _ in pairs} | {f"{name}={value}" for name, value in pairs} | copied

"""Buckets and their objects. Knows no request.

Contents are kept in memory, once each, and leave it with their object.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from localcloud.checksums import crc64
from localcloud.conditions.clock import iso_time
from localcloud.errors import Refusal, SeedError
from localcloud.functions.spec import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue

DEFAULT_LOCATION: Final = f"oss-{DEFAULT_REGION}"
LARGEST_OBJECT: Final = 5 * 1024**3
LONGEST_KEY_BYTES: Final = 1023
BUCKET_NAME: Final = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"

_BUCKET = re.compile(BUCKET_NAME)


class ObjectRecord(BaseModel):
    """An object as a seed has it and `state` shows it; `Content` is base64, and never shown."""

    model_config = ConfigDict(extra="forbid")

    Key: str = Field(pattern=r"^[^/\\]", max_length=LONGEST_KEY_BYTES)
    Content: str | None = None
    ContentType: str = "application/octet-stream"
    Size: int = 0
    ETag: str = ""
    Crc64: str = ""
    LastModified: AwareDatetime | None = None


class BucketRecord(BaseModel):
    """A bucket as a seed has it."""

    model_config = ConfigDict(extra="forbid")

    Name: str = Field(pattern=f"^{BUCKET_NAME}$")
    Location: str = DEFAULT_LOCATION
    CreationDate: AwareDatetime | None = None
    objects: list[ObjectRecord] = Field(default_factory=list)


@dataclass(frozen=True)
class StoredObject:
    """An object.

    Attributes:
        key: its name.
        content: its bytes.
        modified: when it was put, seconds since the epoch by the state clock.
        headers: what was put and is told with it: the content type, other standard ones, `x-oss-meta-`.
    """

    key: str
    content: bytes
    modified: float
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def etag(self) -> str:
        """The MD5 in hex, with the quotes that belong to it."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest().upper()}"'

    @cached_property
    def checksum(self) -> str:
        """CRC-64, as a number in a text."""
        return str(crc64(self.content))

    def record(self) -> JsonObject:
        """What `state` shows."""
        return {
            "Key": self.key,
            "ContentType": self.headers.get("content-type", ""),
            "Size": len(self.content),
            "ETag": self.etag,
            "Crc64": self.checksum,
            "LastModified": iso_time(self.modified),
        }


@dataclass
class Bucket:
    """A bucket: objects by key."""

    name: str
    location: str
    created: float
    objects: dict[str, StoredObject] = field(default_factory=dict)

    def put(self, stored: StoredObject, *, overwrite: bool = True) -> None:
        """Keeps an object; refuses names that no object may have, and overwriting where it is not wanted."""
        key = stored.key
        if not 0 < len(key.encode()) <= LONGEST_KEY_BYTES or key.startswith(("/", "\\")):
            raise Refusal(400, "InvalidObjectName", f"The specified object is not valid: {key[:100]!r}.")
        if len(stored.content) > LARGEST_OBJECT:
            raise Refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
        if not overwrite and key in self.objects:
            raise Refusal(
                409,
                "FileAlreadyExists",
                "The object you specified already exists and can not be overwritten.",
            )
        self.objects[key] = stored

    def object(self, key: str) -> StoredObject:
        """The object of that name; refuses when there is none."""
        stored = self.objects.get(key)
        if stored is None:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.", details={"Key": key})
        return stored

    def listed(self, prefix: str, after: str) -> Iterator[StoredObject]:
        """The objects whose names begin with `prefix` and come after `after`, by their names in UTF-8."""
        names = (key for key in self.objects if key.startswith(prefix) and key.encode() > after.encode())
        return (self.objects[key] for key in sorted(names, key=str.encode))

    def record(self) -> JsonObject:
        """What `state` shows."""
        objects: list[JsonValue] = [one.record() for one in self.objects.values()]
        return {
            "Name": self.name,
            "Location": self.location,
            "CreationDate": iso_time(self.created),
            "objects": objects,
        }


class ObjectStore:
    """Buckets by name, for OSS and for what is deployed from them."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name; refuses when there is none."""
        bucket = self.buckets.get(name)
        if bucket is None:
            raise Refusal(
                404, "NoSuchBucket", "The specified bucket does not exist.", details={"BucketName": name}
            )
        return bucket

    def create(self, name: str, location: str, now: float) -> Bucket:
        """The bucket of that name, made when it is not there; refuses names that no bucket may have.

        Args:
            name: of the bucket.
            location: such as `oss-cn-hangzhou`.
            now: the state clock's time.
        """
        if not _BUCKET.fullmatch(name):
            raise Refusal(
                400, "InvalidBucketName", "The specified bucket is not valid.", details={"BucketName": name}
            )
        return self.buckets.setdefault(name, Bucket(name, location, now))

    def content(self, bucket: str, key: str) -> bytes | None:
        """The bytes of an object; None when there is no such object."""
        kept = self.buckets.get(bucket)
        stored = kept.objects.get(key) if kept is not None else None
        return stored.content if stored is not None else None

    def seeded(self, record: BucketRecord, where: str, now: float) -> Bucket:
        """A bucket as a seed describes it; SeedError naming what is not valid below the dotted path `where`.

        An object without content, as `state` shows them, stays when it is there, and is left out when not.
        """
        created = record.CreationDate.timestamp() if record.CreationDate else now
        bucket = Bucket(record.Name, record.Location, created)
        known = self.buckets.get(record.Name)
        for index, one in enumerate(record.objects):
            if one.Content is not None:
                bucket.objects[one.Key] = _made(one, f"{where}.objects[{index}].Content", now)
            elif known is not None and (stored := known.objects.get(one.Key)) is not None:
                bucket.objects[one.Key] = stored
        return bucket


def _made(record: ObjectRecord, path: str, now: float) -> StoredObject:
    try:
        content = base64.b64decode(record.Content or "", validate=True)
    except ValueError as error:
        raise SeedError(f"{path}: not base64: {error}") from None
    modified = record.LastModified.timestamp() if record.LastModified else now
    return StoredObject(record.Key, content, modified, {"content-type": record.ContentType})

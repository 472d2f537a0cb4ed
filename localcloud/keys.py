"""Temporary keys, as STS gives them and functions get them: the one place that makes them.

Knows no service. Times are the wall clock's, by which signatures are judged, too.
"""

from __future__ import annotations

import base64
import math
import secrets
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from localcloud.conditions.clock import iso_time
from localcloud.signatures import Key
from localcloud.validation import checked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fctoolkit.jsontypes import JsonObject, JsonValue

# As long as the vendor's, and with all characters of base64: clients have to encode some of them.
TOKEN_BYTES: Final = 384


class _KeyRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")

    access_key_id: str
    access_key_secret: str
    security_token: str = ""
    expiration: AwareDatetime | None = None
    arn: str = ""


@dataclass(slots=True)
class TemporaryKeys:
    """The temporary keys of an account, those that have expired too: they are refused by another name."""

    _keys: dict[str, Key] = field(default_factory=dict)

    def issue(self, *, now: float, seconds: float, role_arn: str, session: str) -> Key:
        """Makes a key that is accepted by every service until it expires.

        Args:
            now: the wall clock, seconds since the epoch.
            seconds: how long it is accepted; it expires on a full second, as answers can tell no more.
            role_arn: who is acted for, `acs:ram::ACCOUNT:role/NAME`.
            session: what the caller calls itself.
        """
        key = Key(
            access_key_id=f"STS.N{secrets.token_hex(12)}",
            access_key_secret=secrets.token_urlsafe(32),
            security_token=f"CAIS{base64.b64encode(secrets.token_bytes(TOKEN_BYTES)).decode()}",
            expires_at=float(math.floor(now + seconds)),
            arn=f"{role_arn.replace(':role/', ':assumed-role/', 1)}/{session}",
        )
        self.keep([key])
        return key

    def keep(self, keys: Iterable[Key]) -> None:
        """Accepts keys that were made elsewhere; one of a known id is replaced."""
        self._keys |= {key.access_key_id: key for key in keys}

    def of(self, access_key_id: str) -> Key | None:
        """The key of that id."""
        return self._keys.get(access_key_id)

    def all(self) -> list[Key]:
        """Every key, in the order they came."""
        return list(self._keys.values())


def expiration_of(key: Key) -> str:
    """When a key ends, as answers tell it, such as `2026-11-22T03:27:00Z`."""
    return iso_time(key.expires_at)


def key_of(value: JsonValue, where: str) -> Key:
    """A key as a seed has it; SeedError naming the field below the dotted path `where`."""
    record = checked(_KeyRecord, value, where)
    ends = record.expiration.astimezone(UTC).timestamp() if record.expiration else math.inf
    return Key(record.access_key_id, record.access_key_secret, record.security_token, ends, record.arn)


def key_record(key: Key) -> JsonObject:
    """A key as a seed takes it."""
    record: JsonObject = {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret}
    if key.security_token:
        record["security_token"] = key.security_token
    if key.expires_at != math.inf:
        record["expiration"] = expiration_of(key)
    if key.arn:
        record["arn"] = key.arn
    return record

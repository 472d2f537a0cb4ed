"""What the local cloud holds and a reset makes anew: services, keys, faults, calls. Answers nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from localcloud.faults import FaultBook
from localcloud.services.base import REQUEST_ID_HEADER
from localcloud.signatures import Key, Keyring, Verifier
from localcloud.validation import checked

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.behaviour import Behaviour
    from localcloud.message import Request
    from localcloud.services.base import Service
    from localcloud.services.mns.service import MnsService

DEFAULT_KEY = Key("test", "test")


class _KeyRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")

    access_key_id: str
    access_key_secret: str
    security_token: str = ""


@dataclass(slots=True)
class Turn:
    """One request to a service on its way to an answer."""

    request: Request
    service: str
    action: str
    code: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())


@dataclass(slots=True)
class World:
    """Everything that a reset makes anew. `queues` is one of the services, for what uses it from inside."""

    behaviour: Behaviour
    services: dict[str, Service]
    queues: MnsService
    key: Key = DEFAULT_KEY
    temporary_keys: dict[str, Key] = field(default_factory=dict)
    verifier: Verifier = field(default_factory=Verifier)
    faults: FaultBook = field(default_factory=FaultBook)
    calls: list[JsonObject] = field(default_factory=list)
    events: list[JsonValue] = field(default_factory=list)

    def id_header(self, service: str) -> str:
        """The header that bears the request's id in the answers of a service, known or not."""
        known = self.services.get(service)
        return known.request_id_header if known is not None else REQUEST_ID_HEADER

    def keyring(self) -> Keyring:
        """The keys that are accepted now."""
        return Keyring((self.key, *self.temporary_keys.values()))


def key_of(value: JsonValue, where: str) -> Key:
    """A key as a seed has it; SeedError naming the field below the dotted path `where`."""
    record = checked(_KeyRecord, value, where)
    return Key(record.access_key_id, record.access_key_secret, record.security_token)


def key_record(key: Key) -> JsonObject:
    """A key as a seed takes it."""
    token: JsonObject = {"security_token": key.security_token} if key.security_token else {}
    return {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret, **token}

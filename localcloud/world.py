"""What the local cloud holds and a reset makes anew: services, keys, faults, calls. Answers nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.faults import FaultBook
from localcloud.keys import TemporaryKeys
from localcloud.services.base import REQUEST_ID_HEADER
from localcloud.signatures import Key, Keyring, Verifier

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.behaviour import Behaviour
    from localcloud.message import Request
    from localcloud.services.base import Service
    from localcloud.services.mns.service import MnsService

DEFAULT_KEY = Key("test", "test")


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
    temporary_keys: TemporaryKeys = field(default_factory=TemporaryKeys)
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
        return Keyring(self._key_of)

    def _key_of(self, access_key_id: str) -> Key | None:
        if access_key_id == self.key.access_key_id:
            return self.key
        return self.temporary_keys.of(access_key_id)

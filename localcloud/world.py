"""What the local cloud holds and a reset makes anew: services, keys, faults, calls. Answers nothing."""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from localcloud.conditions.behaviour import Behaviour
from localcloud.conditions.faults import FaultBook
from localcloud.conditions.throttling import Throttle
from localcloud.delivery.journal import MOST_EVENTS
from localcloud.dispatch import SERVICES
from localcloud.errors import SeedError
from localcloud.functions.role_keys import RoleKeys
from localcloud.keys import key_of, key_record
from localcloud.services.base import REQUEST_ID_HEADER, Moment
from localcloud.signatures import Key, Keyring, Verifier
from localcloud.validation import as_list, as_object, checked, only, plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue
    from localcloud.conditions.faults import Fault
    from localcloud.keys import TemporaryKeys
    from localcloud.message import Request
    from localcloud.services.base import Service
    from localcloud.services.eventbridge.model import Buses
    from localcloud.services.fc.tasks import Tasks
    from localcloud.services.mns.service import MnsService
    from localcloud.services.oss.model import ObjectStore

SEED_KEYS = frozenset({"credentials", "sts_credentials", "behaviour", "functions", "deliveries", *SERVICES})
DEFAULT_KEY = Key("test", "test")
MOST_CALLS = 100_000
"""Calls that are remembered: a cloud that is served for weeks must not grow."""
WITH_ITEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "items": ("AttachInstances", "BatchSendMessage", "BatchDeleteMessage"),
    "task_items": ("AttachInstances",),
}
"""The actions whose items a fault can refuse, by its field."""


@dataclass(slots=True)
class Turn:
    """One request to a service on its way to an answer; `caller` is the access key id that signed it."""

    request: Request
    service: str
    action: str
    caller: str = ""
    code: str = ""
    fault: Fault | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())


@dataclass(slots=True)
class World:
    """Everything that a reset makes anew.

    `queues`, `objects`, `temporary_keys`, `tasks` and `buses` are what services answer from, for what uses
    them from inside.
    """

    behaviour: Behaviour
    services: dict[str, Service]
    queues: MnsService
    objects: ObjectStore
    temporary_keys: TemporaryKeys
    tasks: Tasks
    buses: Buses
    key: Key = DEFAULT_KEY
    role_keys: RoleKeys = field(default_factory=RoleKeys)
    verifier: Verifier = field(default_factory=Verifier)
    faults: FaultBook = field(default_factory=FaultBook)
    throttle: Throttle = field(default_factory=Throttle)
    calls: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    events: deque[JsonValue] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))

    def supported(self) -> dict[str, list[str]]:
        """The actions that are supported, by service, sorted."""
        return {name: sorted(service.actions) for name, service in self.services.items()}

    def refuse_unsupported(self, service: str, action: str) -> None:
        """SeedError for what is no supported action of a service, nor `*` for all of them."""
        supported = self.supported().get(service)
        if supported is None:
            raise SeedError(f"service: {service} is none of {', '.join(self.services)}")
        if action not in {"*", *supported}:
            raise SeedError(f"action: {action} is none of {', '.join(supported)}")

    def add_fault(self, fault: Fault) -> int:
        """Lets a fault wait; returns its id. SeedError when no call could ever meet it."""
        self.refuse_unsupported(fault.service, fault.action)
        asked = {"items": fault.items, "task_items": fault.task_items}
        for name, actions in WITH_ITEMS.items():
            if asked[name] and fault.action not in {"*", *actions}:
                raise SeedError(
                    f"{name}: {fault.action} has none; those of {', '.join(actions)} can be refused"
                )
        return self.faults.add(fault)

    def changed(self, changes: Mapping[str, FrozenJson]) -> Behaviour:
        """The behaviour with fields changed, not in force yet; SeedError naming the field that is wrong."""
        behaviour = checked(Behaviour, {**self.behaviour.model_dump(), **changes}, "behaviour")
        for index, limit in enumerate(behaviour.limits):
            try:
                self.refuse_unsupported(limit.service, limit.action)
            except SeedError as error:
                raise SeedError(f"behaviour.limits[{index}].{error}") from None
        return behaviour

    def put(self, records: Mapping[str, FrozenJson], now: float) -> None:
        """Puts the records of a seed in place, all or none; SeedError naming the field that is not valid."""
        seed = as_object(plain_json(records, "seed"), "seed")
        only(seed, SEED_KEYS, "")
        behaviour = self.changed(as_object(seed.get("behaviour", {}), "behaviour"))
        key = key_of(seed["credentials"], "credentials") if "credentials" in seed else self.key
        rows = as_list(seed.get("sts_credentials", []), "sts_credentials")
        temporary = [key_of(row, f"sts_credentials[{index}]") for index, row in enumerate(rows)]
        moment = Moment(now, behaviour)
        placements = [
            service.seed(as_object(seed.get(name, {}), name), moment)
            for name, service in self.services.items()
        ]
        self.behaviour, self.key = behaviour, key
        self.temporary_keys.keep(temporary)
        for place in placements:
            place()

    def told(self, moment: Moment) -> JsonObject:
        """All of it, in the seed's shape."""
        temporary: list[JsonValue] = [key_record(key) for key in self.temporary_keys.all()]
        return {
            "credentials": key_record(self.key),
            "sts_credentials": temporary,
            "behaviour": self.behaviour.model_dump(),
            **{name: kept for name, one in self.services.items() if (kept := one.state(moment))},
        }

    def id_header(self, service: str) -> str:
        """The header that bears the request's id in the answers of a service, known or not."""
        known = self.services.get(service)
        return known.request_id_header if known is not None else REQUEST_ID_HEADER

    def keyring(self) -> Keyring:
        """The keys that are accepted now."""
        return Keyring(self._key_of)

    def function_key(self, role: str, session: str, now: float) -> Key:
        """What a function calls services with: the key of its role or, without one, the account's own.

        `session` is the function, `now` the wall clock. In the cloud a function without a role has no key;
        here it has one so that a template can be tried before its roles are made.
        """
        if not role:
            return self.key
        return self.role_keys.current(
            self.temporary_keys,
            role=role,
            session=session,
            now=now,
            seconds=self.behaviour.role_key_seconds,
        )

    def _key_of(self, access_key_id: str) -> Key | None:
        if access_key_id == self.key.access_key_id:
            return self.key
        return self.temporary_keys.of(access_key_id)

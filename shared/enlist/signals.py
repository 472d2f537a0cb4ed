"""Signals: which instances an event is about, and whether it counts. Pure; knows no API.

The events of `enlist.sources` count by default; ENLIST_SIGNALS replaces them, per kind:

    {"edge": [<event pattern>, …], "search": [<event pattern>, …]}

Patterns are EventBridge's, matched against the event as it arrived. A signal is only a hint: what it names is
looked up before anything is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeGuard, get_args

from enlist.identifiers import RESOURCE_ID, SEARCH_ID, Shape
from enlist.sources import Kind, default_patterns
from fctoolkit.errors import ConfigurationError, EventError, PatternError
from fctoolkit.eventmodel import ResourceEvent
from fctoolkit.pattern import Pattern, compile_pattern
from fctoolkit.strictjson import JsonError, decode, excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue

    from fctoolkit.events import Detail, SingleEvent
    from fctoolkit.jsontypes import FrozenJson

INSTANCES = ("instances", "instanceIds")
"""Either key holds the ids in a request of a person or program."""

_ID_KEYS = ("instanceIds", "InstanceIds", "instanceId", "InstanceId")
_MOST_IDS = 100
_SHAPES: Mapping[Kind, Shape] = {"edge": RESOURCE_ID, "search": SEARCH_ID}


class Signal(NamedTuple):
    """One instance to look at, and why.

    Attributes:
        instance_id: an id of the right shape; whether it exists is not known yet.
        region: API region the event named, empty when it did not.
        retry: an operator asks to try again although an attach failed, or the node was removed, lately.
    """

    instance_id: str
    region: str = ""
    retry: bool = False


class SignalRules(NamedTuple):
    """Which events count as signals of one kind."""

    kind: Kind
    patterns: tuple[Pattern, ...]

    @classmethod
    def of(cls, kind: Kind, text: str = "") -> SignalRules:
        """The rules of a kind: the defaults, or what ENLIST_SIGNALS says. Raises `ConfigurationError`."""
        given = _given(text) if text else {}
        try:
            patterns = given.get(kind, default_patterns(kind))
            return cls(kind, tuple(compile_pattern(one) for one in patterns))
        except PatternError as error:
            raise ConfigurationError(f"ENLIST_SIGNALS: {kind}: {error}") from None

    def read(self, event: SingleEvent, account_id: str) -> tuple[Signal, ...]:
        """The signals of one event; empty when it is none of this kind.

        `account_id` is the function's own account, empty when unknown. Raises `EventError`, naming the field,
        for an event that matches and cannot be used: a call that failed, another account's event, no id, a
        wrong id.
        """
        document = getattr(event, "document", None)
        if not any(pattern.matches(document) for pattern in self.patterns):
            return ()
        detail, prefix = (event.detail(), "data.") if event.shape == "cloud" else (event, "")
        if isinstance(detail, ResourceEvent) and detail.failure:
            raise EventError(f"{prefix}errorCode", "a call that succeeded", excerpt(detail.failure))
        self._check_account(event, detail, account_id)
        ids = _instance_ids(detail)
        if not ids:
            raise EventError(prefix.rstrip("."), "an instance id where this event has them", "none")
        if len(ids) > _MOST_IDS:
            raise EventError(prefix.rstrip("."), f"at most {_MOST_IDS} instance ids", str(len(ids)))
        region = _region(event, detail)
        return tuple(Signal(self.check_id(one, f"{prefix}instanceId"), region) for one in ids)

    def check_id(self, instance_id: str, field: str) -> str:
        """The id itself when its shape is right. Raises `EventError` at `field`."""
        shape = _SHAPES[self.kind]
        if not shape.fits(instance_id):
            raise EventError(field, shape.words, excerpt(instance_id))
        return instance_id

    def _check_account(self, event: SingleEvent, detail: Detail | SingleEvent, account_id: str) -> None:
        named = event.account_ids()
        if isinstance(detail, ResourceEvent) and (detail.names_owner or not named):
            # Who called is not who owns: it counts only when nothing else names an account.
            named |= detail.account_ids()
        others = sorted(named - {account_id})
        if account_id and others:
            field = "aliyunaccountid" if event.shape == "cloud" else "account"
            raise EventError(field, f"an event of account {account_id}", f"one of account {others[0]}")


def names_instances(value: FrozenJson) -> TypeGuard[dict[str, JsonValue]]:
    """Whether decoded JSON is a request that names instances, and so no event."""
    return isinstance(value, dict) and not value.keys().isdisjoint(INSTANCES)


def _given(text: str) -> dict[str, Sequence[FrozenJson]]:
    try:
        value = decode(text)
    except JsonError as error:
        raise ConfigurationError(f"ENLIST_SIGNALS: {error}") from None
    kinds = get_args(Kind)
    if not isinstance(value, dict) or not set(value) <= set(kinds):
        raise ConfigurationError(
            f"ENLIST_SIGNALS: expected an object with {' and '.join(kinds)}, each an array"
        )
    given: dict[str, Sequence[FrozenJson]] = {}
    for kind, patterns in value.items():
        if not isinstance(patterns, list) or not patterns:
            raise ConfigurationError(f"ENLIST_SIGNALS: {kind}: expected a non-empty array of event patterns")
        if {} in patterns:
            raise ConfigurationError(f"ENLIST_SIGNALS: {kind}: the pattern {{}} takes every event; name some")
        given[kind] = patterns
    return given


def _instance_ids(detail: Detail | SingleEvent) -> tuple[str, ...]:
    if isinstance(detail, ResourceEvent):
        return detail.instance_ids()
    return _custom_ids(detail) if isinstance(detail, dict) else ()


def _custom_ids(data: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Ids of a custom event: every text under one of `_ID_KEYS`, each once."""
    found: dict[str, None] = {}
    for key in _ID_KEYS:
        value = data.get(key)
        for one in value if isinstance(value, list) else [value]:
            if one is None:
                continue
            if not isinstance(one, str):
                raise EventError(f"data.{key}", "instance ids as texts", excerpt(one))
            found[one] = None
    return tuple(found)


def _region(event: SingleEvent, detail: Detail | SingleEvent) -> str:
    if isinstance(detail, ResourceEvent):
        return detail.region() or event.region() or ""
    region = detail.get("regionId") if isinstance(detail, dict) else None
    return region if isinstance(region, str) else event.region() or ""

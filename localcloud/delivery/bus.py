"""An event bus: which of its rules an event matches, and why not the others. Runs nothing.

Source of the envelope and its limits: https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-overview
and https://help.aliyun.com/document_detail/163289.html.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, cast

from fctoolkit.errors import EventError
from fctoolkit.strictjson import JsonError, decode
from localcloud.delivery.settings import PushSettings
from localcloud.delivery.transforms import ORIGINAL, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import FrozenJson, JsonObject
    from fctoolkit.pattern import Pattern
    from localcloud.functions.spec import EventBridgeTrigger, FunctionSpec

DEFAULT_BUS: Final = "default"
DISABLED: Final = "the rule is disabled"
FUNCTION_TARGET: Final = "acs.fc.function"

MAX_EVENT_BYTES: Final = 256 * 1024
_LIMITS: Final = {"id": 128, "source": 128, "type": 64, "subject": 512}
_REQUIRED: Final = ("id", "source", "type")
_CHINA: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule sends what matches, and how.

    Attributes:
        id: unique in its rule.
        kind: the vendor's type, such as `acs.fc.function`.
        endpoint: an ARN.
        function: the function's resource key, where FC made the rule for a trigger; else `endpoint` tells.
        parameters: what is sent, by the vendor's keys.
        push: what is done when that fails.
    """

    id: str
    kind: str
    endpoint: str
    function: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    push: PushSettings = field(default_factory=PushSettings)

    def constant(self, name: str) -> str:
        """The value of a parameter that is the same for all events; empty when there is none."""
        found = self.parameters.get(name)
        return found.value if found is not None and found.form == "CONSTANT" else ""

    @property
    def body(self) -> Parameter:
        """How the event is transformed; not at all where nothing is said."""
        return self.parameters.get("Body", ORIGINAL)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a bus.

    Attributes:
        bus: the name of its bus.
        trigger: whether FC made it for a trigger; such a rule has one target, a function.
    """

    name: str
    pattern: Pattern
    targets: tuple[Target, ...] = ()
    enabled: bool = True
    bus: str = DEFAULT_BUS
    trigger: bool = False

    def why_not(self, event: FrozenJson) -> str:
        """Why an event does not match: the first field that is the reason; empty when it matches."""
        if not self.enabled:
            return DISABLED
        mismatch = self.pattern.explain(event)
        return "" if mismatch is None else str(mismatch)

    def source(self, target: Target) -> str:
        """What deliveries to one of its targets are known by."""
        return self.name if self.trigger else f"{self.bus}/{self.name}/{target.id}"


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that did not match, and the first field that was the reason."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a bus made of an event: the event as it is delivered, and every rule's answer."""

    bus: str
    event: JsonObject
    matched: tuple[Rule, ...]
    missed: tuple[Miss, ...]


@dataclass(frozen=True, slots=True)
class EventBus:
    """A bus of one account and region.

    Attributes:
        now: wall clock, seconds since the epoch; for the time of publishing.
    """

    rules: tuple[Rule, ...]
    account_id: str
    region: str
    name: str = DEFAULT_BUS
    now: Callable[[], float] = field(default=time.time, repr=False)

    def put(self, event: Mapping[str, FrozenJson]) -> Receipt:
        """Takes an event and says which rules it goes to.

        `specversion` and the bus's own attributes (`aliyun…`) are filled in when they are missing. Raises
        EventError, naming the field, for what EventBridge would not take.
        """
        complete = self._complete(event)
        matched: list[Rule] = []
        missed: list[Miss] = []
        for rule in self.rules:
            reason = rule.why_not(complete)
            if reason:
                missed.append(Miss(rule, reason))
            else:
                matched.append(rule)
        return Receipt(self.name, complete, tuple(matched), tuple(missed))

    def _complete(self, event: Mapping[str, FrozenJson]) -> JsonObject:
        _check_attributes(event)
        published = datetime.fromtimestamp(self.now(), _CHINA)
        defaults = {
            "specversion": "1.0",
            "aliyunaccountid": self.account_id,
            # The documented form: local time with the zone's name, which is no RFC 3339.
            "aliyunpublishtime": f"{published.isoformat(timespec='milliseconds').removesuffix('+08:00')}PRC",
            "aliyuneventbusname": self.name,
            "aliyunregionid": self.region,
            "aliyunpublishaddr": "127.0.0.1",
        }
        text = json.dumps({**defaults, **event}, ensure_ascii=False)
        size = len(text.encode(errors="surrogatepass"))
        if size > MAX_EVENT_BYTES:
            raise EventError("", f"at most {MAX_EVENT_BYTES} bytes", f"{size} bytes")
        # Decoded again, so that what is delivered shares nothing with what the caller holds, and strictly: an
        # event that no answer could repeat would break every list that it is in.
        try:
            return cast("JsonObject", decode(text))
        except JsonError as error:
            raise EventError(error.path, error.expected, error.found) from None


def trigger_rule(spec: FunctionSpec, trigger: EventBridgeTrigger) -> Rule:
    """The rule that FC makes for a trigger. How FC calls its target is not documented."""
    name, arn = spec.rule_name(trigger), f"acs:fc:{spec.region}:{spec.account_id}:functions/{spec.name}"
    target = Target(name, FUNCTION_TARGET, arn, spec.key, push=trigger.push)
    return Rule(name, trigger.pattern, (target,), trigger.enabled, trigger=True)


def _check_attributes(event: Mapping[str, FrozenJson]) -> None:
    for name, limit in _LIMITS.items():
        value = event.get(name)
        if value is None and name not in _REQUIRED:
            continue
        if not isinstance(value, str) or not 0 < len(value) <= limit:
            raise EventError(name, f"a text of 1 to {limit} characters", json.dumps(value)[:80])

"""Where events are sent again, and what an answer says about an event. Knows no source of events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from fctoolkit.client import path_of
from fctoolkit.strictjson import shorten
from tools.signed import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fctoolkit.jsontypes import JsonValue
    from tools.signed import Answer, Caller

Outcome: TypeAlias = Literal["settled", "ignored", "refused", "failed", "unreadable"]

VERSION: Final = "2023-03-30"
REASON_LENGTH: Final = 300

_HOPELESS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_WORST_FIRST: Final = ("failed", "refused", "settled", "ignored")
_UNSETTLED: Final = ("rejected", "failed")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event.

    Attributes:
        outcome: `settled` when the function answered that nothing is left to do; `ignored` when it said that
            the event, or a part of it, is another function's; `refused` when it will not have the event as it
            is; `failed` when it, or the way there, failed.
        reason: one line; empty when settled.
        hopeless: it was the address or the key, so the next event would fare no better.
    """

    outcome: Outcome
    reason: str = ""
    hopeless: bool = False


class Target(Protocol):
    """Takes one event at a time and waits for its answer."""

    @property
    def name(self) -> str:
        """How people call it."""
        ...

    def send(self, event: bytes) -> Verdict:
        """Sends an event once."""
        ...


class _Posted:
    """One address. A repeat of what is done does nothing, so an event may be sent again."""

    def __init__(self, caller: Caller, name: str, url: str, headers: Mapping[str, str]) -> None:
        self._caller, self._url, self._headers = caller, url, headers
        self.name = name

    def send(self, event: bytes) -> Verdict:
        """POSTs the event as the body."""
        try:
            return verdict_of(self._caller.send("POST", self._url, event, self._headers))
        except UnreachableError as error:
            return Verdict("failed", str(error), hopeless=True)


class HttpTarget(_Posted):
    """A function's HTTP trigger."""

    def __init__(self, caller: Caller, url: str) -> None:
        super().__init__(caller, url, url, {})


class FunctionTarget(_Posted):
    """A function, by FC's InvokeFunction. The call is synchronous: it makes no new dead letter.

    Args:
        caller: signs.
        endpoint: such as `https://ACCOUNT.cn-hangzhou.fc.aliyuncs.com`.
        function: its name.
    """

    def __init__(self, caller: Caller, endpoint: str, function: str) -> None:
        path = path_of(f"/{VERSION}/functions/{{function}}/invocations", function=function)
        headers = {
            "content-type": "application/octet-stream",
            "x-acs-action": "InvokeFunction",
            "x-acs-version": VERSION,
        }
        super().__init__(caller, f"function {function}", endpoint + path, headers)


class EveryTarget:
    """Several functions that share a queue: each gets each event, and ignores what is another's.

    An event is settled when one settled it and none refused it or failed.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self.name = " and ".join(target.name for target in targets)

    def send(self, event: bytes) -> Verdict:
        """Sends to one after the other. The worst verdict counts; the first that is hopeless is the last."""
        verdicts: list[Verdict] = []
        for target in self._targets:
            verdicts.append(target.send(event))
            if verdicts[-1].hopeless:
                break
        return min(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.outcome))


def verdict_of(answer: Answer) -> Verdict:
    """What an answer of a trigger, or of InvokeFunction, says about the event. Only 2xx settles it.

    FC answers InvokeFunction with 200 when the function raised, and says so in a header.
    """
    kind = answer.headers.get("x-fc-error-type", "")
    if not kind and answer.status // 100 == HTTPStatus.OK // 100:
        foreign = _foreign(answer.content)
        return Verdict("ignored", foreign) if foreign else Verdict("settled")
    reason = shorten(
        " ".join(f"HTTP {answer.status} {kind} {_reason(answer.content)}".split()), REASON_LENGTH
    )
    if kind:
        return Verdict("failed", reason)
    client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    refused = client_error and answer.status != HTTPStatus.TOO_MANY_REQUESTS
    return Verdict("refused" if refused else "failed", reason, hopeless=answer.status in _HOPELESS)


def _foreign(content: bytes) -> str:
    """Why the function ignored the event as such, not an instance that it names; empty when it did not."""
    value = _decoded(content)
    outcomes = value.get("outcomes") if isinstance(value, dict) else None
    rows = [one for one in outcomes if isinstance(one, dict)] if isinstance(outcomes, list) else []
    found = (one for one in rows if one.get("result") == "ignored" and not one.get("instanceId"))
    return next((shorten(str(one.get("reason") or "ignored"), REASON_LENGTH) for one in found), "")


def _decoded(content: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value


def _reason(content: bytes) -> str:
    """Why, in the words of the product's outcomes, of a raised error, or of FC."""
    value = _decoded(content)
    if value is None:
        return content[:REASON_LENGTH].decode("utf-8", "replace")
    if not isinstance(value, dict):
        return ""
    outcomes = value.get("outcomes")
    if isinstance(outcomes, list):
        told = [one for one in outcomes if isinstance(one, dict) and one.get("result") in _UNSETTLED]
        return "; ".join(
            f"{one.get('instanceId') or 'event'} {one['result']}: {one.get('reason', '')}" for one in told
        )
    inner = value.get("error")
    holders = (value, inner) if isinstance(inner, dict) else (value,)
    for holder in holders:
        for key in ("errorMessage", "Message", "message"):
            if isinstance(text := holder.get(key), str):
                return text
    return ""

"""What is remembered of a piece of work, and its text in a store. Pure; knows no store."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import UnreadableRecordError
from fctoolkit.strictjson import JsonError, decode

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject

_VERSION: Final = 1


class Status(StrEnum):
    """What became of the last claim."""

    CLAIMED = "claimed"
    """Somebody is at it, until the lease runs out."""
    COMPLETED = "completed"
    """Done; the outcome is replayed to whoever claims it again."""
    FAILED = "failed"
    """It went wrong; anybody may try again."""
    RELEASED = "released"
    """Given back untried; anybody may try."""


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of work. Times are seconds since the epoch on the store's clock.

    Attributes:
        key: text of its `Key`.
        status: what became of the last claim.
        owner: token of the last claim, which alone may settle it.
        payload: digest of the payload; the same in every state.
        attempts: claims made and not released, the present one included, since the record began.
        lease_until: when a claim may be taken over.
        expires_at: when the record counts as gone.
        changed_at: when it was last written.
        reason: why the last attempt that went wrong did; kept through later claims.
        maybe_done: the work may have been done, in part or whole, by an attempt that did not complete it.
        outcome: the outcome's JSON, empty unless completed.
    """

    key: str
    status: Status
    owner: str
    payload: str
    attempts: int
    lease_until: float
    expires_at: float
    changed_at: float
    reason: str = ""
    maybe_done: bool = False
    outcome: str = ""

    def to_text(self) -> str:
        """As a store keeps it: one JSON object, which an operator can read."""
        fields = asdict(self)
        del fields["key"]
        return json.dumps({"v": _VERSION, **fields}, separators=(",", ":"))


def from_text(key: str, text: str) -> Record:
    """The record that `to_text` wrote. Raises UnreadableRecordError for any other text, left alone."""
    try:
        fields = decode(text)
        if not isinstance(fields, dict) or fields.get("v") != _VERSION:
            raise ValueError  # noqa: TRY301  # one way out for all that is unreadable
        return Record(
            key=key,
            status=Status(_text(fields, "status")),
            owner=_text(fields, "owner"),
            payload=_text(fields, "payload"),
            attempts=int(_number(fields, "attempts")),
            lease_until=_number(fields, "lease_until"),
            expires_at=_number(fields, "expires_at"),
            changed_at=_number(fields, "changed_at"),
            reason=_text(fields, "reason"),
            maybe_done=fields.get("maybe_done") is True,
            outcome=_text(fields, "outcome"),
        )
    except (JsonError, ValueError):
        raise UnreadableRecordError(
            f"{key}: what the store has under this key is no record of version {_VERSION}; it is left alone. "
            "Let all who use the store run one release, or remove it"
        ) from None


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(name)  # noqa: TRY004  # an unreadable record, like any other
    return value


def _number(fields: JsonObject, name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(name)  # noqa: TRY004  # an unreadable record, like any other
    return value

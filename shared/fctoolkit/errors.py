"""Every error the toolkit raises, in one small tree. Knows no HTTP library and no product.

    ToolkitError
    ├── ConfigurationError        the environment or a file of settings is wrong; says which and what to do
    │   └── CredentialsError      no usable credentials; names the places that were looked at
    ├── EventError                an event cannot be accepted; names the field, what was expected, what came
    ├── PatternError              an event pattern is not valid; names the place and the operator
    ├── ClaimError                a claim cannot be made, kept or ended as asked
    │   ├── InProgressError       somebody else holds it; says for how long at most
    │   ├── PayloadMismatchError  the key stands for another payload
    │   ├── StaleOwnerError       it is no longer the caller's; nothing was changed
    │   ├── UnsettledError        a block ended without saying how
    │   └── NotStorableError      a key, payload or outcome is not what a record can hold
    ├── StoreError                the store of claims did not do what it was asked
    │   └── UnreadableRecordError what it has under one key is no record of this release
    └── ApiError                  a call to an Alibaba Cloud API did not succeed
        ├── ThrottledError        refused for its rate, before it had an effect
        ├── TransientError        may go well later: 5xx, time-out, connection lost, busy, under way
        ├── SignatureError        the signature is not accepted: its date, its key or its token
        ├── PermanentError        repeating it cannot help
        │   └── AccessDeniedError the caller may not do this; carries the access-denied detail
        └── AnswerError           a 2xx answer that cannot be read as what the API documents

No message, repr or argument of these errors holds a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject


class ToolkitError(Exception):
    """Base of every error of the toolkit."""


class ConfigurationError(ToolkitError):
    """A setting is missing or wrong. The message names it and says what to do."""


class CredentialsError(ConfigurationError):
    """No usable credentials. The message names every place that was looked at."""


class EventError(ToolkitError):
    """An event cannot be accepted.

    Attributes:
        field: dotted path of the field at fault, such as `data.eventName`; empty for the event as a whole.
        expected: what would have been accepted.
        found: what came, shortened.
    """

    def __init__(self, field: str, expected: str, found: str) -> None:
        self.field = field
        self.expected = expected
        self.found = found
        super().__init__(f"{field or 'event'}: expected {expected}, found {found}")


class PatternError(ToolkitError):
    """An event pattern is not valid.

    Attributes:
        path: dotted path into the pattern, such as `data.eventName[0]`.
        reason: what is wrong there and what would be right.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path or 'pattern'}: {reason}")


class ClaimError(ToolkitError):
    """A claim cannot be made, kept or ended as asked. `key` is that of its record."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"{key}: {reason}")


class InProgressError(ClaimError):
    """Somebody else holds the claim.

    Attributes:
        seconds: after which it may be taken over, if its owner says nothing before; on the store's clock.
    """

    def __init__(self, key: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(key, f"claimed by somebody else, for {seconds:.1f} s more at most")


class PayloadMismatchError(ClaimError):
    """The key was claimed with another payload. Give each work a key of its own, or forget the old one."""

    def __init__(self, key: str) -> None:
        super().__init__(key, "was claimed with another payload; a key stands for one piece of work")


class StaleOwnerError(ClaimError):
    """The claim is no longer the caller's: taken over, settled, forgotten or lost. Nothing was changed."""


class UnsettledError(ClaimError):
    """A block ended without `complete`, `release` or `fail`. The claim was failed with `maybe_done`."""


class NotStorableError(ClaimError):
    """A part of a key, a payload or an outcome is not what a record can hold."""


class StoreError(ToolkitError):
    """The store of claims did not do what it was asked. The message names the store's setting.

    Attributes:
        maybe_done: True when it may have done so all the same (the answer was lost): read before you repeat.
        transient: True when it may go well in a moment (unreachable, restarting, locked); False when somebody
            has to act first (full, refused).
    """

    def __init__(self, message: str, *, maybe_done: bool = False, transient: bool = False) -> None:
        self.maybe_done = maybe_done
        self.transient = transient
        super().__init__(message)


class UnreadableRecordError(StoreError):
    """What the store has under one key is no record of this release. It is left alone."""


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """What is known of a call that did not succeed. Unknown texts are empty, an unknown status is 0.

    Attributes:
        action: the API's name, such as `AttachInstances`.
        host: where it was sent.
        status: HTTP status, 0 when no answer came.
        code: the vendor's code, such as `Throttling.User`; a name of our own in lower case, such as
            `timeout`, when there was no answer to take one from.
        message: the vendor's message.
        request_id: the vendor's request id; support asks for it.
        access_denied: the vendor's access-denied detail, as it came.
        attempts: how many times the request was sent.
        maybe_done: True when the call may have had its effect although it failed (a time-out, a lost
            connection, a 5xx after the request was sent): look before you repeat it.
    """

    action: str
    host: str
    status: int = 0
    code: str = ""
    message: str = ""
    request_id: str = ""
    access_denied: JsonObject = field(default_factory=dict)
    attempts: int = 1
    maybe_done: bool = False


class ApiError(ToolkitError):
    """A call to an Alibaba Cloud API did not succeed; `failure` says all that is known of it."""

    def __init__(self, failure: ApiFailure) -> None:
        self.failure = failure
        status = f"HTTP {failure.status}" if failure.status else "no answer"
        parts = [f"{failure.action} at {failure.host}: {status} {failure.code}".rstrip()]
        if failure.message:
            parts.append(failure.message)
        if failure.request_id:
            parts.append(f"request id {failure.request_id}")
        if failure.attempts > 1:
            parts.append(f"{failure.attempts} attempts")
        super().__init__("; ".join(parts))


class ThrottledError(ApiError):
    """Refused for its rate, before it had an effect."""


class TransientError(ApiError):
    """May go well later."""


class SignatureError(ApiError):
    """The signature was not accepted: its date, its key, its secret or its token."""


class PermanentError(ApiError):
    """Repeating it cannot help."""


class AccessDeniedError(PermanentError):
    """The caller may not do this."""


class AnswerError(ApiError):
    """A 2xx answer that cannot be read as what the API documents."""

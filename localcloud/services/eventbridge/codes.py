"""How EventBridge says that something is wrong. Knows no state.

The vendor names the first two codes in its examples; the others have no page and are likely ones. Signatures
are refused as its table of errors for the older API has it; see
https://www.alibabacloud.com/help/en/eventbridge/error-codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.errors import Refusal

if TYPE_CHECKING:
    from localcloud.services.base import ErrorCodes

BUS_MISSING: Final = "EventBusNotExist"
RULE_MISSING: Final = "EventRuleNotExisted"
BUS_EXISTS: Final = "EventBusAlreadyExist"
RULE_EXISTS: Final = "EventRuleAlreadyExist"
EVENT_MISSING: Final = "EventNotExist"
INVALID: Final = "InvalidArgument"
TOO_MANY_BUSES: Final = "EventBusCountExceedLimit"
TOO_MANY_RULES: Final = "EventRuleCountExceedLimit"
TOO_MANY_TARGETS: Final = "EventTargetCountExceedLimit"
OF_A_TRIGGER: Final = "OperationDenied"

EVENTS_CODES: Final[ErrorCodes] = {
    "InvalidAccessKeyId.NotFound": (403, "InvalidAccessKeyId"),
    "InvalidSecurityToken.Malformed": (403, "SecurityTokenInvalid"),
    "InvalidSecurityToken.MismatchWithAccessKey": (403, "SecurityTokenInvalid"),
    "SignatureDoesNotMatch": (403, "SignatureDoesNotMatch"),
    "IncompleteSignature": (403, "SignatureDoesNotMatch"),
}


def refused(code: str, message: str) -> Refusal:
    """A refusal of EventBridge's own, whose status the service decides."""
    return Refusal(400, code, message)


def missing_bus(name: str) -> Refusal:
    """There is no bus of that name."""
    return refused(BUS_MISSING, f"The event bus {name[:80]!r} does not exist.")


def invalid_argument(name: str, problem: str) -> Refusal:
    """A parameter is not valid."""
    return refused(INVALID, f"{name} {problem}.")

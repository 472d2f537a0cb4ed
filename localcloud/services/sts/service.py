"""STS: tells who calls, and gives temporary keys that every service of the local cloud accepts.

The account's own key belongs to a RAM user, as the account itself may assume no role. There are no roles to
ask: every role of the account can be assumed, for as long as a role allows where nobody changed it. A
`Policy` is read and narrows nothing, for nobody's rights are looked at here. Keys end by the wall clock.

Source: https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-assumerole and
…-getcalleridentity.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final

from localcloud.errors import Refusal
from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.keys import expiration_of
from localcloud.message import Response, json_response
from localcloud.services.base import (
    REQUEST_ID_HEADER,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    integer,
    invalid,
    refuse_unplayed,
    upper_camel_error,
)
from localcloud.validation import only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.keys import TemporaryKeys

SHORTEST_SECONDS: Final = 900
LONGEST_SECONDS: Final = 3600
LONGEST_POLICY: Final = 2048

_ROLE = re.compile(r"acs:ram::(?P<account>\d{1,20}):role/(?P<role>[A-Za-z0-9.-]{1,64})")
_ASSUMED = re.compile(
    r"acs:ram::(?P<account>\d{1,20}):assumed-role/(?P<role>[A-Za-z0-9.-]{1,64})/(?P<session>.+)"
)
_SESSION = re.compile(r"[A-Za-z0-9.@_-]{2,64}")


class StsService:
    """The Security Token Service.

    Args:
        keys: where temporary keys are kept.
        wall_clock: what they end by.
    """

    name = "sts"
    request_id_header = REQUEST_ID_HEADER
    error_codes = SAME_CODES

    def __init__(self, keys: TemporaryKeys, wall_clock: Callable[[], float]) -> None:
        self._keys = keys
        self._wall_clock = wall_clock
        self.actions: Mapping[str, Handler] = {
            "AssumeRole": self._assume_role,
            "GetCallerIdentity": self._get_caller_identity,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """`Code` and `Message` in upper camel case."""
        return upper_camel_error(refusal, request_id, host)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:  # noqa: ARG002 - nothing is dated
        """Takes nothing: keys are seeded as `sts_credentials`."""
        only(records, frozenset(), "sts")
        return lambda: None

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing is dated
        """Nothing: keys are shown as `sts_credentials`."""
        return {}

    def _get_caller_identity(self, call: Call) -> Response:
        key = self._keys.of(call.access_key_id)
        assumed = _ASSUMED.fullmatch(key.arn) if key is not None else None
        if assumed is None:
            user = _number("user", call.access_key_id)
            account, kind, principal = DEFAULT_ACCOUNT_ID, "RAMUser", user
            own: JsonObject = {"UserId": user, "Arn": f"acs:ram::{account}:user/{call.access_key_id}"}
        else:
            role = _number("role", assumed["role"])
            account, kind, principal = assumed["account"], "AssumedRoleUser", f"{role}:{assumed['session']}"
            own = {"RoleId": role, "Arn": assumed[0]}
        return json_response(
            {
                "RequestId": call.request_id,
                "AccountId": account,
                "IdentityType": kind,
                "PrincipalId": principal,
                **own,
            }
        )

    def _assume_role(self, call: Call) -> Response:
        refuse_unplayed(call, frozenset({"DurationSeconds", "Policy", "RoleArn", "RoleSessionName"}))
        arn, session = call.query.get("RoleArn", ""), call.query.get("RoleSessionName", "")
        match = _ROLE.fullmatch(arn)
        if match is None:
            raise invalid("RoleArn", "is wrongly formed; it must be acs:ram::ACCOUNT:role/NAME")
        if not _SESSION.fullmatch(session):
            raise invalid("RoleSessionName", "must have 2 to 64 letters, digits and characters of .@-_")
        seconds = integer(call, "DurationSeconds", LONGEST_SECONDS, SHORTEST_SECONDS, LONGEST_SECONDS)
        _refuse_bad_policy(call.query.get("Policy", "{}"))
        if match["account"] != DEFAULT_ACCOUNT_ID:
            raise Refusal(
                404,
                "EntityNotExist.Role",
                f"The specified Role not exists: {arn} is not of the account {DEFAULT_ACCOUNT_ID}.",
            )
        key = self._keys.issue(now=self._wall_clock(), seconds=seconds, role_arn=arn, session=session)
        return json_response(
            {
                "RequestId": call.request_id,
                "AssumedRoleUser": {
                    "Arn": key.arn,
                    "AssumedRoleId": f"{_number('role', match['role'])}:{session}",
                },
                "Credentials": {
                    "AccessKeyId": key.access_key_id,
                    "AccessKeySecret": key.access_key_secret,
                    "SecurityToken": key.security_token,
                    "Expiration": expiration_of(key),
                },
            }
        )


def _refuse_bad_policy(text: str) -> None:
    if len(text) > LONGEST_POLICY:
        raise Refusal(
            400, "InvalidParameter.PolicySize", f"The size of Policy must be at most {LONGEST_POLICY}."
        )
    try:
        policy: object = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise Refusal(400, "InvalidParameter.PolicyGrammar", "The parameter Policy is no JSON object.")


def _number(kind: str, name: str) -> str:
    """An id as RAM gives them, always the same for a name."""
    digest = hashlib.sha256(f"{kind}/{name}".encode()).digest()
    return f"3{int.from_bytes(digest[:7]) % 10**17:017d}"

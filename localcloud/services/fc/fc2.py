"""Function Compute 2.0, version 2016-08-15: invoking, and where Serverless Devs may put code.

A function belongs to a service there, here to the one that the template's `name` names.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from localcloud.errors import Refusal
from localcloud.keys import expiration_of
from localcloud.message import Response, json_response
from localcloud.services.fc.codes import FC_CODES
from localcloud.services.fc.invocation import (
    invocation,
    refuse_nothing_deployed,
    refuse_other_version,
    template_function,
)
from localcloud.services.fc.plane import region_of
from localcloud.validation import only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.services.base import Call, Handler, Moment, Work
    from localcloud.signatures import Key

UPLOAD_SECONDS: Final = 3600


class Fc2Service:
    """FC 2.0.

    Args:
        deliveries: the ways to the functions; None while nothing is deployed.
        issue_key: makes temporary keys that last so many seconds.
        ensure_bucket: sees to it that a bucket of OSS is there.
    """

    name = "fc2"
    request_id_header = "x-fc-request-id"
    error_codes = FC_CODES

    def __init__(
        self,
        deliveries: Callable[[], Deliveries | None],
        issue_key: Callable[[float], Key],
        ensure_bucket: Callable[[str], None],
    ) -> None:
        self._current = deliveries
        self._issue_key = issue_key
        self._ensure_bucket = ensure_bucket
        self.actions: Mapping[str, Handler] = {
            "InvokeFunction": self._invoke_function,
            "GetTempBucketToken": self._get_temp_bucket_token,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:  # noqa: ARG002 - FC names no host
        """`ErrorCode` and `ErrorMessage`; the request's id is in a header."""
        return json_response({"ErrorCode": refusal.code, "ErrorMessage": refusal.message}, refusal.status)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:  # noqa: ARG002 - nothing is dated
        """Takes nothing: functions come from a template."""
        only(records, frozenset(), self.name)
        return lambda: None

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing is dated
        """Nothing: the functions that a template brings are listed beside the services."""
        return {}

    def _invoke_function(self, call: Call) -> Response | Work:
        deliveries = self._current()
        if deliveries is None or not deliveries.deployment.functions:
            raise refuse_nothing_deployed(call)
        deployment = deliveries.deployment
        service, _, qualifier = call.path["serviceName"].partition(".")
        known = deployment.template.name
        if service != known:
            there = (
                f"the template's is '{known}'" if known else "the template has no `name`, which would be it"
            )
            raise Refusal(404, "ServiceNotFound", f"service '{service}' does not exist; {there}.")
        spec = template_function(deployment, call)
        refuse_other_version(qualifier, f"service '{service}'")
        return invocation(deliveries, spec, call)

    def _get_temp_bucket_token(self, call: Call) -> Response:
        """Credentials, bucket and name for one upload. The caller puts its account id before the name."""
        key = self._issue_key(UPLOAD_SECONDS)
        bucket = f"localcloud-fc-code-{region_of(call)}"
        self._ensure_bucket(bucket)
        return json_response(
            {
                "credentials": {
                    "AccessKeyId": key.access_key_id,
                    "AccessKeySecret": key.access_key_secret,
                    "SecurityToken": key.security_token,
                    "Expiration": expiration_of(key),
                },
                "ossBucket": bucket,
                "objectName": secrets.token_hex(16),
            }
        )

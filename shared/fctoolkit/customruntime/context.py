"""The context of an invocation, made from the headers that FC sends with it. Knows no HTTP.

Never fails: what is missing comes from the FC_* variables, or is a default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fctoolkit.context import DEFAULT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MEMORY_MB: Final = 512


@dataclass(frozen=True, slots=True)
class RequestCredentials:
    """`context.credentials`: the key of the function's role, empty when it has none."""

    access_key_id: str = field(default="", repr=False)
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        """Whether there is a whole key."""
        return bool(self.access_key_id and self.access_key_secret)


@dataclass(frozen=True, slots=True)
class RequestFunction:
    """`context.function`. `memory` in MB, `timeout` in seconds."""

    name: str
    handler: str
    memory: int
    timeout: int
    version_id: str
    qualifier: str


@dataclass(frozen=True, slots=True)
class RequestContext:
    """FC's context as python3.12 gives it, and `credentials` as older runtimes do."""

    request_id: str
    region: str
    account_id: str
    function: RequestFunction
    credentials: RequestCredentials
    log_project: str = ""
    log_store: str = ""
    logger: None = None


def context_of(
    headers: Mapping[str, str], environ: Mapping[str, str], *, handler: str, request_id: str
) -> RequestContext:
    """The context of a request.

    Args:
        headers: by name in lower case.
        environ: where FC_* variables are looked up.
        handler: what runs, for a request that does not say.
        request_id: for a request that does not say.
    """

    def told(header: str, *variables: str, default: str = "") -> str:
        found = (headers.get(f"x-fc-{header}"), *(environ.get(variable) for variable in variables))
        return next((value for value in found if value), default)

    return RequestContext(
        request_id=told("request-id", default=request_id),
        region=told("region", "FC_REGION"),
        account_id=told("account-id", "FC_ACCOUNT_ID"),
        function=RequestFunction(
            name=told("function-name", "FC_FUNCTION_NAME"),
            handler=told("function-handler", "FC_FUNCTION_HANDLER", default=handler),
            memory=_whole(told("function-memory", "FC_FUNCTION_MEMORY_SIZE"), DEFAULT_MEMORY_MB),
            timeout=_whole(told("function-timeout", "FC_TIMEOUT"), int(DEFAULT_TIMEOUT_SECONDS)),
            version_id=told("version-id", "FC_FUNCTION_VERSION", "FC_VER_ID"),
            qualifier=told("qualifier", "FC_QUALIFIER", default="LATEST"),
        ),
        credentials=credentials_of(headers),
        log_project=told("service-logproject"),
        log_store=told("service-logstore"),
    )


def credentials_of(headers: Mapping[str, str]) -> RequestCredentials:
    """The key of the function's role; half a key is none."""
    found = RequestCredentials(
        headers.get("x-fc-access-key-id", ""),
        headers.get("x-fc-access-key-secret", ""),
        headers.get("x-fc-security-token", ""),
    )
    return found or RequestCredentials()


def _whole(text: str, default: int) -> int:
    """A positive whole number, else the default."""
    return int(text) if text.isascii() and text.isdecimal() and int(text) else default

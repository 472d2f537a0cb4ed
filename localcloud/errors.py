"""What can go wrong in the local cloud: misuse by its user, and refusals in the vendor's manner.

Knows no service and no HTTP library.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class LocalCloudError(Exception):
    """The local cloud is used wrongly: a bad seed, a bad fault, a host it does not stand for."""


class SeedError(LocalCloudError):
    """A seed, fault or setting is not valid. The message names the field, such as `ens.instances[2].Cpu`."""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, as a redirect is; it never leaves the local cloud
    """A request is answered with an error, in the shape of the service that was asked.

    Attributes:
        status: HTTP status.
        code: the vendor's code, or one that begins with `LocalCloud.` when only the local cloud would say so.
        message: for the caller; holds no secret.
        headers: added to the answer, names in lower case.
        details: what some services tell beside the message, by the name it has there.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.headers = headers
        self.details = details
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{status} {code}: {message}")

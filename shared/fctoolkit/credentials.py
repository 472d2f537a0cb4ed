"""Credentials: what they are, where they are found, how they stay out of sight. Knows no HTTP, keeps none."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NoReturn

from fctoolkit.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonValue

_VARIABLES = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
_ATTRIBUTES = (
    ("access_key_id", "accessKeyId"),
    ("access_key_secret", "accessKeySecret"),
    ("security_token", "securityToken"),
)

_HEADER_SAFE = re.compile(r"[!-~]+")
_SIGNATURE = re.compile(r"(Signature=)[0-9a-fA-F]+")
_SHORTEST_MASKED = 8
_MASK = "***"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An access key, with a security token when it is a temporary one (STS).

    The repr, and so `str`, `%r` and f-strings, show the first four characters of the key id and nothing else.
    They cannot be pickled or copied: they are read anew at each invocation.

    Raises:
        CredentialsError: a part holds a space, a line break or another character that no header may carry.
    """

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None

    def __post_init__(self) -> None:
        for part in fields(self):
            value: str | None = getattr(self, part.name)
            if value is not None and not _HEADER_SAFE.fullmatch(value):
                raise CredentialsError(
                    f"{part.name} is empty or holds a space, a line break or a character outside ASCII;"
                    " set it again, without quotes or a trailing newline"
                )

    def __repr__(self) -> str:
        token = None if self.security_token is None else _MASK
        shown = f"access_key_id={self.access_key_id[:4]}…, access_key_secret={_MASK}, security_token={token}"
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials are not pickled or copied; resolve them where they are needed")

    def mask(self, text: str) -> str:
        """`text` with the secret, the token and any V3 signature replaced by `***`.

        Services echo what they received when a signature does not match. A secret or token shorter than eight
        characters is a local stand-in and would blot out ordinary words: it is left alone.
        """
        for secret in (self.access_key_secret, self.security_token or ""):
            if len(secret) >= _SHORTEST_MASKED:
                text = text.replace(secret, _MASK)
        return _SIGNATURE.sub(rf"\1{_MASK}", text)

    def mask_json(self, value: JsonValue) -> JsonValue:
        """`value` with every text in it masked."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, list):
            return [self.mask_json(item) for item in value]
        if isinstance(value, dict):
            return {name: self.mask_json(item) for name, item in value.items()}
        return value


def resolve_credentials(environ: Mapping[str, str], context: object) -> Credentials:
    """The credentials of this invocation: from the environment, else from FC's context. Nothing is cached.

    Args:
        environ: usually `os.environ`; FC sets the three variables when the function has a role.
        context: FC's context. Runtimes up to python3.10 have `context.credentials`, python3.12 has not.

    Raises:
        CredentialsError: neither place has a key, or the first place that has a part of one lacks the other.
    """
    found = _from_place(_VARIABLES, tuple(environ.get(name, "") for name in _VARIABLES))
    if found is None:
        held: object = getattr(context, "credentials", None)
        names = tuple(f"context.credentials.{snake}" for snake, _ in _ATTRIBUTES)
        found = _from_place(names, tuple(_attribute(held, twins) for twins in _ATTRIBUTES))
    if found is None:
        raise CredentialsError(
            f"no credentials: neither {_VARIABLES[0]} and {_VARIABLES[1]} in the environment nor"
            " context.credentials are set; at a desk set the variables, on FC give the function a role"
        )
    return found


def _from_place(names: tuple[str, ...], values: tuple[str, ...]) -> Credentials | None:
    """Credentials made of one place's id, secret and token; halves of two places are never mixed."""
    key_id, secret, token = values
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        missing, present = (names[0], names[1]) if not key_id else (names[1], names[0])
        raise CredentialsError(f"{present} is set but {missing} is not; set both, or neither")
    return Credentials(key_id, secret, token or None)


def _attribute(held: object, twins: tuple[str, str]) -> str:
    """The first of the twins that is a text and not empty, else an empty text."""
    values: list[object] = [getattr(held, name, None) for name in twins]
    return next((value for value in values if isinstance(value, str) and value), "")

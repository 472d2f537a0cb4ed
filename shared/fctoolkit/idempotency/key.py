"""The name of a piece of work, and the digest of what it is about. Pure; knows no store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from fctoolkit.errors import NotStorableError
from fctoolkit.strictjson import JsonError, decode, shorten

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson

MAX_KEY_LENGTH: Final = 240
"""Characters, all of them ASCII, of a key's text at most. Stores may rely on it."""

MAX_OUTCOME_BYTES: Final = 64 * 1024
"""Bytes of an outcome's JSON at most."""

_CUT_MARK: Final = "~"
_DIGEST_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Key:
    """What exactly must not be done twice. Each part is passed with each call; none is guessed.

    Attributes:
        account: id of the Alibaba Cloud account, such as `context.account_id`.
        function: name of the function, such as `context.function.name`.
        operation: what is done, such as `AttachInstances`.
        resource: what it is done to, such as an instance id.
    """

    account: str
    function: str
    operation: str
    resource: str

    @property
    def text(self) -> str:
        """The key as stores see it: `account/function/operation/resource`, at most MAX_KEY_LENGTH characters.

        Two different keys never have the same text: each part is percent-encoded, so none holds a `/`. What
        is too long ends in `~` and the SHA-256 of the whole, and no encoded part holds a `~`. Raises
        NotStorableError for an empty part and for half of a surrogate pair.
        """
        parts: tuple[str, ...] = astuple(self)
        for name, part in zip(self.__slots__, parts, strict=True):
            if not part:
                raise NotStorableError("/".join(parts), f"the {name} of a key is empty")
        try:
            whole = "/".join(quote(part, safe="").replace(_CUT_MARK, "%7E") for part in parts)
        except UnicodeEncodeError:
            raise NotStorableError(ascii("/".join(parts)), "a part of a key is not valid Unicode") from None
        if len(whole) <= MAX_KEY_LENGTH:
            return whole
        head = whole[: MAX_KEY_LENGTH - _DIGEST_LENGTH - len(_CUT_MARK)]
        return f"{head}{_CUT_MARK}{sha256(whole.encode()).hexdigest()}"


def digest(key: str, payload: FrozenJson) -> str:
    """SHA-256 of a payload's JSON, in hex. The order of an object's keys does not matter; 1 and 1.0 differ.

    Raises NotStorableError for what is not JSON.
    """
    return sha256(_json(key, payload, "payload").encode()).hexdigest()


def outcome_text(key: str, outcome: FrozenJson) -> str:
    """The JSON of an outcome, which `decode` reads back.

    Raises NotStorableError for what is no JSON, for more than MAX_OUTCOME_BYTES, and for JSON that a replay
    could not read: nested too deep, half of a surrogate pair, one key twice.
    """
    text = _json(key, outcome, "outcome")
    if len(text) > MAX_OUTCOME_BYTES:
        raise NotStorableError(
            key, f"an outcome of {len(text)} bytes; at most {MAX_OUTCOME_BYTES} are kept, so keep where it is"
        )
    try:
        decode(text)
    except JsonError as error:
        raise NotStorableError(key, f"the outcome could not be read back: {error}") from None
    return text


def _json(key: str, value: FrozenJson, name: str) -> str:
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain, check_circular=True
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise NotStorableError(key, f"the {name} is not JSON: {shorten(str(error))}") from None


def _plain(value: object) -> object:
    """A mapping that is no dict; everything else that `json` does not know is refused."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    raise TypeError(f"{type(value).__name__} has no form in JSON")

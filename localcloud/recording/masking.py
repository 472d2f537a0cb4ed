"""Takes secrets out of requests and answers before they are written down. Pure; knows no service.

What is masked is told by its name: of a header, a parameter, a key of JSON at any depth, or an XML element.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonValue

MASK: Final = "***"

_SECRET = re.compile(
    r"passw(or)?d|secret|credential|private_?key|authorization|cookie"
    r"|(?<!client)(?<!client_)(?<!next)(?<!next_)(?<!page)token$|^signature$|-signature$",
    re.IGNORECASE,
)
_ELEMENT = re.compile(r"<(?P<name>\w+)>(?P<value>[^<]+)</(?P=name)>")


def is_secret(name: str) -> bool:
    """Whether what has this name is masked: passwords, secrets, signatures, tokens that let somebody in."""
    return _SECRET.search(name) is not None


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, with secret ones masked."""
    return {name: MASK if is_secret(name) else value for name, value in headers.items()}


def masked_query(query: str) -> str:
    """A query string, or a form, with secret values masked. Where nothing is, it stays as it was."""
    parts = (part.partition("=") for part in query.split("&"))
    return "&".join(
        f"{name}={quote_plus(MASK)}" if is_secret(unquote_plus(name)) and value else name + equals + value
        for name, equals, value in parts
    )


def masked_text(text: str) -> str:
    """A JSON or XML body with secret values masked. Where nothing is, it stays as it was.

    JSON too deep to be looked through is masked as a whole.
    """
    try:
        value: JsonValue = json.loads(text)
        masked = _masked(value)
        # Escaped, because half a surrogate pair could not be written down.
        return text if masked == value else json.dumps(masked, separators=(",", ":"))
    except RecursionError:
        return MASK
    except ValueError:
        return _ELEMENT.sub(_masked_element, text)


def _masked(value: JsonValue, *, secret: bool = False) -> JsonValue:
    """The value with its secrets masked; all texts in it when it has a secret name itself."""
    match value:
        case dict():
            return {name: _masked(one, secret=secret or is_secret(name)) for name, one in value.items()}
        case list():
            return [_masked(one, secret=secret) for one in value]
        case str() if secret and value:
            return MASK
        case _:
            return value


def _masked_element(match: re.Match[str]) -> str:
    name = match["name"]
    return f"<{name}>{MASK}</{name}>" if is_secret(name) else match[0]

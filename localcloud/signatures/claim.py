"""What a signed request claims, before anything of it is believed. Knows no keys."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from localcloud.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.message import Request


@dataclass(frozen=True, slots=True)
class Claim:
    """Who signed, when, and what must be signed for it to be true.

    Attributes:
        access_key_id: the key that is said to have signed.
        signature: the signature that came.
        security_token: the STS token that came, or empty.
        signed_at: seconds since the epoch.
        nonce: empty when the client sends none; then nothing can be checked.
        strings_to_sign: what the signature may be computed over; the first is the one that messages show.
        sign: the right signature for one of them and an access key secret.
        expires_at: until when a signed address is good, seconds since the epoch; None for other requests,
            which are good for a while after they are signed.
    """

    access_key_id: str
    signature: str
    security_token: str
    signed_at: float
    nonce: str
    strings_to_sign: tuple[str, ...]
    sign: Callable[[str, str], str]
    expires_at: float | None = None

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is one that only somebody with this access key secret can make."""
        return any(
            hmac.compare_digest(self.sign(text, secret).encode(), self.signature.encode())
            for text in self.strings_to_sign
        )

    @property
    def string_to_sign(self) -> str:
        """The string to sign that is most likely meant."""
        return self.strings_to_sign[0]

    @property
    def shown_string_to_sign(self) -> str:
        """The string to sign as a message may show it: without the security token."""
        if not self.security_token:
            return self.string_to_sign
        return self.string_to_sign.replace(self.security_token, "***")


def key_and_signature(request: Request, scheme: str) -> tuple[str, str]:
    """What stands in an `Authorization: SCHEME KEY:signature`; refuses one that is incomplete."""
    key, _, signature = request.header("authorization").removeprefix(f"{scheme} ").partition(":")
    if not (request.header("authorization").startswith(f"{scheme} ") and key and signature):
        raise Refusal(
            400, "IncompleteSignature", f"Authorization must read {scheme} ACCESS_KEY_ID:SIGNATURE."
        )
    return key, signature


def vendor_headers(request: Request, prefix: str) -> Iterator[str]:
    """The headers with a prefix as the older signatures have them, `name:value`, sorted."""
    return (f"{name}:{value}" for name, value in sorted(request.headers.items()) if name.startswith(prefix))


def base64_hmac(key: str, text: str, algorithm: str) -> str:
    """The HMAC of a text, as the older signatures write it."""
    return base64.b64encode(hmac.new(key.encode(), text.encode(), algorithm).digest()).decode()


def read_iso_time(text: str, refusal_code: str, *, basic: bool = False) -> float:
    """Seconds since the epoch of a time such as `2026-11-22T03:27:00Z`; refuses others with the code.

    `basic` is for the format without separators, such as `20261122T032700Z`.
    """
    form = "%Y%m%dT%H%M%SZ" if basic else "%Y-%m-%dT%H:%M:%SZ"
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
    except ValueError:
        example = datetime(2026, 11, 22, 3, 27, tzinfo=UTC).strftime(form)
        raise _bad_time(text, refusal_code, example) from None


def read_http_date(text: str, refusal_code: str) -> float:
    """Seconds since the epoch of a date as `Sun, 22 Nov 2026 03:27:00 GMT`; refuses others with the code."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        date = None
    if date is None or date.tzinfo is None or not text.endswith("GMT"):
        raise _bad_time(text, refusal_code, "Sun, 22 Nov 2026 03:27:00 GMT")
    return date.timestamp()


def _bad_time(text: str, refusal_code: str, example: str) -> Refusal:
    return Refusal(
        400,
        refusal_code,
        f"Specified time stamp or date value is not well formatted: {text!r}, expected {example}.",
    )

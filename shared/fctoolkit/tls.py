"""TLS for an instance's calls: a context that reads an authority when a handshake needs it. Knows no HTTP.

Reading a system's whole bundle takes longer than signing and sending a call. Where OpenSSL finds certificates
by name, in a folder of hashed names, only those that a handshake needs are read
(https://docs.openssl.org/3.0/man3/SSL_CTX_load_verify_locations/).
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FEWEST: Final = 40
"""A folder with fewer authorities is not the system's: somebody put their own there."""

_HASHED_NAME: Final = r"[0-9a-f]{8}\.[0-9]"


def system_folders() -> tuple[str, ...]:
    """Where certificates stand under hashed names: where OpenSSL was built to look, and where most are."""
    # The compiled-in place: capath itself may come from a variable.
    return (ssl.get_default_verify_paths().openssl_capath, "/etc/ssl/certs")


def lazy_context(folders: Iterable[str] | None = None) -> ssl.SSLContext | None:
    """A client's context that looks authorities up one by one; None where no folder lets it.

    Certificates and host names are checked. No variable of the environment has a say.

    Args:
        folders: where to look, `system_folders` by default. The first with at least `FEWEST` authorities
            under hashed names is taken.
    """
    for folder in system_folders() if folders is None else folders:
        if _holds_authorities(folder):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(capath=folder)
            return context
    return None


def as_by_default(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context itself, with TLS 1.2 or later, checking as this Python does by default.

    Not as strictly before 3.13: authorities of the last century, which systems still trust, and many a
    company's own lack an extension that RFC 5280 asks for, and would be refused.
    """
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context


def _holds_authorities(folder: str) -> bool:
    """Whether enough hashed names lead to files: a link outlives what it leads to."""
    try:
        with os.scandir(folder) as entries:
            found = sum(1 for entry in entries if re.fullmatch(_HASHED_NAME, entry.name) and entry.is_file())
    except OSError:
        return False
    return found >= FEWEST

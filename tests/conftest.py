"""What every test may rely on: no network but loopback, and no credentials or settings of the caller's."""

from __future__ import annotations

import ipaddress
import os
import sys

_PREFIXES = ("ENLIST_", "ALIBABA_CLOUD_", "FC_")


def _loopback_only(event: str, arguments: tuple[object, ...]) -> None:
    """Refuses connections and look-ups that leave this machine, whichever library makes them."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    try:
        local = name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise PermissionError(f"tests reach loopback only; something asked for {name}")


sys.addaudithook(_loopback_only)
for _name in [name for name in os.environ if name.startswith(_PREFIXES)]:
    del os.environ[_name]

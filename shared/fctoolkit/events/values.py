"""Values that event shapes write in their own ways: moments, resource names, ids. Knows no event shapes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fctoolkit.jsontypes import FrozenJson

_CHINA: Final = timezone(timedelta(hours=8))

_ZONES: Final[Mapping[str, timezone]] = MappingProxyType(
    {"PRC": _CHINA, "Asia/Shanghai": _CHINA, "UTC": UTC, "GMT": UTC}
)
"""Zone names seen behind event times. Names, not offsets, so that no time zone database is needed."""

_NAMED_ZONE: Final = re.compile(r"(?P<time>.*\d) ?(?P<zone>[A-Za-z]{2,}[A-Za-z/_]*)", re.ASCII)
_MILLISECONDS: Final = re.compile(r"\d{13}", re.ASCII)
_RESOURCE_NAME: Final = re.compile(
    r"acs[.:](?P<service>[^:]+):(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.+)", re.DOTALL
)


def moment_of(text: str | None) -> datetime | None:
    """The moment a time text means, in UTC; None when it cannot be told.

    Accepted: RFC 3339, ISO 8601 in its basic form (`20190409T121826.922+0800`), a time followed by a zone
    name (`…179PRC`, `…149Asia/Shanghai`), and milliseconds since the epoch in 13 digits. A time without a
    zone means no certain moment.
    """
    if not text:
        return None
    if _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    named = _NAMED_ZONE.fullmatch(text)
    try:
        if named:
            zone = _ZONES.get(named["zone"])
            return (
                datetime.fromisoformat(named["time"]).replace(tzinfo=zone).astimezone(UTC) if zone else None
            )
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


class ResourceName(NamedTuple):
    """An Alibaba Cloud resource name, `acs:service:region:account:resource`; unknown parts are empty."""

    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def read(cls, text: str | None) -> ResourceName | None:
        """The parts of `acs:x:…` or `acs.x:…`; None when `text` is no resource name."""
        found = _RESOURCE_NAME.fullmatch(text or "")
        return cls(*found.group("service", "region", "account", "resource")) if found else None


def last_segment(resource: str) -> str:
    """The id at the end of a resource name or path: `instance/i-1` gives `i-1`."""
    return re.split(r"[/:]", resource)[-1]


def id_of(text: str) -> str:
    """The id in a resource name; any other text as it is, so that nothing in an odd id is hidden."""
    name = ResourceName.read(text)
    return last_segment(name.resource) if name else text


def texts(value: FrozenJson) -> tuple[str, ...]:
    """The strings in a string or in a list, empty ones left out; nothing for any other value."""
    items = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(item for item in items if isinstance(item, str) and item)


def once_each(items: Iterable[str]) -> tuple[str, ...]:
    """The items in order, each once."""
    return tuple(dict.fromkeys(items))

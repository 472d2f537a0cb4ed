"""The environment that a function sees. Pure; starts nothing and reads no environment itself.

Of the caller's environment a function gets the basics that programs need, and the variables by which people
steer these functions; nothing else, so that a function that works here does not lean on somebody's shell.

Source: https://www.alibabacloud.com/help/en/functioncompute/fc/environment-variables
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from localcloud.runtime.folders import LocalFolders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.functions.spec import FunctionSpec

BASICS: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"})
"""Variables of the caller that every program may need."""

DEBIAN_11_AND_LATER: Final = frozenset({"python3.12", "custom.debian11", "custom.debian12"})

OVERRIDES: Final = ("ENLIST_", "ALIBABA_CLOUD_")
"""Variables of the caller with these beginnings, and `LOG_LEVEL`, stand above those of s.yaml."""

ENDPOINT: Final = "ENLIST_ENDPOINT_URL"
"""Tells functions where all services are."""

ACCESS_KEY_ID: Final = "ALIBABA_CLOUD_ACCESS_KEY_ID"

TEST_CREDENTIALS: Final = {
    ACCESS_KEY_ID: "test",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
}
"""What the local cloud accepts until it is told otherwise."""


def calling(url: str) -> dict[str, str]:
    """A caller's environment whose functions call the local cloud at a URL."""
    return {ENDPOINT: url} if url else {}


def basics_of(caller: Mapping[str, str]) -> dict[str, str]:
    """Of a caller's variables those that every program may need."""
    return {name: value for name, value in caller.items() if name in BASICS}


class Calling(Mapping[str, str]):
    """The same for a cloud whose URL may change: each look has the present one. Beside it are `basics`."""

    def __init__(self, url: Callable[[], str], basics: Mapping[str, str]) -> None:
        self._url = url
        self._basics = basics

    def __getitem__(self, name: str) -> str:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> dict[str, str]:
        return {**self._basics, **calling(self._url())}


def function_environment(spec: FunctionSpec, caller: Mapping[str, str]) -> dict[str, str]:
    """The environment of one function: FC's variables over the caller's overrides over those of s.yaml."""
    basics = basics_of(caller)
    overrides = {name: value for name, value in caller.items() if is_override(name)}
    own = dict(spec.environment)
    folders = LocalFolders(spec.code, spec.layers)
    if spec.custom is not None:
        own = {name: folders.translate(value) for name, value in own.items()}
    return basics | _search_paths(folders, basics) | own | overrides | _fc_variables(spec)


def is_override(name: str) -> bool:
    """Whether a variable of the caller stands above that of s.yaml."""
    return name == "LOG_LEVEL" or name.startswith(OVERRIDES)


def _search_paths(folders: LocalFolders, basics: Mapping[str, str]) -> dict[str, str]:
    """Where programs and shared libraries of the layers are found, as FC's images have it for /opt."""
    programs, libraries = folders.in_layers("bin"), folders.in_layers("lib")
    # FC's images have these before /opt/lib.
    own = [str(folders.code), str(folders.code / "lib")]
    paths = {
        "PATH": [*programs, basics.get("PATH", os.defpath)] if programs else [],
        "LD_LIBRARY_PATH": [*own, *libraries] if libraries else [],
    }
    return {name: os.pathsep.join(path) for name, path in paths.items() if path}


def _fc_variables(spec: FunctionSpec) -> dict[str, str]:
    # Images on Debian 11 and later have renamed FC_VER_ID.
    version = "FC_FUNCTION_VERSION" if spec.runtime in DEBIAN_11_AND_LATER else "FC_VER_ID"
    return {
        "FC_ACCOUNT_ID": spec.account_id,
        "FC_REGION": spec.region,
        "FC_FUNCTION_NAME": spec.name,
        "FC_FUNCTION_HANDLER": spec.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "FC_FUNC_CODE_PATH": str(spec.code),
        version: spec.version,
    }

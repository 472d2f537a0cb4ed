"""Layers as they were built and as they stand on an account. Knows no function and no template."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ConfigurationError
from tools.deploy.serverless import DeployError
from tools.layer.contents import LAYERS

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from tools.deploy.serverless import ServerlessDevs

RUNTIMES: Final = "python3.12,custom.debian11,custom.debian12"
"""What the layers' wheels can run on: Python 3.12 on x86_64."""


@dataclass(frozen=True, slots=True)
class LayerZip:
    """A layer that was built.

    Attributes:
        name: what it is called on the account.
        variable: tells the templates its version.
        path: its zip.
    """

    name: str
    variable: str
    path: Path

    @property
    def digest(self) -> str:
        """What the layer's description on the account says of its content."""
        return f"sha256 {hashlib.sha256(self.path.read_bytes()).hexdigest()}"


def zips_of(names: AbstractSet[str], dist: Path) -> tuple[LayerZip, ...]:
    """Those of these layers that are built here, which others may not be.

    Raises ConfigurationError when one of them was not built.
    """
    found = tuple(
        LayerZip(one.name, one.variable, dist / one.zip.name) for one in LAYERS if one.name in names
    )
    for one in found:
        if not one.path.is_file():
            raise ConfigurationError(f"{one.path} does not exist; run ./dev layer")
    return found


@dataclass(frozen=True, slots=True)
class AccountLayers:
    """The layers of an account in a region."""

    serverless: ServerlessDevs
    region: str

    def publish(self, layer: LayerZip) -> int:
        """The layer's version, a new one when its content is not that of the newest."""
        told = self.serverless.run(
            # Without an s.yaml, which would repeat the command for each function.
            *("cli", "fc3", "layer", "publish", *self._place(layer)),
            *("--code", str(layer.path.resolve())),
            *("--compatible-runtime", RUNTIMES),
            *("--description", layer.digest),
            quiet=True,
        )
        versions = [int(found) for found in _version_of(layer).findall(told)]
        if not versions:
            raise DeployError(
                f"the layer {layer.name} was not published: `s` names no version of it:\n{told}"
            )
        return max(versions)

    def planned(self, layer: LayerZip) -> tuple[int, str]:
        """The version that `publish` would return, and what that means, in words."""
        newest = self._newest(layer)
        if newest is None:
            return 1, "is not on the account yet; version 1 would be published"
        version, description = newest
        if description == layer.digest:
            return version, f"is published as version {version}"
        return version + 1, f"differs from version {version}; another would be published"

    def _newest(self, layer: LayerZip) -> tuple[int, str] | None:
        """Version and description of the newest on the account."""
        words = ("cli", "fc3", "layer", "versions", *self._place(layer))
        found = [
            (int(match[1]), str(one.get("description", "")))
            for one in self.serverless.objects(*words)
            if (match := _version_of(layer).search(str(one.get("layerVersionArn", ""))))
        ]
        return max(found, default=None)

    def _place(self, layer: LayerZip) -> tuple[str, ...]:
        return ("--region", self.region, "--layer-name", layer.name)


def _version_of(layer: LayerZip) -> re.Pattern[str]:
    """The version in an ARN of this layer."""
    return re.compile(rf"layers/{re.escape(layer.name)}/versions/(\d+)")

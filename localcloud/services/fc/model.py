"""Functions with their versions, aliases, triggers and settings, as the control plane has them. Runs nothing.

Configurations are kept as they came, in the vendor's words: what was sent is what is answered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.functions.spec import DEFAULT_ACCOUNT_ID, DEFAULT_REGION, LATEST
from localcloud.services.fc.codes import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.settings import AsyncSettings
    from localcloud.functions.model import FunctionModel
    from localcloud.functions.spec import Trigger
    from localcloud.services.fc.archives import Archive


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of a layer."""

    region: str
    name: str
    version: int
    archive: Archive
    record: JsonObject

    @property
    def arn(self) -> str:
        """What functions name it by."""
        return f"acs:fc:{self.region}:{DEFAULT_ACCOUNT_ID}:layers/{self.name}/versions/{self.version}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a version of a function is: its configuration, code and layers.

    Attributes:
        config: as it came, with defaults.
        model: what matters to a run of it.
        archive: the code; None for a container.
        layers: those of `config`, in its order; None for one of FC's own public layers.
        opt: the folder that stands for /opt; None without layers.
        modified: when it became so.
    """

    config: JsonObject
    model: FunctionModel
    archive: Archive | None
    layers: tuple[LayerVersion | None, ...]
    opt: Path | None
    modified: str


@dataclass(frozen=True, slots=True)
class Version:
    """A published version."""

    snapshot: Snapshot
    description: str
    created: str

    def record(self, number: str) -> JsonObject:
        """As FC answers it."""
        return {
            "versionId": number,
            "description": self.description,
            "createdTime": self.created,
            "lastModifiedTime": self.created,
        }


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for one version, or for one and a share of another.

    Attributes:
        weights: share of the invocations, 0 to 1, that other versions get.
    """

    version: str
    weights: dict[str, float]
    description: str
    created: str
    modified: str

    def record(self, name: str) -> JsonObject:
        """As FC answers it."""
        record: JsonObject = {
            "aliasName": name,
            "versionId": self.version,
            "description": self.description,
            "createdTime": self.created,
            "lastModifiedTime": self.modified,
        }
        return {**record, "additionalVersionWeight": {**self.weights}} if self.weights else record


@dataclass(frozen=True, slots=True)
class TriggerEntry:
    """A trigger.

    Attributes:
        record: as it came, with what FC adds.
        effect: what it does here; None when its type does nothing here.
    """

    record: JsonObject
    effect: Trigger | None

    @property
    def qualifier(self) -> str:
        """The version or alias that it invokes."""
        return str(self.record["qualifier"])


@dataclass(frozen=True, slots=True)
class AsyncConfig:
    """The setting of asynchronous invocations."""

    record: JsonObject
    settings: AsyncSettings


@dataclass(slots=True)
class Function:
    """A function and all that belongs to it. The settings are kept by qualifier.

    Attributes:
        key: its key in the deployment.
        restriction: why it must not be invoked, as `invocationRestriction`; None when it may.
        published: the number of the last published version, deleted or not.
    """

    key: str
    name: str
    region: str
    id: str
    created: str
    latest: Snapshot
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    published: int = 0
    aliases: dict[str, Alias] = field(default_factory=dict)
    triggers: dict[str, TriggerEntry] = field(default_factory=dict)
    asynchronous: dict[str, AsyncConfig] = field(default_factory=dict)
    provisions: dict[str, JsonObject] = field(default_factory=dict)
    scalings: dict[str, JsonObject] = field(default_factory=dict)
    reserved: int | None = None
    vpcs: list[str] = field(default_factory=list)
    restriction: JsonObject | None = None

    def arn(self, qualifier: str = LATEST) -> str:
        """Its name in all of the cloud; that of LATEST names no version."""
        arn = f"acs:fc:{self.region}:{DEFAULT_ACCOUNT_ID}:functions/{self.name}"
        return arn if qualifier == LATEST else f"{arn}/{qualifier}"

    def key_of(self, qualifier: str) -> str:
        """The key of a version or alias in the deployment."""
        return self.key if qualifier == LATEST else f"{self.key}@{qualifier}"

    def snapshot(self, qualifier: str) -> Snapshot:
        """What a version, or an alias without its weights, is; refuses one that is not there."""
        if qualifier == LATEST:
            return self.latest
        alias = self.aliases.get(qualifier)
        version = self.versions.get(alias.version if alias is not None else qualifier)
        if version is None:
            raise missing(
                "Version" if qualifier.isdecimal() else "Alias", qualifier, f"function '{self.name}'"
            )
        return version.snapshot

    def qualifiers(self) -> Iterator[str]:
        """LATEST, then the published versions."""
        yield LATEST
        yield from self.versions

    def chosen(self, qualifier: str, chance: float) -> str:
        """The version that an invocation runs. `chance`, 0 to 1, decides where an alias has weights."""
        alias = self.aliases.get(qualifier)
        if alias is None:
            return qualifier
        for version, weight in alias.weights.items():
            chance -= weight
            if chance < 0:
                return version
        return alias.version

    def version_of(self, qualifier: str) -> str:
        """The version that a qualifier means, of an alias that without its weights."""
        alias = self.aliases.get(qualifier)
        return qualifier if alias is None else alias.version

    def provisioned(self, version: str) -> int:
        """Instances that are started beforehand, for a version and for the aliases that name it."""
        return sum(
            self._asked_for(qualifier)
            for qualifier in (version, *self.aliases)
            if self.version_of(qualifier) == version
        )

    def _asked_for(self, qualifier: str) -> int:
        target = self.provisions.get(qualifier, {}).get("target")
        least = self.scalings.get(qualifier, {}).get("minInstances")
        return max((one for one in (target, least) if isinstance(one, int)), default=0)


class Functions:
    """The functions of an account, by region and name. Draws for aliases come from a seed."""

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str], Function] = {}
        self.chance = random.Random(0).random  # noqa: S311 - no secret is made of it

    def all(self, region: str = "") -> list[Function]:
        """Those of a region, or of all, in the order they were made."""
        return [one for (place, _), one in self._functions.items() if region in {"", place}]

    def find(self, region: str, name: str) -> Function | None:
        """The function of that name; without a region, that of the default region goes first."""
        found = self._functions.get((region or DEFAULT_REGION, name))
        if found is not None or region:
            return found
        return next((one for (_, known), one in self._functions.items() if known == name), None)

    def get(self, region: str, name: str) -> Function:
        """The same; refuses a name that is not there."""
        found = self.find(region, name)
        if found is None:
            raise missing("Function", name)
        return found

    def put(self, function: Function) -> None:
        """Keeps a new function."""
        self._functions[function.region, function.name] = function

    def remove(self, function: Function) -> None:
        """Forgets a function and all that belongs to it."""
        del self._functions[function.region, function.name]

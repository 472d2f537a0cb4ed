"""A deployment with `s`: the layer first, then what names its version, then a look at what came of it.

Exit codes of `s` say little (deploying a wrong s.yaml ends with 0), so the account is looked at afterwards.
Stores nothing. Knows no account: where `s` goes is in its environment.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ConfigurationError
from tools.deploy.comparison import LAYER, Difference, Wanted, differences, merged, question, read_wanted
from tools.deploy.serverless import DeployError, ServerlessDevs
from tools.template.enlist_rules import own_variables
from tools.template.lint import lint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fctoolkit.jsontypes import JsonObject

RUNTIMES: Final = "python3.12,custom.debian11,custom.debian12"
"""What the layer's wheels can run on: Python 3.12 on x86_64."""

VERSION_VARIABLE: Final = "ENLIST_LAYER_VERSION"

MISSING_TRIGGER: Final = "TriggerNotFound"
"""FC's code for it, which fc3 shows."""

_VERSION: Final = re.compile(rf"layers/{LAYER}/versions/(\d+)")


def _show(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is deployed, and with what.

    Attributes:
        serverless: the `s` command.
        template: the s.yaml.
        layer: the layer's zip.
        functions: what the template holds.
        tell: gets each line about how it goes.
    """

    serverless: ServerlessDevs
    template: Path
    layer: Path
    functions: tuple[Wanted, ...]
    tell: Callable[[str], None] = _show

    @classmethod
    def of(
        cls,
        serverless: ServerlessDevs,
        template: Path,
        layer: Path,
        tell: Callable[[str], None] = _show,
    ) -> Deployment:
        """The deployment of a template as the environment of `s` completes it.

        Raises ConfigurationError for a template that the linter refuses, or that has several regions; for a
        layer that was not built.
        """
        environment = serverless.environment
        functions = read_wanted(template, environment)
        regions = sorted({function.region for function in functions})
        if len(regions) != 1:
            found = ", ".join(regions) or "no function"
            raise ConfigurationError(f"{template}: all functions must be in one region, found {found}")
        problems = lint(template, own_variables(environment)).problems
        if wrong := [str(one) for one in problems if not one.is_note]:
            raise ConfigurationError("\n".join(["the template has problems", *wrong]))
        if not layer.is_file():
            raise ConfigurationError(f"{layer} does not exist; run ./dev layer")
        return cls(serverless, template, layer, functions, tell)

    def plan(self) -> str:
        """Tells what `deploy` would change, and returns what `s plan` said of it. Changes nothing."""
        newest = self._newest_layer()
        if newest is None:
            version, told = 1, "is not on the account yet; version 1 would be published"
        elif newest[1] == self._digest():
            version, told = newest[0], f"is published as version {newest[0]}"
        else:
            version, told = newest[0] + 1, f"differs from version {newest[0]}; another would be published"
        self.tell(f"layer {LAYER} {told}")
        self._project("verify", version=version)
        return self._project("plan", version=version)

    def deploy(self) -> int:
        """Brings the account to what the template says, or raises DeployError with what is not so.

        Returns the version of the layer that the functions have.
        """
        self.tell(f"layer {LAYER}: publishing {self.layer.name} in {self._region()}")
        version = self._publish_layer()
        self.tell(f"layer {LAYER}: version {version}")
        self._project("verify", version=version)
        failure = self._deploy_all(version)
        deployed = self._deployed()
        found = self._differences(deployed, version)
        for function, triggers in _alone(found):
            names = ",".join(triggers)
            self.tell(f"{function.name}: fc3 left out {names}; deploying only that")
            self._project(function.key, "deploy", "--trigger", names, "--assume-yes", version=version)
        if failure is not None:
            self._project("deploy", "--assume-yes", version=version)
        if found:
            deployed = self._deployed()
            found = self._differences(deployed, version)
        if found:
            raise DeployError("not as the template says: " + "; ".join(map(str, found)))
        self._tell_addresses(deployed)
        return version

    def remove(self) -> None:
        """Lets `s` take the functions away with all that belongs to them; layers stay."""
        self._project("remove", "--assume-yes")

    def invoke(self, function: Wanted, event: Path) -> str:
        """What `s` shows of an invocation with the event in a file."""
        return self._project(function.key, "invoke", "--event-file", str(event.resolve()))

    def _deploy_all(self, version: int) -> DeployError | None:
        """Deploys; the error when fc3 left a trigger out that is not there yet.

        It looks for each trigger afterwards, ends with an error when one is missing, and goes no further.
        """
        try:
            self._project("deploy", "--assume-yes", version=version)
        except DeployError as error:
            if MISSING_TRIGGER not in error.output:
                raise
            return error
        return None

    def _publish_layer(self) -> int:
        """The layer's version, a new one when its content is not that of the newest."""
        told = self._layer(
            "publish",
            *("--code", str(self.layer.resolve())),
            *("--compatible-runtime", RUNTIMES),
            *("--description", self._digest()),
        )
        versions = [int(found) for found in _VERSION.findall(told)]
        if not versions:
            raise DeployError(f"the layer was not published: `s` names no version of it:\n{told}")
        return max(versions)

    def _newest_layer(self) -> tuple[int, str] | None:
        """Version and description of the newest layer on the account."""
        found = [
            (int(match[1]), str(one.get("description", "")))
            for one in self.serverless.objects("cli", "fc3", "layer", "versions", *self._layer_name())
            if (match := _VERSION.search(str(one.get("layerVersionArn", ""))))
        ]
        return max(found, default=None)

    def _deployed(self) -> Mapping[str, JsonObject]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.yaml"
            # JSON is YAML.
            file.write_text(json.dumps(question(self.functions)), encoding="utf-8")
            return merged(self.serverless.objects("info", "--template", str(file)))

    def _differences(self, deployed: Mapping[str, JsonObject], version: int) -> list[Difference]:
        return [one for function in self.functions for one in differences(function, deployed, version)]

    def _tell_addresses(self, deployed: Mapping[str, JsonObject]) -> None:
        for function in self.functions:
            url = deployed[function.name].get("url")
            address = url.get("system_url", "") if isinstance(url, dict) else ""
            self.tell(f"deployed {function.name} {address}".rstrip())

    def _layer(self, command: str, *arguments: str) -> str:
        # Without an s.yaml, which would repeat the command for each function.
        return self.serverless.run(
            "cli", "fc3", "layer", command, *self._layer_name(), *arguments, quiet=True
        )

    def _layer_name(self) -> tuple[str, ...]:
        return ("--region", self._region(), "--layer-name", LAYER)

    def _project(self, *words: str, version: int = 1) -> str:
        template = ("--template", str(self.template))
        return self.serverless.run(*words, *template, variables=_variables(version))

    def _region(self) -> str:
        return self.functions[0].region

    def _digest(self) -> str:
        """What the layer's description on the account says of its content."""
        return f"sha256 {hashlib.sha256(self.layer.read_bytes()).hexdigest()}"


def _alone(found: Iterable[Difference]) -> Iterable[tuple[Wanted, list[str]]]:
    """The triggers to deploy alone, by function."""
    triggers: dict[str, tuple[Wanted, list[str]]] = {}
    for one in found:
        if one.trigger:
            triggers.setdefault(one.function.key, (one.function, []))[1].append(one.trigger)
    return triggers.values()


def _variables(version: int) -> Mapping[str, str]:
    return {VERSION_VARIABLE: str(version)}

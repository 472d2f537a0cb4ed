"""A deployment with `s`: layers first, then what names their versions, then a look at what came of it.

Exit codes of `s` say little (deploying a wrong s.yaml ends with 0), so the account is looked at afterwards.
Stores nothing. Knows no account: where `s` goes is in its environment.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ConfigurationError
from tools.deploy.comparison import Difference, Wanted, differences, merged, question, read_wanted
from tools.deploy.layers import AccountLayers, LayerZip, zips_of
from tools.deploy.serverless import DeployError, ServerlessDevs
from tools.template.enlist_rules import own_variables
from tools.template.lint import lint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fctoolkit.jsontypes import JsonObject

MISSING_TRIGGER: Final = "TriggerNotFound"
"""FC's code for it, which fc3 shows."""


def _show(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is deployed, and with what.

    Attributes:
        serverless: the `s` command.
        template: the s.yaml.
        layers: the zips of the layers that its functions name.
        functions: what the template holds.
        tell: gets each line about how it goes.
    """

    serverless: ServerlessDevs
    template: Path
    layers: tuple[LayerZip, ...]
    functions: tuple[Wanted, ...]
    tell: Callable[[str], None] = _show

    @classmethod
    def of(
        cls,
        serverless: ServerlessDevs,
        template: Path,
        dist: Path,
        tell: Callable[[str], None] = _show,
    ) -> Deployment:
        """The deployment of a template as the environment of `s` completes it, with the layers in `dist`.

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
        layers = zips_of({name for function in functions for name in function.layers}, dist)
        return cls(serverless, template, layers, functions, tell)

    def plan(self) -> str:
        """Tells what `deploy` would change, and returns what `s plan` said of it. Changes nothing."""
        account, versions = self._account_layers(), {}
        for layer in self.layers:
            versions[layer.name], told = account.planned(layer)
            self.tell(f"layer {layer.name} {told}")
        self._project("verify", versions=versions)
        return self._project("plan", versions=versions)

    def deploy(self) -> Mapping[str, int]:
        """Brings the account to what the template says, or raises DeployError with what is not so.

        Returns the versions of the layers that the functions have, by their names.
        """
        account, versions = self._account_layers(), {}
        for layer in self.layers:
            self.tell(f"layer {layer.name}: publishing {layer.path.name} in {self._region()}")
            versions[layer.name] = account.publish(layer)
            self.tell(f"layer {layer.name}: version {versions[layer.name]}")
        self._project("verify", versions=versions)
        failure = self._deploy_all(versions)
        deployed = self._deployed()
        found = self._differences(deployed, versions)
        for function, triggers in _alone(found):
            names = ",".join(triggers)
            self.tell(f"{function.name}: fc3 left out {names}; deploying only that")
            self._project(function.key, "deploy", "--trigger", names, "--assume-yes", versions=versions)
        if failure is not None:
            self._project("deploy", "--assume-yes", versions=versions)
        if found:
            deployed = self._deployed()
            found = self._differences(deployed, versions)
        if found:
            raise DeployError("not as the template says: " + "; ".join(map(str, found)))
        self._tell_addresses(deployed)
        return versions

    def remove(self) -> None:
        """Lets `s` take the functions away with all that belongs to them; layers stay."""
        self._project("remove", "--assume-yes")

    def invoke(self, function: Wanted, event: Path) -> str:
        """What `s` shows of an invocation with the event in a file."""
        return self._project(function.key, "invoke", "--event-file", str(event.resolve()))

    def _deploy_all(self, versions: Mapping[str, int]) -> DeployError | None:
        """Deploys; the error when fc3 left a trigger out that is not there yet.

        It looks for each trigger afterwards, ends with an error when one is missing, and goes no further.
        """
        try:
            self._project("deploy", "--assume-yes", versions=versions)
        except DeployError as error:
            if MISSING_TRIGGER not in error.output:
                raise
            return error
        return None

    def _deployed(self) -> Mapping[str, JsonObject]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.yaml"
            # JSON is YAML.
            file.write_text(json.dumps(question(self.functions)), encoding="utf-8")
            return merged(self.serverless.objects("info", "--template", str(file)))

    def _differences(
        self, deployed: Mapping[str, JsonObject], versions: Mapping[str, int]
    ) -> list[Difference]:
        return [one for function in self.functions for one in differences(function, deployed, versions)]

    def _tell_addresses(self, deployed: Mapping[str, JsonObject]) -> None:
        for function in self.functions:
            url = deployed[function.name].get("url")
            address = url.get("system_url", "") if isinstance(url, dict) else ""
            self.tell(f"deployed {function.name} {address}".rstrip())

    def _project(self, *words: str, versions: Mapping[str, int] | None = None) -> str:
        """Lets `s` do something with the template, which names these versions of the layers, or the first."""
        template = ("--template", str(self.template))
        variables = {one.variable: str((versions or {}).get(one.name, 1)) for one in self.layers}
        return self.serverless.run(*words, *template, variables=variables)

    def _account_layers(self) -> AccountLayers:
        return AccountLayers(self.serverless, self._region())

    def _region(self) -> str:
        return self.functions[0].region


def _alone(found: Iterable[Difference]) -> Iterable[tuple[Wanted, list[str]]]:
    """The triggers to deploy alone, by function."""
    triggers: dict[str, tuple[Wanted, list[str]]] = {}
    for one in found:
        if one.trigger:
            triggers.setdefault(one.function.key, (one.function, []))[1].append(one.trigger)
    return triggers.values()

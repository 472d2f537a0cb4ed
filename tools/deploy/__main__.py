"""`./dev deploy [--plan]`: publishes the layer, names its version, deploys; thin over Serverless Devs' `s`.

FC knows no "latest" layer: a function names a version, and fc3 publishes none by itself. So the layer goes
first, the version that comes back goes into the environment that s.yaml reads, and `s deploy` does the rest.
The layer is published only when its content has changed: its build is reproducible, fc3 compares checksums.

Exit codes of `s` say little (deploying a wrong s.yaml ends with 0), so the account is looked at afterwards.
Stores nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ConfigurationError, ToolkitError
from tools.deploy.comparison import LAYER, Difference, Wanted, differences, merged, question, read_wanted
from tools.deploy.serverless import DeployError, ServerlessDevs
from tools.template.enlist_rules import own_variables
from tools.template.lint import lint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject

ROOT: Final = Path(__file__).resolve().parents[2]

RUNTIMES: Final = "python3.12,custom.debian11,custom.debian12"
"""What the layer's wheels can run on: Python 3.12 on x86_64."""

VERSION_VARIABLE: Final = "ENLIST_LAYER_VERSION"

MISSING_TRIGGER: Final = "TriggerNotFound"
"""FC's code for it, which fc3 shows."""

_VERSION: Final = re.compile(rf"layers/{LAYER}/versions/(\d+)")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is deployed, and with what.

    Attributes:
        serverless: the `s` command.
        template: the s.yaml.
        layer: the layer's zip.
        functions: what the template holds.
    """

    serverless: ServerlessDevs
    template: Path
    layer: Path
    functions: tuple[Wanted, ...]

    def plan(self) -> None:
        """Tells what `deploy` would change. Changes nothing."""
        newest = self._newest_layer()
        if newest is None:
            version, told = 1, "is not on the account yet; version 1 would be published"
        elif newest[1] == self._digest():
            version, told = newest[0], f"is published as version {newest[0]}"
        else:
            version, told = newest[0] + 1, f"differs from version {newest[0]}; another would be published"
        print(f"layer {LAYER} {told}", flush=True)
        self._project("verify", version=version)
        self._project("plan", version=version)

    def deploy(self) -> None:
        """Brings the account to what the template says, or raises DeployError with what is not so."""
        print(f"layer {LAYER}: publishing {self.layer.name} in {self._region()}", flush=True)
        version = self._publish_layer()
        print(f"layer {LAYER}: version {version}", flush=True)
        self._project("verify", version=version)
        failure = self._deploy_all(version)
        found = self._differences(version)
        for function, triggers in _alone(found):
            names = ",".join(triggers)
            print(f"{function.name}: fc3 left out {names}; deploying only that", flush=True)
            self._project(function.key, "deploy", "--trigger", names, "--assume-yes", version=version)
        if failure is not None:
            self._project("deploy", "--assume-yes", version=version)
        if found := self._differences(version) if found else []:
            raise DeployError("not as the template says: " + "; ".join(map(str, found)))
        self._tell()

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

    def _differences(self, version: int) -> list[Difference]:
        deployed = self._deployed()
        return [one for function in self.functions for one in differences(function, deployed, version)]

    def _tell(self) -> None:
        deployed = self._deployed()
        for function in self.functions:
            url = deployed[function.name].get("url")
            address = url.get("system_url", "") if isinstance(url, dict) else ""
            print(f"deployed {function.name} {address}".rstrip())

    def _layer(self, command: str, *arguments: str) -> str:
        # Without an s.yaml, which would repeat the command for each function.
        return self.serverless.run(
            "cli", "fc3", "layer", command, *self._layer_name(), *arguments, quiet=True
        )

    def _layer_name(self) -> tuple[str, ...]:
        return ("--region", self._region(), "--layer-name", LAYER)

    def _project(self, *words: str, version: int) -> None:
        self.serverless.run(*words, "--template", str(self.template), variables=_variables(version))

    def _region(self) -> str:
        return self.functions[0].region

    def _digest(self) -> str:
        """What the layer's description on the account says of its content."""
        return f"sha256 {hashlib.sha256(self.layer.read_bytes()).hexdigest()}"


def main(arguments: Sequence[str]) -> int:
    """Deploys, or with --plan only tells; 0 when the account is as the template says."""
    options = _parser().parse_args(arguments)
    try:
        deployment = _deployment(options)
        if options.plan:
            deployment.plan()
        else:
            deployment.deploy()
    except ToolkitError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("deploy: interrupted; what was done stays, deploy again for the rest", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev deploy", description="Publishes the layer and deploys.")
    parser.add_argument("--plan", action="store_true", help="tell what would change, change nothing")
    parser.add_argument(
        "-t", "--template", type=Path, default=ROOT / "s.yaml", metavar="FILE", help="default: s.yaml"
    )
    parser.add_argument(
        "-a", "--access", default="", metavar="NAME", help="credentials kept by `./dev s config add`"
    )
    parser.add_argument("--program", default="s", help=argparse.SUPPRESS)
    parser.add_argument("--layer", type=Path, default=ROOT / "dist/enlist-layer.zip", help=argparse.SUPPRESS)
    return parser


def _deployment(options: argparse.Namespace) -> Deployment:
    functions = read_wanted(options.template, os.environ)
    regions = sorted({function.region for function in functions})
    if len(regions) != 1:
        found = ", ".join(regions) or "no function"
        raise ConfigurationError(f"{options.template}: all functions must be in one region, found {found}")
    if wrong := [
        str(one) for one in lint(options.template, own_variables(os.environ)).problems if not one.is_note
    ]:
        raise ConfigurationError("\n".join(["the template has problems", *wrong]))
    if not options.layer.is_file():
        raise ConfigurationError(f"{options.layer} does not exist; run ./dev layer")
    serverless = ServerlessDevs(options.program, options.access)
    return Deployment(serverless, options.template, options.layer, functions)


def _alone(found: Iterable[Difference]) -> Iterable[tuple[Wanted, list[str]]]:
    """The triggers to deploy alone, by function."""
    triggers: dict[str, tuple[Wanted, list[str]]] = {}
    for one in found:
        if one.trigger:
            triggers.setdefault(one.function.key, (one.function, []))[1].append(one.trigger)
    return triggers.values()


def _variables(version: int) -> Mapping[str, str]:
    return {VERSION_VARIABLE: str(version)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

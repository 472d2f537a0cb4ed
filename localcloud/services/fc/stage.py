"""Brings the functions of the control plane onto the deployment, where they run. Knows no request.

Each version is a function of its own there; an alias is one that runs as others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.delivery.settings import AsyncSettings
from localcloud.errors import Refusal
from localcloud.services.base import NOT_IMPLEMENTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.functions.deployment import Deployment
    from localcloud.functions.spec import FunctionSpec, Trigger
    from localcloud.services.fc.model import Function, Functions


class Stage:
    """What of the control plane's functions is on the deployment.

    Args:
        functions: all there are.
        hosting: the ways to the functions that run; makes them when there are none.
        behaviour: the variants in force.
    """

    def __init__(
        self,
        functions: Functions,
        hosting: Callable[[], Deliveries],
        behaviour: Callable[[], Behaviour],
    ) -> None:
        self._functions = functions
        self._hosting = hosting
        self._behaviour = behaviour
        self._shown: dict[str, dict[str, FunctionSpec]] = {}

    def deliveries(self) -> Deliveries:
        """The ways to the functions that run."""
        return self._hosting()

    def key_for(self, region: str, name: str) -> str:
        """The key of a new function: that of a template's function whose place it takes, or its name.

        Where something else has the name for a key, the region goes before it.
        """
        there = self._hosting().deployment.functions
        for spec in there:
            if (spec.region, spec.name) == (region, name):
                return spec.key
        return f"{region}:{name}" if any(spec.key == name for spec in there) else name

    def show(self, function: Function) -> None:
        """Lets the deployment run a function as it is now. What did not change keeps its instances."""
        deployment = self._hosting().deployment
        before = self._shown.get(function.key, {})
        wanted = _specs(function)
        aliases = {function.key_of(name) for name in function.aliases}
        for key in before.keys() - wanted.keys():
            deployment.remove(key)
        for key, spec in wanted.items():
            if before.get(key) == spec:
                continue
            if key in aliases:
                self._put_alias(deployment, function, spec)
            else:
                deployment.put(spec, python=self._interpreter(spec))
        self._shown[function.key] = wanted

    def hide(self, function: Function) -> None:
        """Takes a function and all its versions off the deployment."""
        deployment = self._hosting().deployment
        for key in self._shown.pop(function.key, {}):
            deployment.remove(key)

    def instances(self, function: Function, version: str) -> dict[str, float]:
        """The ids of a version's instances and since when they are there; none for what is not run here."""
        key = function.key_of(version)
        if key not in self._shown.get(function.key, {}):
            return {}
        return self._hosting().deployment.instances(key)

    def provisioned(self, function: Function, qualifier: str) -> int:
        """How many provisioned instances of the version that a qualifier means are ready."""
        key = function.key_of(function.version_of(qualifier))
        if key not in self._shown.get(function.key, {}):
            return 0
        return self._hosting().deployment.provisioned(key)

    def _put_alias(self, deployment: Deployment, function: Function, spec: FunctionSpec) -> None:
        name = spec.version

        def chosen() -> str:
            return function.key_of(function.chosen(name, self._functions.chance()))

        deployment.put_alias(spec, chosen)

    def _interpreter(self, spec: FunctionSpec) -> Callable[[], Path]:
        def python() -> Path:
            # Only who runs functions needs what finds their Python.
            from localcloud.runtime.exchange import NotStartedError  # noqa: PLC0415
            from localcloud.runtime.interpreters import interpreter_for  # noqa: PLC0415

            try:
                return interpreter_for(spec, Path(sys.executable))
            except NotStartedError:
                if self._behaviour().function_python == "any" and _is_pure(spec):
                    return Path(sys.executable)
                raise

        return python


def spec_of(function: Function, qualifier: str) -> FunctionSpec:
    """A version as the deployment runs it; refuses a runtime that is not run here."""
    # Only who has functions needs what runs them.
    from localcloud.runtime.process import CUSTOM_RUNTIMES, RUNTIMES  # noqa: PLC0415

    snapshot = function.snapshot(qualifier)
    model = snapshot.model
    if snapshot.archive is None or model.runtime not in (*RUNTIMES, *CUSTOM_RUNTIMES):
        raise Refusal(
            501,
            NOT_IMPLEMENTED,
            f"the local cloud does not run functions on {model.runtime}; "
            f"it runs {', '.join((*RUNTIMES, *CUSTOM_RUNTIMES))}.",
        )
    spec = model.spec(
        key=function.key_of(qualifier),
        name=function.name,
        code=snapshot.archive.folder,
        region=function.region,
        layers=(snapshot.opt,) if snapshot.opt is not None else (),
    )
    setting = function.asynchronous.get(qualifier)
    return replace(
        spec,
        version=qualifier,
        code_checksum=snapshot.archive.checksum,
        # Nothing runs of a function that must not be invoked, whoever asks.
        reserved=function.reserved if function.restriction is None else 0,
        provisioned=function.provisioned(qualifier),
        asynchronous=setting.settings if setting is not None else AsyncSettings(),
        triggers=_triggers(function, qualifier),
    )


def _specs(function: Function) -> dict[str, FunctionSpec]:
    """Everything of a function that can run here, by its key."""
    specs: dict[str, FunctionSpec] = {}
    for qualifier in (*function.qualifiers(), *function.aliases):
        try:
            specs[function.key_of(qualifier)] = spec_of(function, qualifier)
        except Refusal:
            # Its runtime is not run here, which whoever invokes it is told.
            continue
    return specs


def _triggers(function: Function, qualifier: str) -> tuple[Trigger, ...]:
    entries = (entry for entry in function.triggers.values() if entry.qualifier == qualifier)
    return tuple(entry.effect for entry in entries if entry.effect is not None)


def _is_pure(spec: FunctionSpec) -> bool:
    """Whether any Python can run it: no layers, and nothing compiled."""
    if spec.layers or spec.custom is not None:
        return False
    return not any(path.suffix in {".so", ".pyd"} for path in spec.code.rglob("*"))

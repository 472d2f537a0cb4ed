"""The steps of a deployment to the local cloud. Each looks at its state, and never at an exit code alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx2

from localcloud.checksums import crc64
from localcloud.functions.spec import EventBridgeTrigger
from localcloud.template.reading import read_template
from tools.deploy.serverless import DeployError
from tools.deploylocal.standing import changes, checksums, functions_of, layers_of, wrong_with

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from tools.deploy.comparison import Wanted
    from tools.deploy.deployment import Deployment

ADMIN: Final = "/_localcloud"
LONGEST: Final = 180.0
"""Seconds that the local cloud may take for an answer: a function may run before it answers."""


@dataclass(slots=True)
class Steps:
    """A deployment to the local cloud at `url`, step by step; each raises DeployError with what is wrong.

    Attributes:
        url: where the local cloud is.
        event: what both functions are invoked with.
        bus: events that are put on the bus.
        tell: gets a line a step: its name and what was looked at.
    """

    deployment: Deployment
    url: str
    event: Path
    bus: tuple[Path, ...]
    tell: Callable[[str, str], None]
    _versions: Mapping[str, int] = field(default_factory=dict, init=False)

    def run(self, *, keep: bool) -> None:
        """All steps; with `keep` the functions stay."""
        self.plan_of_nothing()
        self.deploy()
        self.deploy_again()
        self.plan_of_what_is_there()
        for function in self.deployment.functions:
            self.invoke(function)
        for event in self.bus:
            self.put(event)
        if not keep:
            self.remove()

    def plan_of_nothing(self) -> None:
        """A plan tells of every function and changes nothing."""
        before = functions_of(self._state())
        plan = self.deployment.plan()
        told = {one.resource for one in changes(plan)}
        unsaid = [one.key for one in self._functions if one.name not in before and one.key not in told]
        self._check([f"{key}: the plan tells nothing of it" for key in unsaid])
        self._check(["the plan changed something"] if functions_of(self._state()) != before else [])
        self.tell("verify, plan", f"{len(told)} to make or change, nothing made")

    def deploy(self) -> None:
        """The layers are published, and all is as the template says."""
        self._versions = self.deployment.deploy()
        state = self._state()
        told = []
        for layer in self.deployment.layers:
            version = self._versions[layer.name]
            published = layers_of(state, layer.name).get(version)
            wanted = str(crc64(layer.path.read_bytes()))
            if published != wanted:
                raise DeployError(
                    f"version {version} of the layer {layer.name} has the checksum {published}, its file "
                    f"{wanted}"
                )
            told.append(f"{layer.name} version {version}, checksum {wanted} as its file")
        self._check_standing(state)
        self.tell("layer publish", "; ".join(told) or "none is named")
        triggers = sum(len(one.triggers) for one in self._functions)
        self.tell(
            "deploy, info", f"{len(self._functions)} functions with code, {triggers} triggers, settings"
        )

    def deploy_again(self) -> None:
        """Nothing has changed, so no code is uploaded and no layer published."""
        before, uploads = self._state(), self._uploads()
        versions = self.deployment.deploy()
        after = self._state()
        if versions != self._versions or any(
            layers_of(after, name) != layers_of(before, name) for name in versions
        ):
            raise DeployError(f"layers were published again; their versions are {versions}")
        if checksums(functions_of(after), self._functions) != checksums(
            functions_of(before), self._functions
        ):
            raise DeployError("a second deployment changed the code of a function")
        if again := self._uploads() - uploads:
            raise DeployError(f"a second deployment uploaded code that was there already, {again} times")
        self._check_standing(after)
        self.tell("deploy again", "no layer published, no code uploaded, the same state")

    def plan_of_what_is_there(self) -> None:
        """After a deployment a plan is clean."""
        plan = self.deployment.plan()
        missing = [one.key for one in self._functions if f"{one.key}:" not in plan.splitlines()]
        self._check([f"{key}: the plan does not tell of it" for key in missing])
        self._check([f"the plan is not clean: {one}" for one in changes(plan)])
        self.tell("plan", "clean, but for tags, which fc3 spells in small letters and the API does not")

    def invoke(self, function: Wanted) -> None:
        """The function runs the code that was deployed, and does not fail."""
        before = len(self._invocations(function))
        told = self.deployment.invoke(function, self.event)
        checksum = checksums(functions_of(self._state()), [function])[function.name]
        if "Error Type:" in told:
            raise DeployError(f"{function.name} failed:\n{told}")
        if f"Code Checksum: {checksum}" not in told:
            raise DeployError(f"{function.name} did not run the code {checksum}:\n{told}")
        calls = self._invocations(function)[before:]
        if [one["status"] for one in calls] != [200]:
            raise DeployError(f"{function.name}: the local cloud saw {calls or 'no invocation'}")
        self.tell("invoke", f"{function.name} ran code {checksum}")

    def put(self, file: Path) -> None:
        """An event on the bus comes to the functions whose rules match, and to no other; none fails."""
        event = json.loads(file.read_bytes())
        wanted = sorted(self._matching(event))
        answer = self._admin("POST", "events", event)
        told = answer.get("deliveries")
        deliveries = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        if sorted(str(one["rule"]) for one in deliveries) != wanted:
            raise DeployError(f"{file.name}: expected {wanted or 'no rule'} to match, got {answer}")
        self._check(
            [f"{one['rule']} failed: {one['result']}" for one in deliveries if one["errorType"]],
        )
        self.tell("event", f"{file.name} through {', '.join(wanted) or 'no rule: none matches'}")

    def remove(self) -> None:
        """Functions and rules are gone."""
        self.deployment.remove()
        left = functions_of(self._state()).keys() & {one.name for one in self._functions}
        self._check([f"{name} is still there" for name in sorted(left)])
        self.tell("remove", "no function left; layers stay, as `s` leaves them")

    @property
    def _functions(self) -> tuple[Wanted, ...]:
        return self.deployment.functions

    def _check_standing(self, state: JsonObject) -> None:
        shown = functions_of(state)
        self._check([words for one in self._functions for words in wrong_with(one, shown, self._versions)])

    def _matching(self, event: JsonObject) -> list[str]:
        """The rules of the template that want an event, as FC names them."""
        environment = self.deployment.serverless.environment
        template = read_template(self.deployment.template, environment=environment)
        return [
            spec.rule_name(trigger)
            for spec in template.functions
            for trigger in spec.triggers
            if isinstance(trigger, EventBridgeTrigger) and trigger.enabled and trigger.pattern.matches(event)
        ]

    @staticmethod
    def _check(problems: list[str]) -> None:
        if problems:
            raise DeployError("; ".join(problems))

    def _invocations(self, function: Wanted) -> list[JsonObject]:
        path = f"/functions/{function.name}/invocations"
        return [one for one in self._calls() if str(one["path"]).endswith(path)]

    def _uploads(self) -> int:
        return sum(one["action"] == "PutObject" for one in self._calls())

    def _state(self) -> JsonObject:
        return self._admin("GET", "state")

    def _calls(self) -> list[JsonObject]:
        calls = self._asked("GET", "calls")
        return [one for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []

    def _admin(self, method: str, what: str, body: Mapping[str, JsonValue] | None = None) -> JsonObject:
        found = self._asked(method, what, body)
        if not isinstance(found, dict):
            raise DeployError(f"the local cloud answers {method} {what} with {found}")
        return found

    def _asked(self, method: str, what: str, body: Mapping[str, JsonValue] | None = None) -> JsonValue:
        try:
            answer = httpx2.request(
                method, f"{self.url}{ADMIN}/{what}", json=body, timeout=LONGEST, trust_env=False
            )
            found: JsonValue = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            why = f"{self.url} answers as no local cloud does: {error}"
            raise DeployError(f"{why}; start one with `./dev run localcloud serve`") from None
        if not answer.is_success:
            raise DeployError(f"the local cloud answers {method} {what} with {answer.status_code}: {found}")
        return found

"""The keys of an s.yaml outside of `props`. Knows edition 3.0.0 of Serverless Devs, and no function.

Source: https://docs.serverless-devs.com/user-guide/spec.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tools.template.problems import nearest
from tools.template.shapes import Anything, Choice, Items, Keys, Mapped, Or, Text, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.template.problems import Problem, Value

COMMANDS: Final = (
    *("deploy", "remove", "build", "invoke", "info", "plan", "preview", "verify", "local", "layer", "logs"),
    *("alias", "version", "provision", "concurrency", "scaling", "instance", "session", "sync", "list"),
    *("model", "s2tos3"),
)

_TEXT: Final = Text()
_COMPONENT: Final = Text(r"\S+", "the name of a component, such as fc3 or fc3@0.1.22")

DOCUMENT: Final = Keys(
    required={
        "edition": Choice(("3.0.0",)),
        "name": _TEXT,
        "resources": Mapped(
            Keys(
                required={"component": _COMPONENT},
                optional={
                    "props": Mapped(Anything()),
                    "extend": Keys({"name": _TEXT}, {"ignore": Items(_TEXT)}),
                    "actions": Mapped(Anything()),
                    "access": _TEXT,
                },
            ),
            least=1,
        ),
    },
    optional={
        "access": _TEXT,
        "vars": Mapped(Anything()),
        "template": Mapped(Mapped(Anything())),
        "actions": Mapped(Anything()),
        "flow": Mapped(Anything()),
        "extend": _TEXT,
        "env": _TEXT,
    },
)

_OPTIONS: Final = {"allow_failure": Anything()}
_RUN: Final = Keys({"run": _TEXT}, {"path": _TEXT, **_OPTIONS})
_PLUGIN: Final = Keys({"plugin": _TEXT}, {"args": Anything(), **_OPTIONS})
_COMMAND: Final = Keys({"component": _TEXT}, {**_OPTIONS})
_STEP: Final = Or(Choice(("all",)), Items(_TEXT, least=1))


def document_problems(document: Value) -> Iterator[Problem]:
    """Unknown keys, wrong values, hooks of commands that do not exist, flows of resources that do not."""
    yield from check(DOCUMENT, document)
    environments = document.get("env")
    if environments is not None:
        yield environments.problem(
            "what the overlays of environments change is not looked at here",
            "let a file with the differences extend this one instead",
            is_note=True,
        )
    actions = document.get("actions")
    if actions is not None:
        yield from _action_problems(actions, is_global=True)
    resources = document.get("resources")
    if resources is None:
        return
    for resource in resources.values():
        own = resource.get("actions")
        if own is not None:
            yield from _action_problems(own, is_global=False)
    flow = document.get("flow")
    if flow is not None:
        yield from _flow_problems(flow, {key for key, _ in resources.items()})


def _action_problems(actions: Value, *, is_global: bool) -> Iterator[Problem]:
    for name, steps in actions.items():
        found = re.fullmatch(r"(\w+)-(\$\{.*\}|[\w-]+)", name)
        if found is None or found[1] not in ("pre", "success", "fail", "complete"):
            yield steps.problem(
                f"{name} is run never",
                "name it pre-, success-, fail- or complete- and a command, such as pre-deploy",
            )
        elif not found[2].startswith("$") and found[2] not in COMMANDS:
            near = nearest(found[2], COMMANDS)
            fix = f"did you mean {found[1]}-{near}?" if near else f"take one of: {', '.join(COMMANDS)}"
            yield steps.problem(f"there is no command {found[2]}", fix)
        yield from check(Items(Anything(), least=1), steps)
        for step in steps.elements():
            component = step.get("component")
            if component is not None and is_global:
                yield component.problem("only a resource's actions run components", "write `run` or `plugin`")
            elif component is not None:
                yield from check(_COMMAND, step)
            else:
                yield from check(_PLUGIN if step.get("plugin") is not None else _RUN, step)


def _flow_problems(flow: Value, resources: set[str]) -> Iterator[Problem]:
    for command, steps in flow.items():
        if not command.startswith("$") and command not in COMMANDS:
            near = nearest(command, COMMANDS)
            yield steps.problem(
                f"there is no command {command}", f"did you mean {near}?" if near else "take it out"
            )
        yield from check(Items(_STEP), steps)
        for step in steps.elements():
            for item in step.elements():
                if item.text is not None and item.text not in resources:
                    near = nearest(item.text, resources)
                    fix = f"did you mean {near}?" if near else f"there are: {', '.join(sorted(resources))}"
                    yield item.problem(f"there is no resource {item.text}", fix)

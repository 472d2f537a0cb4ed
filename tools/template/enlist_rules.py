"""Rules about functions of Enlist: those with a variable ENLIST_*, or whose code imports the product.

What the variables are called and may hold is asked of the product itself, so that no list is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, get_args

from enlist.settings import Settings
from enlist.signals import SignalRules
from enlist.sources import Kind
from fctoolkit.errors import ConfigurationError
from fctoolkit.idempotency.opening import check_url
from fctoolkit.logging import LEVELS
from localcloud.functions.limits import RUNTIMES
from tools.layer.contents import LAYERS, REDIS
from tools.template.problems import nearest

if TYPE_CHECKING:
    from tools.layer.contents import Layer
    from tools.template.function import Function, Rule
    from tools.template.problems import Problem, Value

PREFIX: Final = "ENLIST_"
STORE: Final = "ENLIST_STORE"
ON_FC: Final = {"FC_FUNC_CODE_PATH": "/code"}
"""What tells Function Compute from other machines."""

_PACKS: Final = re.compile(r"(^|[/\s])dev pack(\s|$)")
_SENTENCES: Final = re.compile(r"[;.] ")
_IMPORT: Final = re.compile(rb"^(from|import) enlist\b", re.MULTILINE)

PYTHON: Final = "python3.12"
PYTHON_FIX: Final = f"write {PYTHON}, or a custom runtime that has it"
LAYER_PATH: Final = "/opt/python"

LONGEST_CALLS: Final = 20
"""Seconds that an invocation needs beside waiting for a task: it looks, writes and looks again."""


class _Asked(Mapping[str, str]):
    """An environment in which nothing is set, and which keeps the names it was asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.names.append(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def applies_to(function: Function) -> bool:
    """Whether it is a function of Enlist."""
    if any(name.upper().startswith(PREFIX) for name in function.variables):
        return True
    code = function.code
    return code is not None and any(_IMPORT.search(file.read_bytes()) for file in code.glob("*.py"))


def own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that may change what of Enlist is deployed: those that s.yaml refers to are named so."""
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}


def packing(document: Value) -> Iterator[Problem]:
    """Bindings are packed when functions are deployed; otherwise old ones, or none, would go with them."""
    actions = document.get("actions", "pre-deploy")
    steps = actions.elements() if actions is not None else ()
    runs = [run for step in steps if (run := step.get("run")) is not None]
    if not any(run.text is not None and _PACKS.search(run.text) for run in runs):
        yield (actions or document.get("actions") or document).problem(
            "no bindings are packed before a deployment", "add `pre-deploy: [{run: ./dev pack, path: ./}]`"
        )


def known_variables() -> frozenset[str]:
    """The ENLIST_* variables that the product reads."""
    asked = _Asked()
    Settings.from_environment(asked)
    return frozenset(name for name in asked.names if name.startswith(PREFIX))


def variables(function: Function) -> Iterator[Problem]:
    """Each ENLIST_* variable is one that the product reads, with a value that it takes."""
    known = known_variables()
    for name, value in function.variables.items():
        if not name.upper().startswith(PREFIX):
            continue
        if name not in known:
            near = nearest(name, known)
            fix = f"did you mean {near}?" if near else f"take it out; known are {', '.join(sorted(known))}"
            yield value.problem(f"the functions read no {name}", fix)
        elif value.text is not None:
            try:
                settings = Settings.from_environment({name: value.text})
                for kind in get_args(Kind):
                    SignalRules.of(kind, settings.signals)
            except ConfigurationError as error:
                wrong, _, fix = str(error).removeprefix(f"{name}: ").partition(". ")
                yield value.problem(wrong, fix or "correct the value, or take the variable out")


def log_level(function: Function) -> Iterator[Problem]:
    """A level that the logging does not know fails every invocation."""
    value = function.variables.get("LOG_LEVEL")
    if value is not None and value.text is not None and value.text.strip().upper() not in ("", *LEVELS):
        yield value.problem(f'"{value.text}" is not a log level', f"write one of {', '.join(LEVELS)}")


def store(function: Function) -> Iterator[Problem]:
    """What instances of the function share is one store that it can reach, or there is one instance.

    A lease cannot be too short: it is made from the function's own timeout.
    """
    value = function.variables.get(STORE)
    if value is not None and (not value.is_known or value.text):
        yield from _named_store(value, function)
        return
    at_once = function.props.get("instanceConcurrency")
    if at_once is not None and function.is_custom and (at_once.number or 0) > 1:
        yield at_once.problem(
            f"without {STORE}, two requests at a time could attach one machine twice",
            "write instanceConcurrency: 1",
        )
    reserved = function.props.get("concurrencyConfig", "reservedConcurrency")
    if reserved is None or (reserved.is_known and reserved.number != 1):
        yield (reserved or function.props.get("concurrencyConfig") or function.props).problem(
            f"without {STORE}, two instances at a time could attach one machine twice",
            "write concurrencyConfig: {reservedConcurrency: 1}",
        )


def _named_store(value: Value, function: Function) -> Iterator[Problem]:
    """A store that is named can be used on FC, as far as that can be told here. Shows no part of its URL."""
    try:
        check_url(value.text or "", setting=STORE, environ=ON_FC)
    except ConfigurationError as error:
        wrong, *fix = _SENTENCES.split(str(error).removeprefix(f"{STORE}: "), maxsplit=1)
        yield value.problem(wrong, fix[0] if fix else "correct it; docs/stores.md has the forms of a URL")
        return
    yield from _library(function)
    if function.props.get("vpcConfig") is None:
        is_open = (value.text or "").startswith("redis:")
        yield value.problem(
            "outside of a VPC, claims and their password cross the internet in clear"
            if is_open
            else "outside of a VPC, only a store with a public address can be reached",
            "add `vpcConfig` with the VPC of the Redis",
            is_note=not is_open,
        )


def _library(function: Function) -> Iterator[Problem]:
    """The library of the store is there: beside the code, or in a layer that is not known to lack it."""
    layers = function.props.get("layers")
    brought = [] if layers is None else [one for one in layers.elements() if not _is_official(one)]
    if layers is None or not brought or (function.code and (function.code / "redis").is_dir()):
        return
    others = [one for one in LAYERS if one is not REDIS]
    if all(_is_one_of(others, layer) for layer in brought):
        yield layers.problem(
            "the store needs the package redis, which is in none of these layers",
            f"add the layer {REDIS.name}, as s.redis.yaml does",
        )


def required(function: Function) -> Iterator[Problem]:
    """What the product cannot do without, and FC's default is no help."""
    for key, reason, fix in (
        ("timeout", "FC's default of 3 s ends most invocations half-way", "add `timeout: 60`"),
        ("memorySize", "the size that it was measured with should be said", "add `memorySize: 512`"),
        ("cpu", "the size that it was measured with should be said", "add `cpu: 0.35`"),
        ("role", "without a role, the function may call nothing", "add `role` with the ARN of one from ram/"),
        ("logConfig", "its outcomes are in its logs", "add `logConfig` with project and logstore"),
        ("asyncInvokeConfig", "failed events must end in a queue", "add `asyncInvokeConfig` with onFailure"),
    ):
        if function.props.get(key) is None:
            yield function.props.problem(f"{key} is missing: {reason}", fix)


def packages(function: Function) -> Iterator[Problem]:
    """The product's packages come in a layer, or with the code, and its Python can import them."""
    layers = function.props.get("layers")
    brought = [] if layers is None else [one for one in layers.elements() if not _is_official(one)]
    is_unknown = layers is not None and not layers.is_known
    has_layer = bool(brought) or is_unknown
    others = [one for one in LAYERS if not one.own]
    has_product = is_unknown or not all(_is_one_of(others, layer) for layer in brought)
    if function.code is not None and not has_product and not (function.code / "enlist").is_dir():
        yield (layers or function.props).problem(
            "the code has no package enlist, and there is no layer to bring it",
            "add `layers` with the ARN that ./dev deploy publishes, as s.yaml does",
        )
    runtime = function.props.get("runtime")
    if runtime is not None and runtime.text in RUNTIMES and not function.is_custom and runtime.text != PYTHON:
        yield runtime.problem(f"the packages are for Python 3.12, and {runtime.text} has another", PYTHON_FIX)
    path = function.variables.get("PYTHONPATH")
    if has_layer and (function.text("runtime") or "").startswith("custom."):
        text = "" if path is None else path.text
        if text is not None and LAYER_PATH not in text.split(":"):
            yield (path or function.props.get("environmentVariables") or function.props).problem(
                "a custom runtime has no path to its layers by itself",
                f"set the variable PYTHONPATH to {LAYER_PATH}",
            )


def _is_one_of(layers: Iterable[Layer], layer: Value) -> bool:
    """Whether it is known to be one of these layers of ours."""
    return layer.text is not None and any(f":layers/{one.name}/" in layer.text for one in layers)


def _is_official(layer: Value) -> bool:
    """Whether it is one of FC's own layers, which bring a language and no package of ours."""
    return layer.text is not None and ":official:" in layer.text


def times(function: Function) -> Iterator[Problem]:
    """The function has time for what it is told to wait for."""
    timeout = function.props.get("timeout")
    if timeout is None or timeout.number is None:
        return
    wait = function.variables.get("ENLIST_TASK_WAIT")
    try:
        seconds = float(wait.text or 0) if wait is not None and wait.text is not None else 0.0
    except ValueError:
        seconds = 0.0
    if wait is not None and seconds + LONGEST_CALLS > timeout.number:
        yield wait.problem(
            f"of the function's {timeout.number:g} s, waiting leaves no {LONGEST_CALLS} s for its calls",
            f"write a timeout of {seconds + LONGEST_CALLS:g} or more, or wait less",
        )
    hook = function.props.get("instanceLifecycleConfig", "initializer", "timeout")
    if hook is not None and hook.number is not None and hook.number > timeout.number:
        yield hook.problem(
            f"the initializer may take longer than the function's own {timeout.number:g} s",
            f"write {timeout.number:g} or less; it reads settings and bindings",
        )


def doors(function: Function) -> Iterator[Problem]:
    """Only signed requests come in, events keep their envelope, and a timer repeats what was missed."""
    for trigger in function.triggers("http"):
        kind = trigger.get("triggerConfig", "authType")
        if kind is not None and kind.text == "anonymous":
            yield kind.problem("anybody could have machines attached", "write authType: function")
    for trigger in function.triggers("eventbridge"):
        schema = trigger.get("triggerConfig", "eventSinkConfig", "deliveryOption", "eventSchema")
        if schema is not None and schema.text == "RawData":
            yield schema.problem(
                "signals are known by source and type, which RawData drops", "write CloudEvents"
            )
    timers = [one.get("triggerConfig", "enable") for one in function.triggers("timer")]
    if not timers:
        yield (function.props.get("triggers") or function.props).problem(
            "nothing repeats what an event missed", "add a timer trigger, such as cronExpression: '@every 5m'"
        )
    elif all(one is not None and one.node.content is False for one in timers):
        yield from (
            one.problem("nothing repeats what an event missed", "write enable: true") for one in timers if one
        )


def network(function: Function) -> Iterator[Problem]:
    """The function can reach the services that it calls."""
    access = function.props.get("internetAccess")
    if access is not None and access.node.content is False and function.props.get("vpcConfig") is None:
        yield access.problem(
            "without internet and without a VPC, the function can call no service",
            "write true, or add `vpcConfig`",
        )


def cost(function: Function) -> Iterator[Problem]:
    """Instances that are kept running are billed day and night, for a function that runs minutes a day."""
    for steps in (("provisionConfig", "defaultTarget"), ("scalingConfig", "minInstances")):
        kept = function.props.get(*steps)
        if kept is not None and (kept.number or 0) > 0:
            yield kept.problem(
                "instances kept running are billed all day, and the timer does not need them",
                "take it out, unless that is meant",
                is_note=True,
            )


ENLIST_RULES: Final[tuple[Rule, ...]] = (
    cost,
    variables,
    log_level,
    store,
    required,
    packages,
    times,
    doors,
    network,
)

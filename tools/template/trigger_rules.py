"""Rules about the triggers of one function. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fctoolkit.errors import PatternError
from fctoolkit.pattern import EVENTBRIDGE_LIMIT, compile_pattern
from tools.template.arns import dead_letter_problems, role_problems
from tools.template.schedule import ScheduleError, shortest_period
from tools.template.shapes import Keys, check
from tools.template.trigger_model import CONFIGS, DRIVEN, SOURCES, STREAMING, STREAMS_ONLY, TRIGGER, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.template.function import Function, Rule
    from tools.template.problems import Problem, Value

LONGEST_RULE_NAME: Final = 127
"""EventBridge's limit; FC names a rule after function and trigger."""

_EMPTY: Final = Keys()


def shapes(function: Function) -> Iterator[Problem]:
    """Every trigger has the keys of its type."""
    for trigger in function.triggers():
        yield from check(TRIGGER, trigger)
        kind, config = _text(trigger, "triggerType"), trigger.get("triggerConfig")
        if kind is None or config is None:
            pass
        elif kind in CONFIGS:
            yield from check(CONFIGS[kind], config)
        elif kind in TYPES:
            yield config.problem(
                f"what a trigger of type {kind} needs is not known here",
                "check it with `s verify`",
                is_note=True,
            )
        role = trigger.get("invocationRole")
        if role is not None:
            yield from role_problems(role)


def names(function: Function) -> Iterator[Problem]:
    """A name is used once in a function, and its rule's name is one that EventBridge takes."""
    seen: set[str] = set()
    for trigger in function.triggers():
        name = trigger.get("triggerName")
        if name is None or name.text is None:
            continue
        if name.text in seen:
            yield name.problem(f"the function has two triggers {name.text}", "rename one")
        seen.add(name.text)
        rule = f"{function.text('functionName')}-{name.text}"
        if _text(trigger, "triggerType") == "eventbridge" and len(rule) > LONGEST_RULE_NAME:
            yield name.problem(
                f"its rule would be named {rule}, with {len(rule)} characters",
                f"shorten functionName or triggerName to {LONGEST_RULE_NAME - 1} together",
            )


def order(function: Function) -> Iterator[Problem]:
    """fc3 stops at the first eventbridge trigger that did not change: what stands behind is not deployed."""
    is_behind = False
    for trigger in function.triggers():
        kind = _text(trigger, "triggerType")
        if kind == "eventbridge":
            is_behind = True
        elif is_behind:
            yield trigger.problem(
                f"this {kind} trigger stands behind an eventbridge one; unless that changed, fc3 skips it",
                "move it above the first eventbridge trigger",
            )


def http(function: Function) -> Iterator[Problem]:
    """One HTTP trigger a version or alias, and who may call it is said."""
    seen: set[str] = set()
    for trigger in function.triggers("http"):
        qualifier = _text(trigger, "qualifier") or "LATEST"
        if qualifier in seen:
            yield trigger.problem(
                f"{qualifier} has an HTTP trigger already, and FC takes one",
                "take one out, or name another qualifier",
            )
        seen.add(qualifier)
        kind, config = trigger.get("triggerConfig", "authType"), trigger.get("triggerConfig", "authConfig")
        if kind is None:
            continue
        if kind.text == "anonymous":
            yield kind.problem("anybody may call it", "write function, unless that is meant", is_note=True)
        if kind.text == "jwt" and config is None:
            yield kind.problem("authConfig is missing", "add it with `jwks` and `tokenLookup`")
        if kind.text in ("anonymous", "function") and config is not None:
            yield config.problem(f"{kind.text} does not read it", "take it out, or write authType: jwt")
        if config is not None and config.get("whitelist") and (blacklist := config.get("blacklist")):
            yield blacklist.problem("it does not go with whitelist", "take one of the two out")


def patterns(function: Function) -> Iterator[Problem]:
    """A pattern can be read, and does not take the whole default bus."""
    for trigger in function.triggers("eventbridge"):
        value = trigger.get("triggerConfig", "eventRuleFilterPattern")
        if value is None or value.text is None:
            continue
        try:
            fields = compile_pattern(value.text, limit=EVENTBRIDGE_LIMIT).paths()
        except PatternError as error:
            yield value.problem(f"{error}", "write an EventBridge pattern as JSON, in quotes")
            continue
        if not fields and _source(trigger) == "Default":
            yield value.problem(
                "{} takes every event of the default bus, those of this function too",
                'name at least a source, such as {"source": ["acs.ens"]}',
            )


def sources(function: Function) -> Iterator[Problem]:
    """A source has its own parameters, and delivers in a mode that it knows."""
    for trigger in function.triggers("eventbridge"):
        source, config = _source(trigger), trigger.get("triggerConfig")
        if config is None or source is None:
            continue
        parameters = config.get("eventSourceConfig", "eventSourceParameters")
        if parameters is not None and source == "Default":
            yield from (
                child.problem("the default bus has no parameters", "take it out, or correct eventSourceType")
                for child in parameters.values()
            )
        elif parameters is not None and source in SOURCES:
            key, shape = SOURCES[source]
            yield from check(Keys({key: shape}), parameters)
        yield from _mode_problems(config, source)


def _mode_problems(config: Value, source: str) -> Iterator[Problem]:
    sink, run = config.get("eventSinkConfig", "deliveryOption", "mode"), config.get("runOptions", "mode")
    for mode in (sink, run):
        if mode is None:
            continue
        if mode.text == STREAMING and source == "Default":
            yield mode.problem("the default bus delivers one event at a time", f"write {DRIVEN}")
        elif mode.text == DRIVEN and source in STREAMS_ONLY:
            yield mode.problem(f"{source} delivers batches only", f"write {STREAMING}")
    if sink is not None and run is not None and sink.text and run.text and sink.text != run.text:
        yield run.problem(f"deliveryOption.mode is {sink.text}", "write the same mode in both places")
    if run is not None and run.text == DRIVEN:
        for key in ("batchWindow", "maximumTasks"):
            value = config.get("runOptions", key)
            if value is not None:
                yield value.problem(f"{DRIVEN} has no batches", f"take it out, or write {STREAMING}")


def dead_letters(function: Function) -> Iterator[Problem]:
    """What is given up is kept, and an event is young enough for a first attempt."""
    for trigger in function.triggers("eventbridge"):
        run = trigger.get("triggerConfig", "runOptions")
        if run is None:
            continue
        arn = run.get("deadLetterQueue", "Arn")
        if arn is not None:
            yield from dead_letter_problems(arn, function.text("region"))
        elif _text(run, "errorsTolerance") == "ALL" and run.get("deadLetterQueue") is None:
            yield run.problem(
                "with errorsTolerance ALL, an event that cannot be delivered is dropped without a trace",
                "add deadLetterQueue with the `Arn` of a queue",
            )
        age = run.get("retryStrategy", "MaximumEventAgeInSeconds")
        if age is not None and age.number and age.number < function.timeout:
            yield age.problem(
                f"an event is too old before its first attempt of {function.timeout:g} s ends",
                f"write at least {2 * function.timeout:g}, or 0 for the strategy's own",
            )


def timers(function: Function) -> Iterator[Problem]:
    """A schedule can be read, and a tick does not wait for the one before."""
    reserved = function.number("concurrencyConfig", "reservedConcurrency")
    for trigger in function.triggers("timer"):
        value = trigger.get("triggerConfig", "cronExpression")
        if value is None or value.text is None:
            continue
        try:
            period = shortest_period(value.text)
        except ScheduleError as error:
            wrong, _, fix = str(error).rpartition("; ")
            yield value.problem(wrong, fix)
            continue
        if reserved == 1 and period < function.timeout:
            yield value.problem(
                f"a tick every {period:g} s piles up on one that runs for {function.timeout:g} s, "
                "because reservedConcurrency is 1",
                "write a longer interval or a shorter timeout",
            )


def _text(value: Value, *steps: str) -> str | None:
    found = value.get(*steps)
    return found.text if found is not None else None


def _source(trigger: Value) -> str | None:
    return _text(trigger, "triggerConfig", "eventSourceConfig", "eventSourceType")


TRIGGER_RULES: Final[tuple[Rule, ...]] = (
    *(shapes, names, order, http, patterns, sources, dead_letters, timers),
)

"""Alibaba Cloud resource names as an s.yaml uses them. Knows their forms, and no key of a function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.template.problems import Problem, Value

_ARN: Final = re.compile(r"acs:([a-z0-9-]+):([a-z0-9-]*):([^:]*):(.+)")
_QUEUE: Final = re.compile(r"/queues/[A-Za-z0-9_-]{1,255}(/messages)?")
_LAYER: Final = re.compile(r"layers/[A-Za-z0-9_-]+/versions/(\w+)")

_DESTINATIONS: Final = {
    "mns": (re.compile(r"/(queues|topics)/[A-Za-z0-9_-]{1,255}/messages"), "/queues/NAME/messages"),
    "fc": (re.compile(r"functions/[^/]+"), "functions/NAME"),
    "eventbridge": (re.compile(r"eventbus/[^/]+"), "eventbus/NAME"),
    "mq": (re.compile(r"/instances/[^/]+/topics?/[^/]+"), "/instances/ID/topic/NAME"),
}
_DEAD_LETTERS: Final = {
    "mns": (re.compile(r"/queues/[A-Za-z0-9_-]{1,255}"), "/queues/NAME"),
    "eventbridge": (re.compile(r"eventbus/[^/]+"), "eventbus/NAME"),
    "mq": (re.compile(r"/instances/[^/]+/topics?/[^/]+"), "/instances/ID/topic/NAME"),
    "alikafka": (re.compile(r".+"), ""),
}


@dataclass(frozen=True, slots=True)
class Arn:
    """`acs:service:region:account:resource`."""

    service: str
    region: str
    account: str
    resource: str


def parse(text: str) -> Arn | None:
    """The parts of an ARN; None when the text is none."""
    found = _ARN.fullmatch(text)
    return Arn(found[1], found[2], found[3], found[4]) if found else None


def role_problems(value: Value) -> Iterator[Problem]:
    """A role, by ARN or by name alone. fc3 puts the whole of it in lower case, so capitals are lost."""
    text = value.text
    if not text:
        return
    if text != text.lower():
        yield value.problem(
            f"fc3 puts a role in lower case, and {text} would not be found", f"name the role {text.lower()}"
        )
    elif not re.fullmatch(r"(acs:ram::\d+:role/)?[a-z0-9._-]{1,64}", text):
        yield value.problem(f"{text} is no role", "write acs:ram::ACCOUNT:role/NAME")


def layer_problems(value: Value, region: str | None) -> Iterator[Problem]:
    """A layer by ARN: a version by number, in the function's region."""
    text = value.text
    arn = parse(text) if text is not None else None
    form = "write acs:fc:REGION:ACCOUNT:layers/NAME/versions/NUMBER"
    if text is None:
        return
    found = _LAYER.fullmatch(arn.resource) if arn is not None else None
    if arn is None or arn.service != "fc" or found is None:
        yield value.problem(f"{text} is no layer", form)
    elif not found[1].isdecimal() or not int(found[1]):
        yield value.problem(f"FC knows no layer version {found[1]}", "publish the layer and name its number")
    elif region is not None and arn.region != region:
        yield value.problem(
            f"the layer is in {arn.region} and the function in {region}", f"name a layer in {region}"
        )


def destination_problems(value: Value, region: str | None) -> Iterator[Problem]:
    """Where an asynchronous invocation's result goes. A queue's ARN ends in /messages here."""
    yield from _target_problems(value, region, _DESTINATIONS, "a destination")


def dead_letter_problems(value: Value, region: str | None) -> Iterator[Problem]:
    """Where EventBridge puts what it could not deliver. A queue's ARN does not end in /messages here."""
    yield from _target_problems(value, region, _DEAD_LETTERS, "a dead-letter queue")


def _target_problems(
    value: Value, region: str | None, forms: dict[str, tuple[re.Pattern[str], str]], what: str
) -> Iterator[Problem]:
    text = value.text
    if text is None:
        return
    arn = parse(text)
    if arn is None or arn.service not in forms:
        known = ", ".join(
            f"acs:{service}:REGION:ACCOUNT:{form or '…'}" for service, (_, form) in forms.items()
        )
        yield value.problem(f"{text} is not {what}", f"take one of: {known}")
        return
    form, right = forms[arn.service]
    if not form.fullmatch(arn.resource):
        queue = _QUEUE.fullmatch(arn.resource)
        wrong = f"{arn.resource} is not {what}"
        if queue is not None:
            wrong = f"the queue is named as for {'a destination' if queue[1] else 'a dead-letter queue'}"
            right = arn.resource.removesuffix("/messages") if queue[1] else f"{arn.resource}/messages"
        yield value.problem(wrong, f"let the ARN end in {right}")
    elif region is not None and arn.region != region:
        yield value.problem(
            f"it is in {arn.region} and the function in {region}",
            f"name one in {region}, and with it the ARN",
        )

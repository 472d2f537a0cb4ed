"""The triggers of an s.yaml, with the line of what is wrong with one. Knows no function and runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from localcloud.functions.camel import Model
from localcloud.functions.limits import TRIGGER_NAME
from localcloud.functions.trigger_model import TriggerConfigError, read_trigger
from localcloud.template.source import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from localcloud.functions.spec import Trigger
    from localcloud.template.source import Node


class TriggerModel(Model):
    """One entry of `triggers`."""

    trigger_name: str = Field(pattern=TRIGGER_NAME)
    trigger_type: str
    trigger_config: dict[str, JsonValue] = Field(default_factory=dict)


def read_triggers(models: Sequence[TriggerModel], props: Node) -> Iterator[Trigger]:
    """The triggers of a function whose `props` these are; TemplateError for one that cannot be played."""
    for index, model in enumerate(models):
        node = props.at(["triggers", index, "triggerConfig"])
        try:
            trigger = read_trigger(model.trigger_name, model.trigger_type, node.plain())
        except TriggerConfigError as error:
            raise TemplateError(node.at(error.path).place, error.reason) from None
        if trigger is not None:
            yield trigger

"""How values of an s.yaml are checked when it is run: keys in camel case, the first mistake with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from localcloud.template_source import TemplateError

if TYPE_CHECKING:
    from localcloud.template_source import Node


class Model(BaseModel):
    """Keys in camel case; unknown ones are left to `tools.template`."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


M = TypeVar("M", bound=Model)


def validated(model: type[M], node: Node) -> M:
    """The node's value as `model`; TemplateError at the first value that does not fit."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        raise TemplateError(node.at(first["loc"]).place, f"{path}: {first['msg']}") from None

"""How values of an s.yaml are checked when it is run: the first mistake is told with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from localcloud.functions.camel import Model, first_mistake
from localcloud.template.source import TemplateError

if TYPE_CHECKING:
    from localcloud.template.source import Node

M = TypeVar("M", bound=Model)


def validated(model: type[M], node: Node) -> M:
    """The node's value as `model`; TemplateError at the first value that does not fit."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        path, reason = first_mistake(error)
        raise TemplateError(node.at(path).place, reason) from None

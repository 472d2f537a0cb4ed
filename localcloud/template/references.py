"""The references of an s.yaml, `${…}`, put in their values. Knows Serverless Devs' syntax, not functions.

Source: https://docs.serverless-devs.com/user-guide/spec (edition 3.0.0). Resolved are:

    ${env('NAME')}  ${env('NAME', 'default')}   a variable of the environment
    ${vars.a.b}                                 a value under `vars`
    ${config('AccountID')}                      the account the file is read for
    ${path('./x')}                              a path beside the file, made absolute
    ${this.props.x}                             a value of the same resource; `this.name` is its key
    ${resources.r.props.x}                      a value of another resource

A reference that is all of a value may stand for a mapping, a list or a number; inside a text it must be a
scalar. Serverless Devs knows more: `file`, `json`, other kinds of `config`, and the outputs of resources.
What these stand for is not known here, nor is an unset variable without a default: UnknownValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.template.resources import extended_props
from localcloud.template.source import Content, Node, TemplateError, UnknownValueError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_REFERENCE: Final = re.compile(r"""\$\{\s*((?:'[^']*'|"[^"]*"|[^'"{}])*?)\s*\}""")
_CALL: Final = re.compile(r"""(\w+)\(\s*(?:'([^']*)'|"([^"]*)")\s*(?:,\s*(?:'([^']*)'|"([^"]*)")\s*)?\)""")
_UNKNOWN_CALLS: Final = ("config", "file")
_UNKNOWN: Final = re.compile(r"json\(.*\)")
_DOTTED: Final = re.compile(r"(vars|this|resources)\.([\w.-]+)")


@dataclass(frozen=True, slots=True)
class References:
    """What the references of one file stand for.

    Attributes:
        document: the file.
        folder: the folder that `path(…)` starts from.
        environment: what `env(…)` looks into.
        account_id: what `config('AccountID')` stands for.
    """

    document: Node
    folder: Path
    environment: Mapping[str, str]
    account_id: str

    def resolve(
        self,
        node: Node,
        resource: Node | None = None,
        report: Callable[[TemplateError], None] | None = None,
    ) -> Node:
        """`node` with every reference replaced; `resource` is what `this` means.

        Raises TemplateError, with the line, for a reference that cannot be resolved. With `report`, it is
        called with the error instead, and the value stays as it is written.
        """
        return self._resolve(node, resource, (), report)

    def _resolve(
        self,
        node: Node,
        resource: Node | None,
        trail: tuple[str, ...],
        report: Callable[[TemplateError], None] | None = None,
    ) -> Node:
        content = node.content
        if isinstance(content, Mapping):
            return Node(
                {key: self._resolve(child, resource, trail, report) for key, child in content.items()},
                node.place,
            )
        if isinstance(content, tuple):
            return Node(tuple(self._resolve(child, resource, trail, report) for child in content), node.place)
        if not isinstance(content, str) or "${" not in content:
            return node
        try:
            return Node(self._text(content, node, resource, trail), node.place)
        except TemplateError as error:
            if report is None:
                raise
            report(error)
            return node

    def _text(self, text: str, node: Node, resource: Node | None, trail: tuple[str, ...]) -> Content:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None:
            return self._value(whole[1], node, resource, trail).content
        return self._interpolate(text, node, resource, trail)

    def _interpolate(self, text: str, node: Node, resource: Node | None, trail: tuple[str, ...]) -> str:
        parts: list[str] = []
        end = 0
        for match in _REFERENCE.finditer(text):
            value = self._value(match[1], node, resource, trail).content
            if isinstance(value, (Mapping, tuple)):
                raise TemplateError(
                    node.place, f"{match[0]} is a mapping or a list; inside a text only a scalar can stand"
                )
            parts += text[end : match.start()], _text(value)
            end = match.end()
        if "${" in _REFERENCE.sub("", text):
            raise TemplateError(node.place, f"a reference in {text!r} is not closed; write ${{…}}")
        return "".join((*parts, text[end:]))

    def _value(self, expression: str, node: Node, resource: Node | None, trail: tuple[str, ...]) -> Node:
        if expression in trail:
            chain = " -> ".join((*trail, expression))
            raise TemplateError(node.place, f"the reference leads back to itself: {chain}")
        if call := _CALL.fullmatch(expression):
            argument = call[2] if call[2] is not None else call[3]
            default = call[4] if call[4] is not None else call[5]
            return Node(self._call(call[1], argument, default, node), node.place)
        if dotted := _DOTTED.fullmatch(expression):
            found = self._look_up(dotted[1], dotted[2].split("."), resource, node)
            if found is None:
                raise TemplateError(
                    node.place, f"${{{expression}}} names nothing in this file; add it or correct the name"
                )
            return self._resolve(found, resource, (*trail, expression))
        kind = UnknownValueError if _UNKNOWN.fullmatch(expression) else TemplateError
        raise kind(
            node.place,
            f"${{{expression}}} cannot be resolved here; known are env('X', 'default'), vars.x, this.x, "
            "path('./x') and config('AccountID'), so put the value under `vars` or into the environment",
        )

    def _call(self, name: str, argument: str, default: str | None, node: Node) -> str:
        if name == "env":
            value = self.environment.get(argument, default)
            if value is None:
                raise UnknownValueError(
                    node.place,
                    f"the environment variable {argument} is not set; set it, or, if it is no secret, "
                    f"give a default: ${{env('{argument}', '…')}}",
                )
            return value
        if name == "path":
            return str((self.folder / argument).resolve())
        if name == "config" and argument == "AccountID":
            return self.account_id
        raise (UnknownValueError if name in _UNKNOWN_CALLS else TemplateError)(
            node.place,
            f"{name}('{argument}') cannot be resolved here; known are env, path and config('AccountID'), "
            "so put the value under `vars` or into the environment",
        )

    def _look_up(self, root: str, keys: list[str], resource: Node | None, user: Node) -> Node | None:
        node = self.document.get("vars") if root == "vars" else resource
        if root == "resources":
            others = self.document.get("resources")
            node = others.get(keys[0]) if others is not None else None
            if node is not None and keys[1:2] == ["output"]:
                raise UnknownValueError(
                    user.place,
                    f"${{resources.{'.'.join(keys)}}} cannot be resolved here: outputs exist after a "
                    "deployment, so put the value under `vars` or into the environment",
                )
            if node is not None and keys[1:2] == ["props"]:
                node, keys = extended_props(self.document, node), keys[1:]
            keys = keys[1:]
        for key in keys:
            node = node.get(key) if node is not None else None
        return node


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)

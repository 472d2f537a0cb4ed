"""The resources of an s.yaml, each with the template beneath it. Knows nothing of what a component does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from localcloud.template.source import Node, TemplateError, merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.template.references import References


def resources(document: Node) -> Iterator[tuple[str, Node]]:
    """Key and value of each resource. Raises TemplateError when the file has no mapping of them."""
    found = document.get("resources")
    if found is None or not isinstance(found.content, Mapping):
        raise TemplateError((found or document).place, "expected a mapping `resources`; add one")
    yield from found.content.items()


def extended_props(document: Node, resource: Node) -> Node:
    """The resource's `props`, laid on the template that it extends; references stand as they are written.

    Raises TemplateError when there is no such template.
    """
    own = resource.get("props") or Node({}, resource.place)
    extend = resource.get("extend")
    return own if extend is None else merge(_base(document, extend), own)


def itself(key: str, resource: Node, props: Node) -> Node:
    """What `${this…}` means inside a resource with these extended props."""
    return merge(resource, Node({"name": Node(key, resource.place), "props": props}, resource.place))


def resolved_props(references: References, key: str, resource: Node) -> Node:
    """The resource's extended props with every reference replaced. Raises TemplateError if that fails."""
    props = extended_props(references.document, resource)
    return references.resolve(props, itself(key, resource, props))


def _base(document: Node, extend: Node) -> Node:
    name, ignored = extend.get("name"), extend.get("ignore")
    templates = document.get("template")
    base = templates.get(str(name.content)) if templates is not None and name is not None else None
    if base is None or not isinstance(base.content, Mapping):
        raise TemplateError(extend.place, "`extend` needs the `name` of a mapping under `template`")
    left_out = (
        {str(node.content) for node in ignored.content}
        if ignored and isinstance(ignored.content, tuple)
        else set()
    )
    return Node({key: node for key, node in base.content.items() if key not in left_out}, base.place)

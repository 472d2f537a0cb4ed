"""The functions and triggers of an s.yaml, as the local runtime needs them. Runs nothing, calls nothing.

Read are `vars`, `template` and the resources of component fc3 in edition 3.0.0; resources of other
components, triggers of other types and keys that only matter in the cloud (tags, …) are left out. That
is lenient on purpose: a file is run here while it is being written, and fc3 grows faster than this does. What
keeps a wrong file from being deployed is `tools.template`, which is strict and reads through the same tree.

Layers: an s.yaml names layers by ARN, and what is behind an ARN exists only in the cloud. Here every ARN
stands for the same local folders, `layer_folders`: by default the folder `shared` beside the file, which is
what the layer is built from, or else the folder that `fctoolkit` is installed from; then the site-packages of
the running Python for what it depends on. A package that is installed here but missing in the layer is
therefore found here and not in the cloud.
"""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import Field

from localcloud.functions.camel import Model
from localcloud.functions.limits import FUNCTION_NAME, VARIABLE_NAME_IN_WORDS
from localcloud.functions.model import AsyncInvokeModel, FunctionModel, LogConfig, wrong_variable
from localcloud.functions.spec import DEFAULT_ACCOUNT_ID, FunctionSpec
from localcloud.template.references import References
from localcloud.template.resources import resolved_props, resources
from localcloud.template.shapes import validated
from localcloud.template.source import Place, TemplateError, load
from localcloud.template.triggers import TriggerModel, read_triggers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from localcloud.template.source import Node

EDITION: Final = "3.0.0"


@dataclass(frozen=True, slots=True)
class Template:
    """The functions of one s.yaml, in its order. `name` is the project's, in FC 2.0 a service's."""

    file: Path
    functions: tuple[FunctionSpec, ...]
    name: str = ""

    def function(self, name: str) -> FunctionSpec:
        """The function with this resource key, `functionName`, name or path of its code folder.

        They are tried in this order. A relative path starts at the folder of the s.yaml, as `code` does.
        Raises TemplateError with the names there are.
        """
        path = (self.file.parent / name).resolve()
        ways: tuple[Callable[[FunctionSpec], bool], ...] = (
            lambda function: function.key == name,
            lambda function: function.name == name,
            lambda function: function.code.name == name,
            lambda function: function.code == path,
        )
        for is_meant in ways:
            for function in self.functions:
                if is_meant(function):
                    return function
        known = ", ".join(function.key for function in self.functions) or "none"
        raise TemplateError(Place(self.file, 1), f"there is no function {name!r}; known are: {known}")


def local_layer_folders(folder: Path) -> tuple[Path, ...]:
    """What stands for a layer by default: the product's packages, then this Python's site-packages.

    The packages are those in `folder`/shared, if there is such a folder, else the installed ones.
    """
    shared = folder / "shared"
    first = [shared] if shared.is_dir() else _installed_packages()
    installed = (Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))
    return tuple(dict.fromkeys([*first, *installed]))


def _installed_packages() -> list[Path]:
    """Where `fctoolkit` is installed from. That is not site-packages when it was installed to be edited."""
    found = find_spec("fctoolkit")
    return [Path(found.origin).parents[1]] if found is not None and found.origin else []


def read_template(
    file: Path,
    *,
    environment: Mapping[str, str],
    account_id: str = DEFAULT_ACCOUNT_ID,
    layer_folders: Sequence[Path] | None = None,
) -> Template:
    """Reads an s.yaml. `environment` is what `${env(…)}` looks into.

    Raises TemplateError, with file and line, for anything that cannot be read, resolved or accepted.
    """
    file = file.resolve()
    document = load(file)
    edition = document.get("edition")
    if edition is None or edition.content != EDITION:
        raise TemplateError((edition or document).place, f"expected `edition: {EDITION}`")
    layers = tuple(layer_folders) if layer_folders is not None else local_layer_folders(file.parent)
    reader = _Reader(References(document, file.parent, environment, account_id), layers)
    name = document.get("name")
    return Template(file, tuple(reader.functions()), str(name.content) if name is not None else "")


class _Code(Model):
    src: str


class _Concurrency(Model):
    reserved_concurrency: int | None = Field(default=None, ge=0)


class _Provision(Model):
    default_target: int = Field(default=0, ge=0)


class _Scaling(Model):
    min_instances: int = Field(default=0, ge=0)


class _Function(FunctionModel):
    """The keys that matter to a run, within FC's limits."""

    region: str
    function_name: str = Field(pattern=FUNCTION_NAME)
    code: str | _Code
    log_config: LogConfig | str | None = None
    async_invoke_config: AsyncInvokeModel = AsyncInvokeModel()
    concurrency_config: _Concurrency = _Concurrency()
    provision_config: _Provision = _Provision()
    scaling_config: _Scaling = _Scaling()
    triggers: tuple[TriggerModel, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reader:
    references: References
    layer_folders: tuple[Path, ...]

    def functions(self) -> Iterator[FunctionSpec]:
        for key, resource in resources(self.references.document):
            component = resource.get("component")
            if component is not None and str(component.content).partition("@")[0] == "fc3":
                yield self._function(key, resource)

    def _function(self, key: str, resource: Node) -> FunctionSpec:
        props = resolved_props(self.references, key, resource)
        model = validated(_Function, props)
        if not model.handler and not model.is_custom:
            raise TemplateError(props.place, "handler: is missing")
        spec = model.spec(
            key=key,
            name=model.function_name,
            code=self._code_folder(model.code, props),
            region=model.region,
            layers=self.layer_folders if model.layers else (),
        )
        _check_variables(model.environment_variables, props)
        return replace(
            spec,
            account_id=self.references.account_id,
            asynchronous=model.async_invoke_config.settings,
            reserved=model.concurrency_config.reserved_concurrency,
            provisioned=max(model.provision_config.default_target, model.scaling_config.min_instances),
            triggers=tuple(read_triggers(model.triggers, props)),
        )

    def _code_folder(self, code: str | _Code, props: Node) -> Path:
        folder = (self.references.folder / (code if isinstance(code, str) else code.src)).resolve()
        if not folder.is_dir():
            raise TemplateError(props.at(["code"]).place, f"the code folder {folder} does not exist")
        return folder


def _check_variables(variables: Mapping[str, str], props: Node) -> None:
    wrong = wrong_variable(variables)
    if wrong is not None:
        raise TemplateError(
            props.at(["environmentVariables", wrong]).place,
            f"the variable {wrong!r}: FC takes {VARIABLE_NAME_IN_WORDS}",
        )

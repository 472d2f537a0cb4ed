"""What callers send about functions, layers, triggers and aliases, checked as FC checks it. Knows no state.

Values are kept as they came. Explicit empties, which Serverless Devs sends for what is not set, count as not
set where values are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

from pydantic import Field, ValidationError

from localcloud.functions.camel import Model, first_mistake
from localcloud.functions.limits import (
    FUNCTION_NAME,
    LARGEST_CPU,
    LONGEST_PRE_STOP,
    MOST_LAYERS,
    RUNTIMES,
    SMALLEST_CPU,
    TRIGGER_NAME,
    VARIABLE_NAME_IN_WORDS,
    VARIABLES_BYTES,
)
from localcloud.functions.model import FunctionModel, Word, wrong_variable
from localcloud.functions.spec import LATEST
from localcloud.services.base import json_value
from localcloud.services.fc.codes import wrong

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue

M = TypeVar("M", bound=Model)

ALIAS_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$"
LAYER_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"

TRIGGER_TYPES: Final = (
    *("http", "timer", "eventbridge", "oss", "log", "tablestore", "cdn_events", "mns_topic", "alb"),
)

_NOT_CONFIG: Final = frozenset({"code", "functionName", "tags", "resourceGroupId"})
_DEFAULTS: Final[JsonObject] = {
    "description": "",
    "role": "",
    "timeout": 3,
    "memorySize": 512,
    "diskSize": 512,
    "internetAccess": True,
}
_CPU_STEP: Final = 0.05
_TOLERANCE: Final = 1e-6
_USUAL_CPU: Final = 0.7
"""vCPU for each GB, of a function that does not say: what Serverless Devs makes of 512 MB."""


class FunctionInput(FunctionModel):
    """A function's configuration, within FC's limits."""

    function_name: str = Field(pattern=FUNCTION_NAME)
    handler: Word = Field(default="", max_length=128)
    cpu: float | None = Field(default=None, ge=SMALLEST_CPU, le=LARGEST_CPU)
    disk_size: Literal[512, 10240] = 512
    description: str = Field(default="", max_length=256)
    role: str = Field(default="", max_length=300, pattern=r"^$|^acs:ram::\d+:role/.+$")
    internet_access: bool = True
    layers: tuple[str, ...] = Field(default=(), max_length=MOST_LAYERS)


class Named(Model):
    """A tag; Serverless Devs writes its keys small."""

    key: str = Field(alias="Key", min_length=1)
    value: str = Field(default="", alias="Value")


class _Tagged(Model):
    tags: tuple[Named, ...] = Field(default=(), max_length=20)


class LayerInput(Model):
    """What CreateLayerVersion takes beside the code."""

    layer_name: str = Field(pattern=LAYER_NAME)
    compatible_runtime: tuple[Literal[RUNTIMES], ...] = ()  # type: ignore[valid-type] # a literal of data
    description: str = Field(default="", max_length=256)
    license: str = ""


class TriggerInput(Model):
    """What CreateTrigger takes; of UpdateTrigger with what the trigger has."""

    trigger_name: str = Field(pattern=TRIGGER_NAME)
    trigger_type: Literal[TRIGGER_TYPES]  # type: ignore[valid-type] # a literal of data
    trigger_config: str
    qualifier: str = LATEST
    description: str = Field(default="", max_length=256)
    invocation_role: str = Field(default="", max_length=300)
    source_arn: str = Field(default="", max_length=300)


class AliasInput(Model):
    """What CreateAlias takes; of UpdateAlias with what the alias has."""

    alias_name: str = Field(pattern=ALIAS_NAME)
    version_id: str = Field(min_length=1, max_length=10)
    description: str = Field(default="", max_length=256)
    additional_version_weight: dict[str, float] = Field(default_factory=dict, max_length=1)


def checked_input(model: type[M], value: JsonObject) -> M:
    """The value as `model`; refuses the first thing in it that does not fit. What is null was not sent."""
    try:
        return model.model_validate(_without_nulls(value))
    except ValidationError as error:
        _, reason = first_mistake(error)
        raise wrong(reason) from None


def read_config(name: str, before: JsonObject, body: JsonObject) -> tuple[JsonObject, FunctionInput]:
    """A function's configuration after a call, and what of it matters here.

    `before` is what it was, empty for a new function; keys of the body replace keys of it as a whole.
    """
    sent = {key: value for key, value in body.items() if key not in _NOT_CONFIG and value is not None}
    config = {**_DEFAULTS, **before, **sent}
    model = checked_input(FunctionInput, {**_without_empties(config), "functionName": name})
    if model.runtime not in RUNTIMES:
        raise wrong(f"runtime {model.runtime!r} is none of {', '.join(RUNTIMES)}.")
    if not model.handler and not model.is_custom:
        raise wrong("Handler is required but not provided")
    if isinstance(model.log_config, str):
        raise wrong("logConfig must be an object with project and logstore.")
    pre_stop = model.instance_lifecycle_config.pre_stop
    if pre_stop is not None and pre_stop.timeout > LONGEST_PRE_STOP:
        raise wrong(f"instanceLifecycleConfig.preStop.timeout may be {LONGEST_PRE_STOP} at most.")
    _check_variables(model.environment_variables)
    if model.cpu is None:
        config["cpu"] = max(round(model.memory_size / 1024 * _USUAL_CPU / _CPU_STEP), 1) * 5 / 100
    else:
        _check_cpu(model.cpu, model.memory_size)
    return config, model


def read_tags(value: JsonValue) -> dict[str, str]:
    """Tags by their keys. FC has them as `Key` and `Value`; small ones are taken, too."""
    rows = value if isinstance(value, list) else []
    spelled: list[JsonValue] = [
        {key.capitalize(): one for key, one in row.items()} if isinstance(row, dict) else row for row in rows
    ]
    return {tag.key: tag.value for tag in checked_input(_Tagged, {"tags": spelled}).tags}


def read_object(text: str, name: str) -> JsonObject:
    """A JSON object that comes as a text."""
    value = json_value(text)
    if not isinstance(value, dict):
        raise wrong(f"{name} must be a text that holds a JSON object.")
    return value


def read_list(text: str, name: str) -> list[JsonValue]:
    """A JSON array that comes as a text in the query; empty when it is not there."""
    value = json_value(text) if text else []
    if not isinstance(value, list):
        raise wrong(f"{name} must be a JSON array.")
    return value


def read_texts(text: str, name: str) -> list[str]:
    """A JSON array of texts that comes as a text in the query; empty when it is not there."""
    return [str(one) for one in read_list(text, name)]


def _without_empties(config: JsonObject) -> JsonObject:
    """The configuration without what an empty value says is not set."""
    given: JsonObject = {key: value for key, value in config.items() if value not in ("", None)}
    for key in ("instanceLifecycleConfig", "customRuntimeConfig"):
        value = given.get(key)
        if isinstance(value, dict):
            given[key] = {name: one for name, one in value.items() if not _is_unset(one)}
    if isinstance(log := given.get("logConfig"), dict) and not (log.get("project") or log.get("logstore")):
        del given["logConfig"]
    return given


def _without_nulls(value: JsonValue) -> JsonValue:
    """The value without the keys whose values are null, at any depth."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _is_unset(value: JsonValue) -> bool:
    """Whether it is empty, or a hook without a handler."""
    return not value or (isinstance(value, dict) and "timeout" in value and not value.get("handler"))


def _check_variables(variables: dict[str, str]) -> None:
    name = wrong_variable(variables)
    if name is not None:
        raise wrong(f"environmentVariables: {name!r}: FC takes {VARIABLE_NAME_IN_WORDS}.")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > VARIABLES_BYTES:
        raise wrong(f"environmentVariables may have {VARIABLES_BYTES} bytes, not {size}.")


def _check_cpu(cpu: float, memory: int) -> None:
    steps = cpu / _CPU_STEP
    if abs(steps - round(steps)) > _TOLERANCE:
        raise wrong(f"cpu must be a multiple of {_CPU_STEP}, not {cpu}.")
    if not cpu * 1024 - _TOLERANCE <= memory <= cpu * 4096 + _TOLERANCE:
        raise wrong(f"cpu {cpu} and memorySize {memory}: the ratio of vCPU to GB must be from 1:1 to 1:4.")

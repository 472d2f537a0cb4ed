"""Rules between the keys of one function, but for its triggers. Pure, but for the code that one looks at.

Sources: https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits-of-usage, fc3's behaviour.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from localcloud.functions.limits import VARIABLE_NAME, VARIABLE_NAME_IN_WORDS, VARIABLES_BYTES
from tools.template.arns import destination_problems, layer_problems, parse, role_problems
from tools.template.function import DEFAULT_MEMORY, Function

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.template.function import Rule
    from tools.template.problems import Problem, Value

_MB_PER_GB: Final = 1024
_CORES: Final = (1.0, 4.0)  # GB for each vCPU
_ARCHIVES: Final = (".zip", ".jar", ".war")
_HANDLER: Final = re.compile(r"(?P<module>[A-Za-z_][\w/-]*(?:\.\w+)*)\.(?P<name>[A-Za-z_]\w*)")
_SECRET: Final = re.compile(
    r".*(SECRET|PASSWORD|PASSWD|PRIVATE_KEY|CREDENTIALS?).*|(.*_)?(PWD|TOKEN|ACCESS_KEY(_ID)?|API_?KEY)",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(r"LTAI[A-Za-z0-9]{8,}|\w+://[^/@\s]*:[^/@\s]+@.*|(?s:-----BEGIN .*)")


def sizes(function: Function) -> Iterator[Problem]:
    """From 1 to 4 GB of memory for each vCPU."""
    cpu, memory = function.props.get("cpu"), function.number("memorySize") or DEFAULT_MEMORY
    if cpu is None or not cpu.number:
        return
    low, high = (memory / _MB_PER_GB / ratio for ratio in reversed(_CORES))
    if not low <= cpu.number <= high:
        yield cpu.problem(
            f"{cpu.number:g} vCPU and {memory:g} MB are no pair that FC takes: 1 vCPU has 1 to 4 GB",
            f"write a cpu from {max(low, 0.05):g} to {min(high, 16):g}, or another memorySize",
        )


def concurrency(function: Function) -> Iterator[Problem]:
    """Built-in runtimes take one request at a time; reserved instances are no fewer than provisioned ones."""
    at_once = function.props.get("instanceConcurrency")
    if (
        at_once is not None
        and (at_once.number or 1) > 1
        and function.text("runtime")
        and not function.is_custom
    ):
        yield at_once.problem(
            "a built-in runtime takes one request at a time", "take it out, or use a custom runtime"
        )
    provisioned = function.number("provisionConfig", "defaultTarget")
    reserved = function.props.get("concurrencyConfig", "reservedConcurrency")
    if provisioned and reserved is not None and reserved.number and provisioned > reserved.number:
        yield reserved.problem(
            f"{provisioned:g} instances are provisioned and only {reserved.number:g} reserved",
            "raise reservedConcurrency, or lower provisionConfig.defaultTarget",
        )
    scaling = function.props.get("scalingConfig")
    if scaling is not None and function.props.get("provisionConfig") is not None:
        yield scaling.problem("it does not go with provisionConfig", "take one of the two out")


def variables(function: Function) -> Iterator[Problem]:
    """Texts with legal names, at most 4 KB together."""
    size = 0
    for name, value in function.variables.items():
        content = value.node.content
        # Values may be secrets, so none is shown.
        if not isinstance(content, str):
            yield value.problem("a variable is a text", "put it in quotes")
        if not re.search(VARIABLE_NAME, name):
            yield value.problem(
                f"{name} is no name that FC takes",
                f"use {VARIABLE_NAME_IN_WORDS}",
            )
        size += len(name.encode()) + len(str(content).encode())
    found = function.props.get("environmentVariables")
    if found is not None and size > VARIABLES_BYTES:
        yield found.problem(
            f"names and values have {size} bytes, and FC takes {VARIABLES_BYTES}",
            "move the longest into a file beside the code",
        )


def secrets(function: Function) -> Iterator[Problem]:
    """No secret stands in the file, neither as a value nor as a default."""
    for name, value in function.written_variables.items():
        if name.startswith("ALIBABA_CLOUD_"):
            yield value.problem(
                "FC sets the credentials of the function's role in variables of such names",
                "take it out, and give the function a `role`",
            )
        elif value.text and (_SECRET.fullmatch(name) or _SECRET_VALUE.fullmatch(value.text)):
            yield value.problem(
                "a secret stands here for everybody who may read the file",
                f"write ${{env('{name}')}}, without a default, or read it from KMS at run time",
            )


def runtime_keys(function: Function) -> Iterator[Problem]:
    """Each kind of runtime has keys of its own."""
    runtime = function.props.get("runtime")
    if runtime is None or runtime.text is None:
        return
    is_container = runtime.text in ("custom-container", "micro-sandbox")
    custom, container = function.props.get("customRuntimeConfig"), function.props.get("customContainerConfig")
    if custom is not None and (is_container or not function.is_custom):
        yield custom.problem(
            f"{runtime.text} does not read it", "take it out, or use runtime custom.debian12"
        )
    if container is not None and not is_container:
        yield container.problem(f"{runtime.text} does not read it", "take it out, or use custom-container")
    if is_container and container is None:
        yield function.props.problem("customContainerConfig is missing", "add it with an `image`")
    if not is_container and function.props.get("code") is None:
        yield function.props.problem("code is missing", "add `code`, the folder with the function's code")
    if not function.is_custom and function.props.get("handler") is None:
        yield function.props.problem("handler is missing", "add `handler`, such as index.handler")


def hooks(function: Function) -> Iterator[Problem]:
    """A lifecycle hook says what is run."""
    lifecycle = function.props.get("instanceLifecycleConfig")
    for hook in lifecycle.values() if lifecycle is not None else ():
        command = hook.get("command")
        if hook.get("handler") is None and command is None and not function.is_custom:
            yield hook.problem("the hook has no handler", "add `handler`, such as index.initialize")
        if command is not None and function.text("runtime") and not function.is_custom:
            yield command.problem("only a custom runtime has hooks by command", "name a `handler` instead")


def code(function: Function) -> Iterator[Problem]:
    """The code is there, and in it the file and function of the handler and of each hook."""
    value = function.props.get("code", "src") or function.props.get("code")
    if value is None or value.text is None:
        return
    folder = function.code
    if folder is not None and folder.is_file() and folder.suffix in _ARCHIVES:
        return
    if folder is None or not folder.is_dir():
        yield value.problem(
            f"there is no folder {value.text}", "correct the path, from the file's own folder"
        )
        return
    if function.is_custom:
        command = function.props.get("customRuntimeConfig", "command")
        is_container = function.props.get("customContainerConfig") is not None
        if command is None and not is_container and not (folder / "bootstrap").is_file():
            yield value.problem(
                "a custom runtime starts the file bootstrap, and there is none",
                "add it, or a customRuntimeConfig with a `command`",
            )
        return
    if not (function.text("runtime") or "").startswith("python"):
        return
    for steps in (
        ("handler",),
        ("instanceLifecycleConfig", "initializer", "handler"),
        ("instanceLifecycleConfig", "preStop", "handler"),
    ):
        handler = function.props.get(*steps)
        if handler is not None:
            yield from _handler_problems(handler, folder)


def _handler_problems(value: Value, folder: Path) -> Iterator[Problem]:
    if value.text is None:
        return
    found = _HANDLER.fullmatch(value.text)
    if found is None:
        yield value.problem(f"{value.text!r} is no handler", "write FILE.FUNCTION, such as index.handler")
        return
    file = folder / f"{found['module'].replace('.', '/')}.py"
    try:
        source = file.read_bytes()
    except OSError:
        yield value.problem(f"there is no file {found['module']}.py in {folder.name}", "correct the handler")
        return
    try:
        names = set(_top_names(ast.parse(source)))
    except (SyntaxError, ValueError) as error:
        yield value.problem(f"{file.name} is no Python: {error}", "mend the file")
        return
    if found["name"] not in names and "*" not in names:
        yield value.problem(
            f"{file.name} has no {found['name']}", "correct the handler, or write the function"
        )


def _top_names(tree: ast.Module) -> Iterator[str]:
    """The names that importing a module defines, as far as they can be seen without doing so."""
    for statement in ast.walk(tree):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=asname):
                yield asname or name
            case _:
                pass


def identity(function: Function) -> Iterator[Problem]:
    """The role, the layers and the destinations can be what they are named as."""
    role = function.props.get("role")
    if role is not None and role.text != "auto":
        yield from role_problems(role)
    region, layers = function.text("region"), function.props.get("layers")
    for layer in layers.elements() if layers is not None else ():
        yield from layer_problems(layer, region)
    for end in ("onSuccess", "onFailure"):
        value = function.props.get("asyncInvokeConfig", "destinationConfig", end, "destination")
        if value is not None:
            yield from destination_problems(value, region)


def one_account(function: Function) -> Iterator[Problem]:
    """Role, destinations and dead-letter queues are in one account. Layers may be somebody else's."""
    first: str | None = None
    for value in _owned(function):
        arn = parse(value.text or "")
        if arn is None:
            continue
        if first is not None and arn.account != first:
            yield value.problem(
                "it is in another account than the function's other resources",
                "write ${config('AccountID')} for the account wherever one is named",
            )
        first = first if first is not None else arn.account


def _owned(function: Function) -> Iterator[Value]:
    found = [function.props.get("role")]
    found += [
        function.props.get("asyncInvokeConfig", "destinationConfig", end, "destination")
        for end in ("onSuccess", "onFailure")
    ]
    found += [
        trigger.get("triggerConfig", "runOptions", "deadLetterQueue", "Arn")
        for trigger in function.triggers()
    ]
    yield from (value for value in found if value is not None)


def async_failures(function: Function) -> Iterator[Problem]:
    """A failed asynchronous invocation goes somewhere, and is young enough for each of its attempts."""
    config = function.props.get("asyncInvokeConfig")
    if config is None:
        return
    if config.get("destinationConfig", "onFailure") is None:
        yield config.problem(
            "what fails at its last attempt is dropped without a trace",
            "add destinationConfig.onFailure with the ARN of a queue",
        )
    age, retries = (
        config.get("maxAsyncEventAgeInSeconds"),
        function.number("asyncInvokeConfig", "maxAsyncRetryAttempts"),
    )
    attempts = 1 + (3 if retries is None else retries)
    if age is not None and age.number is not None and age.number < attempts * function.timeout:
        yield age.problem(
            f"{attempts:g} attempts of {function.timeout:g} s may take longer: the last is not made",
            f"write at least {attempts * function.timeout:g}, or fewer attempts",
        )


FUNCTION_RULES: Final[tuple[Rule, ...]] = (
    *(sizes, concurrency, variables, secrets, runtime_keys, hooks, code),
    *(identity, one_account, async_failures),
)

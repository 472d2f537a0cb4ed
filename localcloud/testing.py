"""For tests of other people's code: a cloud that is filled, and a decorator that passes one.

Knows no test framework but unittest; `localcloud.pytest_plugin` makes fixtures of it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import unittest
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload

from localcloud.cloud import LocalCloud
from localcloud.errors import LocalCloudError
from localcloud.server import running_server
from localcloud.validation import read_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fctoolkit.jsontypes import FrozenJson

T = TypeVar("T")

Seed: TypeAlias = "Mapping[str, FrozenJson] | str | Path"
"""What `LocalCloud.seed` takes, or the path of a JSON file with it."""

_Function: TypeAlias = Callable[..., Any]
_Opening: TypeAlias = Callable[[], contextlib.AbstractContextManager[LocalCloud]]

_PARAMETER: Final = "cloud"


@contextlib.contextmanager
def opened(
    *seeds: Seed, behaviour: Mapping[str, FrozenJson] | None = None, served: bool = False
) -> Iterator[LocalCloud]:
    """A local cloud with what it is to hold, one seed after the other, and with its fields of behaviour.

    Raises SeedError naming the field that is not valid. `served`: over HTTP too, at `cloud.url`.
    """
    with contextlib.ExitStack() as stack:
        cloud = stack.enter_context(LocalCloud())
        cloud.configure(**(behaviour or {}))
        for seed in seeds:
            cloud.seed(_seed_records(seed))
        if served:
            stack.enter_context(running_server(cloud))
        yield cloud


@overload
def with_cloud(target: T, /) -> T: ...
@overload
def with_cloud(
    *, seed: Seed | None = None, behaviour: Mapping[str, FrozenJson] | None = None, served: bool = False
) -> Callable[[T], T]: ...
def with_cloud(
    target: object = None,
    /,
    *,
    seed: Seed | None = None,
    behaviour: Mapping[str, FrozenJson] | None = None,
    served: bool = False,
) -> object:
    """Gives each call of what it decorates a local cloud of its own. Nothing is patched.

    A function, asynchronous or not, or a method gets it as its parameter `cloud`. Of a class, each method
    `test…` that has this parameter does; a `unittest.TestCase` has it as `self.cloud`, from before `setUp`.

    Args:
        target: what is decorated, when the decorator stands without parentheses.
        seed: what the cloud holds at first, or a JSON file with it.
        behaviour: fields of Behaviour.
        served: over HTTP too, at `cloud.url`.

    Raises LocalCloudError when what is decorated has no place for the cloud.
    """
    seeds = () if seed is None else (seed,)
    opening = functools.partial(opened, *seeds, behaviour=behaviour, served=served)
    if target is None:
        return lambda decorated: _decorated(decorated, opening)
    return _decorated(target, opening)


def _decorated(target: object, opening: _Opening) -> object:
    if isinstance(target, type):
        return _decorated_class(target, opening)
    if not inspect.isfunction(target):
        raise LocalCloudError(f"with_cloud decorates functions, methods and classes, not {target!r}")
    if not _takes_cloud(target):
        raise LocalCloudError(f"{target.__qualname__} has no parameter `{_PARAMETER}` for the cloud")
    return _decorated_function(target, opening)


def _decorated_function(function: _Function, opening: _Opening) -> _Function:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise LocalCloudError(
            f"{function.__qualname__} is a generator: use `with LocalCloud() as cloud` in it"
        )

    def called(*arguments: object, **named: object) -> object:
        with opening() as cloud:
            return function(*arguments, **{**named, _PARAMETER: cloud})

    async def awaited(*arguments: object, **named: object) -> object:
        with opening() as cloud:
            return await function(*arguments, **{**named, _PARAMETER: cloud})

    wrapper: _Function = awaited if inspect.iscoroutinefunction(function) else called
    functools.update_wrapper(wrapper, function)
    # pytest would look for a fixture of that name.
    signature = inspect.signature(function)
    others = [one for one in signature.parameters.values() if one.name != _PARAMETER]
    vars(wrapper)["__signature__"] = signature.replace(parameters=others)
    return wrapper


def _decorated_class(target: type, opening: _Opening) -> type:
    if issubclass(target, unittest.TestCase):
        _prepare_test_case(target, opening)
        return target
    methods = {
        name: method
        for name, method in inspect.getmembers(target, inspect.isfunction)
        if name.startswith("test") and _takes_cloud(method)
    }
    if not methods:
        raise LocalCloudError(
            f"{target.__qualname__} has no method `test…` with a parameter `{_PARAMETER}` for the cloud"
        )
    for name, method in methods.items():
        setattr(target, name, _decorated_function(method, opening))
    return target


def _prepare_test_case(target: type[unittest.TestCase], opening: _Opening) -> None:
    set_up = target.setUp

    @functools.wraps(set_up)
    def with_cloud_set_up(case: unittest.TestCase) -> None:
        setattr(case, _PARAMETER, case.enterContext(opening()))
        set_up(case)

    setattr(target, set_up.__name__, with_cloud_set_up)


def _takes_cloud(function: _Function) -> bool:
    return _PARAMETER in inspect.signature(function).parameters


def _seed_records(seed: Seed) -> Mapping[str, FrozenJson]:
    if isinstance(seed, Mapping):
        return seed
    return read_seed(Path(seed))

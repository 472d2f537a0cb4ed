"""What a function gets of its caller's environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.functions.spec import CustomRuntime, FunctionSpec
from localcloud.runtime.environment import BASICS, function_environment

NAMES = st.sampled_from(
    [
        *sorted(BASICS),
        "ENLIST_STORE",
        "ALIBABA_CLOUD_X",
        "LOG_LEVEL",
        "LOG_LEVEL_X",
        "FC_REGION",
        "SECRET",
        "MY_ENLIST_X",
    ]
)
VARIABLES = st.dictionaries(NAMES, st.text(max_size=3))


@settings(max_examples=200)
@given(VARIABLES, VARIABLES)
def test_order_of_precedence(caller: dict[str, str], own: dict[str, str]) -> None:
    """FC's variables stand above the caller's overrides, these above s.yaml's, these above the basics."""
    own.pop("FC_REGION", None)
    spec = FunctionSpec("k", "fn", "index.handler", Path(), environment=own, region="cn-hangzhou")
    result = function_environment(spec, caller)
    for name, value in result.items():
        if name.startswith("FC_"):
            continue
        override = name == "LOG_LEVEL" or name.startswith(("ENLIST_", "ALIBABA_CLOUD_"))
        first, second = (caller, own) if override else (own, caller)
        assert value == (first[name] if name in first else second[name])
    assert result["FC_REGION"] == "cn-hangzhou"
    assert not {"SECRET", "LOG_LEVEL_X", "MY_ENLIST_X"} & (result.keys() - own.keys())
    assert own.keys() <= result.keys()


@pytest.mark.parametrize("runtime", ["python3.12", "custom.debian12"])
def test_programs_and_libraries_of_layers(tmp_path: Path, runtime: str) -> None:
    """What layers have in bin and lib is found, the first layer's first, unless s.yaml says otherwise."""
    for folder in ("first/python", "first/bin", "second/python", "second/bin", "second/lib", "packages/bin"):
        (tmp_path / folder).mkdir(parents=True)
    layers = tuple(tmp_path / name for name in ("first", "second", "packages"))
    custom = CustomRuntime() if runtime.startswith("custom") else None
    spec = FunctionSpec("k", "fn", "index.handler", tmp_path, layers=layers, runtime=runtime, custom=custom)
    seen = function_environment(spec, {"PATH": "/usr/bin"})
    assert seen["PATH"] == f"{tmp_path}/first/bin:{tmp_path}/second/bin:/usr/bin"
    assert seen["LD_LIBRARY_PATH"] == f"{tmp_path}:{tmp_path}/lib:{tmp_path}/second/lib"
    own = function_environment(replace(spec, environment={"PATH": "/own"}), {"PATH": "/usr/bin"})
    assert own["PATH"] == "/own"
    assert "LD_LIBRARY_PATH" not in function_environment(replace(spec, layers=()), {})

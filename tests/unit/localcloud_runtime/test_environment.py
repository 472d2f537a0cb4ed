"""What a function gets of its caller's environment."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.function_spec import FunctionSpec
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

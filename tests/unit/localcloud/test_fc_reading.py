"""What callers send about functions: how it is read before anything is done."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.errors import Refusal
from localcloud.functions.model import AsyncInvokeModel
from localcloud.services.fc.reading import checked_input, read_config


@pytest.mark.parametrize(
    "sent",
    [
        {"destinationConfig": None},
        {"destinationConfig": {"onFailure": None, "onSuccess": {"destination": None}}},
    ],
)
def test_what_is_null_was_not_sent(sent: Any) -> None:
    """A null is as good as nothing, at any depth: clients differ in what they send for what is not set."""
    assert checked_input(AsyncInvokeModel, sent) == AsyncInvokeModel()


def test_what_is_no_object() -> None:
    """The message names the field, and nothing that only the local cloud knows."""
    sent: Any = {"runtime": "python3.12", "handler": "index.handler", "instanceLifecycleConfig": [1]}
    with pytest.raises(Refusal) as refused:
        read_config("one", {}, sent)
    assert refused.value.message == "instanceLifecycleConfig: should be an object"

"""The floor under a function on httpx2 and pydantic: one signed call, its answer read by one model."""

from __future__ import annotations

from functools import cache

import httpx2
from one_call import described, host
from pydantic import AliasChoices, AliasPath, BaseModel, Field


class Answer(BaseModel):
    """The state of a cluster, or of an instance."""

    state: str = Field(validation_alias=AliasChoices("state", AliasPath("Result", "status")))


def initialize(context: object) -> None:
    """FC calls it once per instance, before the first event."""
    client()


def handler(event: bytes, context: object) -> str:
    """Makes the call that the event asks for; gives the state."""
    path, headers = described(event)
    response = client().get(f"http://{host()}{path}", headers=headers)
    response.raise_for_status()
    return Answer.model_validate_json(response.content).state


@cache
def client() -> httpx2.Client:
    """The client, made once."""
    return httpx2.Client(trust_env=False)
